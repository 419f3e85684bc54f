"""Parse the documentation: headings, code blocks, and commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n[ ]*)?"
    r"^(?P<indent>[ ]*)```(?P<kind>\w*)\n(?P<text>.*?)^[ ]*```",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """A code block, and the file that it quotes, if the page names one."""

    page: str
    kind: str
    text: str
    file: str | None


class DocumentedCommand(NamedTuple):
    """A command on one line, and the output that the page shows."""

    page: str
    text: str
    output: str


def name(page: Path) -> str:
    """Return a page's path relative to the project's root."""
    return str(page.relative_to(ROOT))


def blocks() -> list[Block]:
    """Return every code block of every page."""
    return [
        Block(name(page), found["kind"], _dedented(found["text"], found["indent"]), found["file"])
        for page in PAGES
        for found in _BLOCK.finditer(page.read_text())
    ]


def commands() -> list[DocumentedCommand]:
    """Return every command of every `console` block."""
    found = []
    for block in blocks():
        if block.kind != "console":
            continue
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            text, _, output = part.replace("\\\n", "\0").partition("\n")
            line = re.sub(r"\s*\0\s*", " ", text)
            found.append(
                DocumentedCommand(block.page, re.sub(r"\s{2,}# .*$", "", line).strip(), output)
            )
    return found


def without_code(page: Path) -> str:
    """Return a page's text without its code blocks."""
    return _BLOCK.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub derives from a page's headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one) for one in headings]
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in plain}


def _dedented(text: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))
