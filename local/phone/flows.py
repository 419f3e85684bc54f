"""What the flows' files say of them, read without running any, and whether files changed."""

from __future__ import annotations

import ast
import asyncio
import warnings
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.lambdas import state_of
from local.phone.answers import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from local.phone.answers import Answers

HANDLERS = ("answer", "dtmf", "asr", "notification", "event")
_LONGEST = 512 * 1024  # bytes of a file that is read
_PAUSE = 1.0  # seconds between two looks


def read_all(folder: Path) -> list[dict[str, Any]]:
    """Describe every flow in a folder, by name; those with a syntax error among them.

    Other files of the package, which have no ``answer``, are no flows.

    Returns
    -------
    list of dict
        ``name``, ``doc``, ``handlers``, and ``error``: None, or a ``line`` and a ``text``.
    """
    found = [read(path) for path in sorted(folder.glob("*.py")) if path.stem[0] not in "_."]
    return [flow for flow in found if flow["error"] or "answer" in flow["handlers"]]


def read(path: Path) -> dict[str, Any]:
    """Describe one flow."""
    described: dict[str, Any] = {"name": path.stem, "doc": "", "handlers": [], "error": None}
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


class Flows:
    """The handlers.

    Parameters
    ----------
    folder
        Where the flows are.
    ncco
        Asks a flow by its name what a caller would hear first.
    answers
        Writes JSON without secrets.
    """

    def __init__(
        self, folder: Path, ncco: Callable[[str], Awaitable[dict[str, Any]]], answers: Answers
    ) -> None:
        self._folder = folder
        self._ncco_of = ncco
        self._answers = answers
        self._turn = asyncio.Lock()  # for the filter of warnings, which all threads share

    def routes(self) -> list[web.RouteDef]:
        """Give every path of flows."""
        return [
            web.get("/api/flows", self._all, allow_head=False),
            web.get("/api/flows/{name}/ncco", self._ncco, allow_head=False),
        ]

    async def _all(self, _request: web.Request) -> web.Response:
        return self._answers.json({"flows": await self._read_all()})

    async def _ncco(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in {flow["name"] for flow in await self._read_all()}:
            raise Refusal(404, "Not Found", "there is no such flow")
        return self._answers.json(await self._ncco_of(name))

    async def _read_all(self) -> list[dict[str, Any]]:
        async with self._turn:
            return await asyncio.to_thread(read_all, self._folder)


async def watch(folder: Path, known: int, changed: Callable[[], None]) -> None:
    """Look at the files below a folder once a second, and call when one of them changed.

    Parameters
    ----------
    folder
        The folder.
    known
        Its ``state_of`` at the beginning.
    changed
        Called after a change.
    """
    while True:
        await asyncio.sleep(_PAUSE)
        state = await asyncio.to_thread(state_of, folder)
        if state != known:
            known = state
            changed()
