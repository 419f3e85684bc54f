"""HTTP server of the web console: the page's files and its API, on one loopback address."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from local.aws.lambda_service import source_fingerprint
from local.webconsole import origin_check
from local.webconsole.admin_routes import AdminRoutes
from local.webconsole.flow_routes import FlowRoutes, watch_files
from local.webconsole.incoming_calls import IncomingCalls
from local.webconsole.live_feed import LiveFeed
from local.webconsole.request_views import full_view
from local.webconsole.responses import HttpError, JsonResponder
from local.webconsole.simulator_proxy import SimulatorProxy
from local.webconsole.static_files import StaticFiles
from local.webconsole.storage_routes import StorageRoutes
from local.webconsole.webhook_routes import WebhookRoutes

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from local.aws.lambda_service import LogLine
    from local.aws.request_log import RequestLog
    from local.explore.report import FlowReport
    from local.samples.signing import Signer

BODY_LIMIT = 1024 * 1024  # bytes of a request body
_PAGE = Path(__file__).with_name("page")
_SHUTDOWN_TIMEOUT = 1.0  # seconds that pending requests get when the platform stops


@dataclass(frozen=True)
class ConsoleContext:
    """The parts of the local platform that the web console uses.

    Attributes
    ----------
    about
        The fields of ``GET /api/stack`` without ``platform``; contains no secrets.
    secrets
        Secrets to remove from every response.
    signer
        Signs webhooks as the simulator does.
    request_log
        The recent requests to the API.
    listen
        Registers a callable that gets every log line of a function.
    code
        The folder of the functions; the flows are in its subfolder ``flows``.
    explore
        Explores every path of a flow, given its name and its handlers.
    dynamodb, s3
        boto3 clients.
    sign
        Signs a request to the admin API, given its method and path, and returns its headers.
    """

    about: Mapping[str, Any]
    secrets: tuple[str, ...]
    signer: Signer
    request_log: RequestLog
    listen: Callable[[Callable[[LogLine], None]], None]
    code: Path
    explore: Callable[[dict[str, Any]], Awaitable[FlowReport]]
    dynamodb: Any
    s3: Any
    sign: Callable[[str, str], Mapping[str, str]]


class WebConsole:
    """The web console's server; ``url`` and ``port`` are its address after ``start``.

    Parameters
    ----------
    context
        The parts of the platform to use.
    page
        The folder of the page's files.
    """

    url: str
    port: int

    def __init__(self, context: ConsoleContext, page: Path = _PAGE) -> None:
        self._context = context
        self._page = page
        self._platform = str(uuid.uuid4())
        self._responder = JsonResponder(context.secrets)
        self._exit = contextlib.AsyncExitStack()

    async def start(self, listening: socket.socket) -> None:
        """Serve requests on a socket that is bound to a loopback address."""
        self.port = listening.getsockname()[1]
        host = f"127.0.0.1:{self.port}"
        session = await self._exit.enter_async_context(
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
        feed = self._add_routes(app, session)
        # handler_cancellation stops the work for a client that disconnected.
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT, handler_cancellation=True
        )
        await runner.setup()
        self._exit.push_async_callback(runner.cleanup)
        self._exit.callback(feed.close)
        code = self._context.code
        fingerprint = await asyncio.to_thread(source_fingerprint, code)
        await web.SockSite(runner, listening).start()
        watcher = asyncio.create_task(watch_files(code, fingerprint, feed.publish_code_change))
        self._exit.push_async_callback(_cancel, watcher)
        self.url = f"http://{host}"

    async def stop(self) -> None:
        """Close every page's connections, and restore the simulator settings they changed."""
        await self._exit.aclose()

    def _add_routes(self, app: web.Application, session: aiohttp.ClientSession) -> LiveFeed:
        context, about, responder = self._context, self._context.about, self._responder
        vonage_url, request_log = about["vonage_url"], context.request_log
        incoming_calls = IncomingCalls(vonage_url, session)
        feed = LiveFeed(self._platform, vonage_url, session, request_log, incoming_calls, responder)
        request_log.listen(feed.publish_request)
        context.listen(feed.publish_log_line)
        storage = StorageRoutes(
            context.dynamodb, context.s3, about["table"], about["bucket"], responder
        )
        number = next((one["number"] for one in about["numbers"]), "")
        webhooks = WebhookRoutes(
            about["api_url"], session, context.signer, request_log, number, responder
        )
        flows = FlowRoutes(context.code / "flows", webhooks.fetch_ncco, context.explore, responder)
        files, proxy = StaticFiles(self._page), SimulatorProxy(vonage_url, session)
        admin = AdminRoutes(about["api_url"], session, context.sign)
        for part in (files, proxy, feed, storage, webhooks, flows, admin):
            app.add_routes(part.routes())
        app.add_routes(
            [
                web.get("/api/stack", self._stack, allow_head=False),
                web.get("/api/exchanges/{id}", self._exchange, allow_head=False),
            ]
        )
        return feed

    async def _stack(self, _request: web.Request) -> web.Response:
        return self._responder.json({"platform": self._platform, **self._context.about})

    async def _exchange(self, request: web.Request) -> web.Response:
        logged = self._context.request_log.get(request.match_info["id"])
        if logged is None:
            raise HttpError(404, "Not Found", "unknown id, or the request is no longer logged")
        return self._responder.json(full_view(logged, self._context.code))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
