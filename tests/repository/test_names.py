"""Names: one class name has one meaning, and no module hides one of Python's."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = "functions", "layers", "simulator", "local", "voicectl", "examples", "tests"
# A simulated NCCO action and a flow's argument; a simulated NCCO action and the object it makes;
# the mails of the local platform, and audio for Vonage in an example that people copy.
TWO_MEANINGS = {"Input", "Conversation", "Outbox"}


def python_files() -> list[Path]:
    """Return the repository's Python files, without flows, which users write."""
    return [
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.parent != ROOT / "functions/flows" and path.parent != ROOT / "tests/flows"
    ]


def test_a_class_name_is_used_once() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert twice.keys() == TWO_MEANINGS, twice


def test_no_module_has_the_name_of_a_standard_module() -> None:
    hidden = {
        str(path.relative_to(ROOT))
        for path in python_files()
        if path.stem in sys.stdlib_module_names
        and path.parent != ROOT / "voicectl/commands"  # named after the commands
    }
    assert not hidden
