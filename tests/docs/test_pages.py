"""What the pages show is there: code is a file, links lead somewhere, tables tell the template."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, Block, anchors, blocks, name, without_code
from tests.template.golden import transformed

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)")
_CODE = ("python", "json", "yaml")


def test_the_pages_show_code_and_commands() -> None:
    assert {"python", "console", "json"} <= {block.kind for block in blocks()}


@pytest.mark.parametrize(
    "block", [one for one in blocks() if one.kind in _CODE], ids=lambda it: f"{it.page}:{it.file}"
)
def test_a_block_of_code_is_a_file_or_a_part_of_one(block: Block) -> None:
    assert block.file, f"a block in {block.page} does not name its file:\n{block.text}"
    content = (ROOT / block.file).read_text()
    assert block.text in content
    if block.kind == "python":
        ast.parse(content)
    elif block.kind == "json":
        json.loads(content)
    else:
        yaml.safe_load(content)


def test_every_block_has_a_kind() -> None:
    assert [one for one in blocks() if not one.kind] == []


def test_settings_that_are_shown_are_read() -> None:
    shown = [block.text for block in blocks() if block.kind == "sh"]
    names = {found for text in shown for found in re.findall(r"^(\w+)=", text, re.MULTILINE)}
    assert names
    known = (ROOT / "connect" / "settings.py").read_text()
    assert [one for one in sorted(names) if f'"{one.removesuffix("_PATH")}' not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in _LINK.findall(without_code(page)):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_picture_is_there_and_says_what_it_shows(page: Path) -> None:
    text = page.read_text()
    for tag in re.findall("<img [^>]*>", text):
        assert re.search('alt="[^"]{10,}"', tag), tag
    for source in re.findall(r'(?:src|srcset)="([^"]+)"', text):
        assert (page.parent / source).exists(), source


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for link in _LINK.findall(index.read_text())
    }
    decisions = set((ROOT / "docs" / "decisions").glob("*.md"))
    assert (set(PAGES) | decisions) - {index} <= linked


def test_the_table_of_parameters_is_the_templates() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (?:`([^`]*)`|(none)) \|",
        (ROOT / "docs/deploy.md").read_text(),
        re.MULTILINE,
    )
    told = {parameter: default for parameter, default, _none in rows}
    real = {
        parameter: str(one.get("Default", ""))
        for parameter, one in transformed()["Parameters"].items()
    }
    assert told == real


def test_what_security_names_as_proof_is_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`((?:functions|local|connect|tests|docs|layers)/[\w/.-]+)`", text)
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []
