"""Routes for flows: list them, fetch their NCCOs, explore their paths; and watch their files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.aws.lambda_service import source_fingerprint
from local.explore.flow_files import read_all
from local.explore.render import as_data, as_text
from vonage_simulator.console.responses import HttpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from local.explore.report import FlowReport
    from vonage_simulator.console.responses import JsonResponder

_WATCH_INTERVAL = 1.0  # seconds
_EXPLORE_TIMEOUT = 60.0  # seconds


class FlowRoutes:
    """Routes for the flows in one folder.

    Parameters
    ----------
    folder
        The folder of the flows.
    fetch_ncco
        Fetches the NCCO of a flow, by name, through the API.
    explore
        Explores every path of a flow, given its metadata.
    responder
        Builds JSON responses without secrets.
    """

    def __init__(
        self,
        folder: Path,
        fetch_ncco: Callable[[str], Awaitable[dict[str, Any]]],
        explore: Callable[[dict[str, Any]], Awaitable[FlowReport]],
        responder: JsonResponder,
    ) -> None:
        self._folder = folder
        self._fetch_ncco = fetch_ncco
        self._explore_flow = explore
        self._responder = responder
        self._lock = asyncio.Lock()  # reading changes the warning filters, which threads share

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of flows."""
        return [
            web.get("/api/flows", self._list, allow_head=False),
            web.get("/api/flows/{name}/ncco", self._ncco, allow_head=False),
            web.post("/api/flows/{name}/walk", self._explore),
        ]

    async def _list(self, _request: web.Request) -> web.Response:
        return self._responder.json({"flows": await self._read_all()})

    async def _ncco(self, request: web.Request) -> web.Response:
        flow = await self._find(request)
        return self._responder.json(await self._fetch_ncco(flow["name"]))

    async def _explore(self, request: web.Request) -> web.Response:
        """Explore a flow; return its tree as text and as data, and the problems found."""
        flow = await self._find(request)
        if flow["error"] is not None:
            raise HttpError(409, "The flow cannot be explored", flow["error"]["text"])
        try:
            async with asyncio.timeout(_EXPLORE_TIMEOUT):
                report = await self._explore_flow(flow)
        except TimeoutError:
            detail = f"the flow explorer stopped after {_EXPLORE_TIMEOUT:.0f} s"
            raise HttpError(504, "Timed out", detail) from None
        tree = report.tree
        body = {"text": as_text(tree), "findings": report.findings, "tree": as_data(tree)}
        return self._responder.json(body)

    async def _find(self, request: web.Request) -> dict[str, Any]:
        name = request.match_info["name"]
        for flow in await self._read_all():
            if flow["name"] == name:
                return flow
        raise HttpError(404, "Not Found", "there is no such flow")

    async def _read_all(self) -> list[dict[str, Any]]:
        async with self._lock:
            return await asyncio.to_thread(read_all, self._folder)


async def watch_files(folder: Path, fingerprint: int, changed: Callable[[], None]) -> None:
    """Check the files of a folder once a second, and report changes.

    Parameters
    ----------
    folder
        The folder.
    fingerprint
        Its ``source_fingerprint`` at the start.
    changed
        Called after a change.
    """
    while True:
        await asyncio.sleep(_WATCH_INTERVAL)
        current = await asyncio.to_thread(source_fingerprint, folder)
        if current != fingerprint:
            fingerprint = current
            changed()
