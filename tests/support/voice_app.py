"""A minimal voice application: it returns one NCCO and counts the webhooks it receives."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class VoiceApp(NamedTuple):
    """A running application: its URL, and the number of webhooks by ``answer`` and ``event``."""

    url: str
    received: Counter[str]


@asynccontextmanager
async def voice_app(ncco: list[dict[str, Any]]) -> AsyncIterator[VoiceApp]:
    """Serve ``GET /answer``, which returns the NCCO, and ``POST /event``."""
    received: Counter[str] = Counter()

    async def answer(_: web.Request) -> web.Response:
        received["answer"] += 1
        return web.json_response(ncco)

    async def event(request: web.Request) -> web.Response:
        await request.read()
        received["event"] += 1
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.get("/answer", answer), web.post("/event", event)])
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        yield VoiceApp(f"http://127.0.0.1:{server.port}", received)
    finally:
        await server.close()
