"""HTTP server of the web console: the page's files, the live feed, and the simulator's `/sim`."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from . import origin_check
from .incoming_calls import IncomingCalls
from .live_feed import LiveFeed
from .responses import JsonResponder
from .simulator_proxy import SimulatorProxy
from .static_files import StaticFiles

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping, Sequence

BODY_LIMIT = 1024 * 1024  # bytes of a request body
_PAGE = Path(__file__).with_name("page")
_SHUTDOWN_TIMEOUT = 1.0  # seconds that pending requests get when the console stops


class ConsoleServer:
    """The web console's server; ``url`` and ``port`` are its address after ``start``.

    A subclass adds to it: `page_folders` whose files come first, such as an ``extensions.js``;
    routes, in `add_routes`; and messages for the pages, in `earlier_messages` and ``feed``.

    Parameters
    ----------
    about
        The fields of ``GET /api/stack`` without ``platform``: ``numbers`` (each with its ``number``
        and ``flow``), ``vonage_url``, and further ones for the page. They contain no secrets.
    secrets
        Secrets to remove from every response.
    """

    url: str
    port: int
    feed: LiveFeed
    page_folders: Sequence[Path] = ()

    def __init__(self, about: Mapping[str, Any], secrets: Sequence[str] = ()) -> None:
        self.about = about
        self.responder = JsonResponder(secrets)
        self.exit = contextlib.AsyncExitStack()
        self._platform = str(uuid.uuid4())

    def add_routes(self, app: web.Application, session: aiohttp.ClientSession) -> None:
        """Add routes to the server; the session is an HTTP client for them."""

    def earlier_messages(self) -> Iterable[dict[str, Any]]:
        """Return the messages for a page that connects."""
        return ()

    async def start(self, listening: socket.socket) -> None:
        """Serve requests on a socket that is bound to a loopback address."""
        self.port = listening.getsockname()[1]
        host = f"127.0.0.1:{self.port}"
        session = await self.exit.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # one page's streams must not block others
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        )
        app = web.Application(
            middlewares=[origin_check.json_errors, origin_check.same_origin_only(host)],
            client_max_size=BODY_LIMIT,
        )
        app.on_response_prepare.append(origin_check.add_security_headers)
        vonage_url = self.about["vonage_url"]
        self.feed = LiveFeed(
            self._platform,
            vonage_url,
            session,
            IncomingCalls(vonage_url, session),
            self.responder,
            self.earlier_messages,
        )
        files = StaticFiles((*self.page_folders, _PAGE))
        for part in (files, SimulatorProxy(vonage_url, session), self.feed):
            app.add_routes(part.routes())
        app.add_routes([web.get("/api/stack", self._stack, allow_head=False)])
        self.add_routes(app, session)
        # handler_cancellation stops the work for a client that disconnected.
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT, handler_cancellation=True
        )
        await runner.setup()
        self.exit.push_async_callback(runner.cleanup)
        self.exit.callback(self.feed.close)
        await web.SockSite(runner, listening).start()
        self.url = f"http://{host}"

    async def stop(self) -> None:
        """Close every page's connections, and restore the simulator settings they changed."""
        await self.exit.aclose()

    async def _stack(self, _request: web.Request) -> web.Response:
        return self.responder.json({"platform": self._platform, **self.about})
