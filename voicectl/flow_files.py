"""Write the files of a new call flow: a copy of a recipe, and of the recipe's test."""

from __future__ import annotations

import difflib
import keyword
import re
from typing import TYPE_CHECKING

from voicectl.errors import ArgumentError, VoicectlError

if TYPE_CHECKING:
    from pathlib import Path

STARTER = "echo_key"
"""The recipe of a flow that is created without one."""
FLOWS, TESTS = "functions/flows", "tests/flows"
# What the parameter DefaultFlow of template.yaml allows.
_NAME = r"[a-z][a-z0-9_]{0,31}"
_ALLOWED = (
    "1 to 32 lower-case letters, digits and underscores, of which the first is a letter, and not a"
    " keyword of Python"
)


def recipes(root: Path) -> list[str]:
    """Return the names of the flows that a new flow can start from, sorted.

    These are the recipes, and the flows whose test calls them by name, yours included.
    """
    return sorted(_sources(root))


def create_flow(root: Path, name: str, recipe: str = STARTER) -> list[Path]:
    """Write a flow and its test, and return the paths of both.

    Raises
    ------
    VoicectlError
        As `new_files`, and if a file cannot be written. No file was changed, and none remains.
    """
    texts = new_files(root, name, recipe)
    _write(texts)
    return list(texts)


def new_files(root: Path, name: str, recipe: str = STARTER) -> dict[Path, str]:
    """Return the paths and texts of a new flow and its test.

    Parameters
    ----------
    root
        The folder of template.yaml.
    name
        The name of the flow.
    recipe
        One of `recipes`.

    Raises
    ------
    VoicectlError
        If the name is not allowed, a file with this name exists, or there is no such recipe.
    """
    if not re.fullmatch(_NAME, name) or keyword.iskeyword(name):
        raise ArgumentError(f"{name!r} is not a name for a flow; expected {_ALLOWED}")
    flow, test = _source(root, recipe)
    texts = {
        root / FLOWS / f"{name}.py": flow.read_text(encoding="utf-8"),
        root / TESTS / f"test_{name}.py": _renamed(test, recipe, name),
    }
    for path in texts:
        if path.exists():
            raise _exists(path)
    return texts


def _sources(root: Path) -> dict[str, tuple[Path, Path]]:
    """Return the flow and the test of each recipe."""
    found: dict[str, tuple[Path, Path]] = {}
    for flows, tests in ((FLOWS, TESTS), ("docs/recipes", "tests/recipes")):
        for flow in (root / flows).glob("[a-z]*.py"):
            test = root / tests / f"test_{flow.stem}.py"
            # A test that calls another flow, or the default flow, would not test the copy.
            if test.is_file() and f'.call("{flow.stem}"'.encode() in test.read_bytes():
                found[flow.stem] = flow, test
    return found


def _source(root: Path, recipe: str) -> tuple[Path, Path]:
    sources = _sources(root)
    if not (root / FLOWS).is_dir() or not sources:
        raise VoicectlError(
            f"there are no call flows in {root}. Run this command in the folder of template.yaml."
        )
    if recipe not in sources:
        close = difflib.get_close_matches(recipe, sources, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        if (root / FLOWS / f"{recipe}.py").is_file():
            raise ArgumentError(
                f"no test in {TESTS}/test_{recipe}.py calls {recipe} by its name. Copy the file"
                f" {FLOWS}/{recipe}.py, and write a test for the copy."
            )
        raise ArgumentError(
            f"there is no recipe {recipe!r}; expected one of {', '.join(sorted(sources))}.{hint}"
        )
    return sources[recipe]


def _renamed(test: Path, recipe: str, name: str) -> str:
    """Return the text of a test for a flow with another name."""
    text = test.read_text(encoding="utf-8")
    for before, after in (('.call("', '"'), ("flow `", "`")):
        text = text.replace(f"{before}{recipe}{after}", f"{before}{name}{after}")
    return text


def _exists(path: Path) -> VoicectlError:
    return VoicectlError(f"{path} already exists. Choose another name, or edit this file.")


def _write(texts: dict[Path, str]) -> None:
    """Create all files or, if one exists or cannot be written, none."""
    created: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                created.append(path)
                file.write(text)
    except BaseException as error:
        for half in created:
            half.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise _exists(path) from None
        if isinstance(error, OSError):
            raise VoicectlError(f"cannot write {path}: {error.strerror}") from None
        raise
