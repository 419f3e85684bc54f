"""Plain technical English: phrases that CONTRIBUTING.md rules out are in no file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.repository.files import ROOT, project_files

if TYPE_CHECKING:
    from pathlib import Path

# Flows, and their tests, are written by users, in their own words.
NOT_OURS = {"functions/flows", "tests/flows", "tests/template/golden"}
PHRASES = re.compile(
    r'"""(?:Give|Say|Tell|Have|Let) '  # a summary begins with Return, Raise, Build, …
    r"|(?<!there )\bis no (?!longer|such)"  # write "is not a number"
    r"|\b[Ww]hoever\b|\bdoors?\b|\bstands?\b|fei[g]n|alarms? rings?"
)


def texts() -> list[Path]:
    """Return the files that people read, without those that users write."""
    return [
        path
        for path in project_files(".py", ".js", ".md", ".yaml")
        if not any(path.is_relative_to(ROOT / folder) for folder in NOT_OURS)
    ]


def found(text: str) -> list[str]:
    """Return the phrases in a text, each with its line number."""
    lines = enumerate(text.splitlines(), 1)
    return [f"line {number}: {hit}" for number, line in lines for hit in PHRASES.findall(line)]


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_none_of_the_phrases(path: Path) -> None:
    assert not found(path.read_text(encoding="utf-8"))


def test_a_phrase_would_be_found() -> None:
    phrase = "alarm" + " rings"
    assert found(f"x\nthe {phrase} here\n") == [f"line 2: {phrase}"]
