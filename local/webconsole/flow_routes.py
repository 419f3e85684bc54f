"""What the flows' files say of them, what flows answer, and whether files changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.aws.lambda_service import source_fingerprint
from local.explore.flow_files import read_all
from local.webconsole.responses import HttpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from local.explore.report import FlowReport
    from local.webconsole.responses import JsonResponder

_PAUSE = 1.0  # seconds between two looks


_WALK = 60.0  # seconds that walking every path of a flow may take


class FlowRoutes:
    """The handlers.

    Parameters
    ----------
    folder
        Where the flows are.
    ncco
        Asks a flow by its name what a caller would hear first.
    explore
        Walks every path of a flow, given as its file tells.
    answers
        Writes JSON without secrets.
    """

    def __init__(
        self,
        folder: Path,
        ncco: Callable[[str], Awaitable[dict[str, Any]]],
        explore: Callable[[dict[str, Any]], Awaitable[FlowReport]],
        answers: JsonResponder,
    ) -> None:
        self._folder = folder
        self._ncco_of = ncco
        self._explore = explore
        self._drawings: dict[str, str] = {}
        self._answers = answers
        self._turn = asyncio.Lock()  # for the filter of warnings, which all threads share

    def routes(self) -> list[web.RouteDef]:
        """Give every path of flows."""
        return [
            web.get("/api/flows", self._all, allow_head=False),
            web.get("/api/flows/{name}/ncco", self._ncco, allow_head=False),
            web.post("/api/flows/{name}/walk", self._walk),
            web.get("/api/flows/{name}/tree.svg", self._tree, allow_head=False),
        ]

    async def _all(self, _request: web.Request) -> web.Response:
        return self._answers.json({"flows": await self._read_all()})

    async def _ncco(self, request: web.Request) -> web.Response:
        flow = await self._named(request)
        return self._answers.json(await self._ncco_of(flow["name"]))

    async def _walk(self, request: web.Request) -> web.Response:
        """Walk a flow; its drawing is kept until the next walk."""
        flow = await self._named(request)
        if flow["error"] is not None:
            raise HttpError(409, "The flow cannot be walked", flow["error"]["text"])
        try:
            async with asyncio.timeout(_WALK):
                found = await self._explore(flow)
        except TimeoutError:
            raise HttpError(504, "Gave up", f"the walk took longer than {_WALK:.0f} s") from None
        self._drawings[flow["name"]] = found.svg
        return self._answers.json({"text": found.text, "findings": found.findings})

    async def _tree(self, request: web.Request) -> web.Response:
        drawing = self._drawings.get(request.match_info["name"])
        if drawing is None:
            raise HttpError(404, "Not Found", "this flow was not walked yet")
        return web.Response(text=self._answers.hidden(drawing), content_type="image/svg+xml")

    async def _named(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["name"]
        for flow in await self._read_all():
            if flow["name"] == wanted:
                return flow
        raise HttpError(404, "Not Found", "there is no such flow")

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
        state = await asyncio.to_thread(source_fingerprint, folder)
        if state != known:
            known = state
            changed()
