"""Read the metadata of flows from their source files, without importing them."""

from __future__ import annotations

import ast
import dis
import warnings
from typing import TYPE_CHECKING, Any

from local.explore.digit_literals import compared

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import CodeType

HANDLERS = ("answer", "dtmf", "asr", "notification", "event")
_NO_ANSWER = "no function answer; the name of a helper module begins with an underscore"
_SIZE_LIMIT = 512 * 1024  # bytes of a source file


def read_all(folder: Path) -> list[dict[str, Any]]:
    """Return the metadata of every flow in a folder, sorted by name.

    These are all modules whose name begins with no underscore, broken ones included.

    Returns
    -------
    list of dict
        ``name``, ``doc``, ``handlers``, ``keys`` (the DTMF digits in the source, each with its
        line), ``uses_line`` (whether the switchboard decides what it does), and ``error``: None, or
        a ``line`` and a ``text``.
    """
    return [read(path) for path in sorted(folder.glob("*.py")) if path.stem[0] not in "_."]


def missing(flow: str, known: Iterable[str]) -> str:
    """Return the reason why a name is not the name of a flow."""
    return f"there is no flow {flow}; expected {', '.join(known)}"


def read(path: Path) -> dict[str, Any]:
    """Return the metadata of one flow."""
    flow: dict[str, Any] = {"name": path.stem, "doc": "", "handlers": [], "keys": {}}
    flow |= {"uses_line": False, "error": None}
    if not path.stem.isidentifier():
        text = "invalid flow name; expected letters, digits and underscores, and no digit first"
        return flow | {"error": {"line": None, "text": text}}
    try:
        tree, code = _parse(path)
    except SyntaxError as error:
        return flow | {"error": {"line": error.lineno, "text": error.msg}}
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return flow | {"error": {"line": None, "text": str(error) or type(error).__name__}}
    defined = _defined(tree, code)
    return flow | {
        "error": None if "answer" in defined else {"line": None, "text": _NO_ANSWER},
        "doc": ast.get_docstring(tree) or "",
        "handlers": [name for name in HANDLERS if name in defined],
        "keys": compared(tree),
        "uses_line": any(
            isinstance(one, ast.Attribute) and one.attr == "line" for one in ast.walk(tree)
        ),
    }


def _parse(path: Path) -> tuple[ast.Module, CodeType]:
    with path.open("rb") as file:
        source = file.read(_SIZE_LIMIT + 1)
    if len(source) > _SIZE_LIMIT:
        raise ValueError(f"the file exceeds {_SIZE_LIMIT // 1024} KiB")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        return tree, compile(tree, path.name, "exec", dont_inherit=True)


def _defined(tree: ast.Module, code: CodeType) -> set[str]:
    """Return the names that a module defines, assigns or imports, inside ``if`` and ``try`` too."""
    defined = {one.argval for one in dis.get_instructions(code) if one.opname == "STORE_NAME"}
    imported = {
        name.name for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) for name in one.names
    }
    # Any name may come from an import of all names: `answer`, which every flow has, surely does.
    return defined | {"answer"} if "*" in imported else defined
