"""What the flows' files say of them, what flows answer, and whether files changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.flow_files import read_all
from local.lambdas import state_of
from local.phone.answers import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from local.phone.answers import Answers

_PAUSE = 1.0  # seconds between two looks


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
