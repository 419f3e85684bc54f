"""The pages of the documentation, taken apart: headings, links, code, commands."""

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
    """A block of code: its page, its kind, its text, and the file that it is said to be from."""

    page: str
    kind: str
    text: str
    file: str | None


class DocumentedCommand(NamedTuple):
    """A command as it is typed, on one line, and what the page shows below it."""

    page: str
    text: str
    shown: str


def name(page: Path) -> str:
    """Give a page's name, from the root of the project."""
    return str(page.relative_to(ROOT))


def blocks() -> list[Block]:
    """Give every block of code of every page."""
    return [
        Block(name(page), found["kind"], _dedented(found["text"], found["indent"]), found["file"])
        for page in PAGES
        for found in _BLOCK.finditer(page.read_text())
    ]


def commands() -> list[DocumentedCommand]:
    """Give every command that a page tells its reader to type."""
    found = []
    for block in blocks():
        if block.kind != "console":
            continue
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            text, _, shown = part.replace("\\\n", "\0").partition("\n")
            typed = re.sub(r"\s*\0\s*", " ", text)
            found.append(
                DocumentedCommand(block.page, re.sub(r"\s{2,}# .*$", "", typed).strip(), shown)
            )
    return found


def without_code(page: Path) -> str:
    """Give a page's text without its blocks of code."""
    return _BLOCK.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """Give what a link may name on a page, as GitHub makes it of the headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one) for one in headings]
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in plain}


def _dedented(text: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))
