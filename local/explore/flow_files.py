"""What the files of flows say of themselves, read without running any."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any

from local.explore.digit_literals import compared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

HANDLERS = ("answer", "dtmf", "asr", "notification", "event")
_LONGEST = 512 * 1024  # bytes of a file that is read


def read_all(folder: Path) -> list[dict[str, Any]]:
    """Describe every flow in a folder, by name; those with a syntax error among them.

    Other files of the package, which have no ``answer``, are no flows.

    Returns
    -------
    list of dict
        ``name``, ``doc``, ``handlers``, ``keys`` that the flow asks for by name, each with its
        line, and ``error``: None, or a ``line`` and a ``text``.
    """
    found = [read(path) for path in sorted(folder.glob("*.py")) if path.stem[0] not in "_."]
    return [flow for flow in found if flow["error"] or "answer" in flow["handlers"]]


def missing(flow: str, folder: Path, known: Iterable[str]) -> str:
    """Say why a name is not that of a flow in a folder."""
    path = folder / f"{flow}.py"
    if path.is_file():
        return f"{path} has no function answer, so it is no flow"
    return f"there is no flow {flow}; there are {', '.join(known)}"


def read(path: Path) -> dict[str, Any]:
    """Describe one flow."""
    described: dict[str, Any] = {"name": path.stem, "doc": "", "handlers": [], "keys": {}}
    described["error"] = None
    if not path.stem.isidentifier():
        text = "the name of a flow is of letters, digits and underscores, and begins with no digit"
        return described | {"error": {"line": None, "text": text}}
    try:
        tree = _parse(path)
    except SyntaxError as error:
        return described | {"error": {"line": error.lineno, "text": error.msg}}
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return described | {"error": {"line": None, "text": str(error) or type(error).__name__}}
    defined = set(_names(tree))
    return described | {
        "doc": ast.get_docstring(tree) or "",
        "handlers": [name for name in HANDLERS if name in defined],
        "keys": compared(tree),
    }


def _parse(path: Path) -> ast.Module:
    with path.open("rb") as file:
        source = file.read(_LONGEST + 1)
    if len(source) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST // 1024} KiB")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        compile(tree, path.name, "exec", dont_inherit=True)  # finds what the grammar lets pass
    return tree


def _names(tree: ast.Module) -> Iterator[str]:
    """Give the names that a module defines, assigns or imports at its top."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.ImportFrom):
            yield from (one.asname or one.name for one in node.names)
        elif isinstance(node, ast.Assign):
            yield from (one.id for one in node.targets if isinstance(one, ast.Name))
