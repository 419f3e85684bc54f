"""The pages are correct: quoted files, links, images, and tables match the repository."""

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


def test_finds_code_and_commands() -> None:
    assert {"python", "console", "json"} <= {block.kind for block in blocks()}


@pytest.mark.parametrize(
    "block", [one for one in blocks() if one.kind in _CODE], ids=lambda it: f"{it.page}:{it.file}"
)
def test_code_blocks_quote_their_file(block: Block) -> None:
    assert block.file, f"a block in {block.page} does not name its file:\n{block.text}"
    content = (ROOT / block.file).read_text()
    assert block.text in content
    if block.kind == "python":
        ast.parse(content)
    elif block.kind == "json":
        json.loads(content)
    else:
        yaml.safe_load(content)


def test_every_code_block_has_a_language() -> None:
    assert [one for one in blocks() if not one.kind] == []


def test_documented_settings_are_read_by_the_cli() -> None:
    texts = [block.text for block in blocks() if block.kind == "sh"]
    names = {found for text in texts for found in re.findall(r"^(\w+)=", text, re.MULTILINE)}
    assert names
    known = (ROOT / "voicectl" / "settings.py").read_text()
    assert [one for one in sorted(names) if f'"{one.removesuffix("_PATH")}' not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_has_a_target(page: Path) -> None:
    broken = []
    for link in _LINK.findall(without_code(page)):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_image_exists_and_has_alternative_text(page: Path) -> None:
    text = page.read_text()
    for tag in re.findall("<img [^>]*>", text):
        assert re.search('alt="[^"]{10,}"', tag), tag
    for source in re.findall(r'(?:src|srcset)="([^"]+)"', text):
        assert (page.parent / source).exists(), source


def test_the_index_links_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve()
        for link in _LINK.findall(index.read_text())
    }
    decisions = set((ROOT / "docs" / "decisions").glob("*.md"))
    assert (set(PAGES) | decisions) - {index} <= linked


def test_the_parameter_table_matches_the_template() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (?:`([^`]*)`|(none)) \|",
        (ROOT / "docs/deploy.md").read_text(),
        re.MULTILINE,
    )
    documented = {parameter: default for parameter, default, _none in rows}
    actual = {
        parameter: str(one.get("Default", ""))
        for parameter, one in transformed()["Parameters"].items()
    }
    assert documented == actual


def test_files_named_in_the_threat_model_exist() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    paths = re.findall(r"`((?:functions|local|voicectl|tests|docs|layers)/[\w/.-]+)`", text)
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
