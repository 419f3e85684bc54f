"""The server of the page: one address on loopback for its files and for all that it asks."""

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
from local.webconsole.flow_routes import FlowRoutes, watch
from local.webconsole.incoming_calls import IncomingCalls
from local.webconsole.live_feed import LiveFeed
from local.webconsole.request_views import whole
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

BODY_LIMIT = 1024 * 1024  # bytes of a request
_PAGE = Path(__file__).with_name("page")
_END_LIMIT = 1.0  # seconds that requests may take when the platform ends


@dataclass(frozen=True)
class ConsoleContext:
    """The platform as the phone sees it.

    Attributes
    ----------
    about
        What `GET /api/stack` tells besides the id of this start: no secrets.
    secrets
        What no answer may hold.
    signer
        Signs webhooks as the simulated Vonage does.
    exchanges
        What the API was asked and answered.
    listen
        Has a callable told of every line that a function writes.
    code
        The folder of the functions, the flows below it.
    explore
        Walks every path of a flow, given its name and its functions.
    dynamodb, s3
        boto3 clients.
    """

    about: Mapping[str, Any]
    secrets: tuple[str, ...]
    signer: Signer
    exchanges: RequestLog
    listen: Callable[[Callable[[LogLine], None]], None]
    code: Path
    explore: Callable[[dict[str, Any]], Awaitable[FlowReport]]
    dynamodb: Any
    s3: Any


class WebConsole:
    """The server; ``url`` is its address once it has started.

    Parameters
    ----------
    surroundings
        The platform.
    page
        The folder of the page's files.
    """

    url: str

    def __init__(self, surroundings: ConsoleContext, page: Path = _PAGE) -> None:
        self._surroundings = surroundings
        self._page = page
        self._platform = str(uuid.uuid4())
        self._answers = JsonResponder(surroundings.secrets)
        self._exit = contextlib.AsyncExitStack()

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket that is bound to a loopback address."""
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        session = await self._exit.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # a page's streams hold up no other page
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        )
        app = web.Application(
            middlewares=[origin_check.refusals, origin_check.guard(host)],
            client_max_size=BODY_LIMIT,
        )
        app.on_response_prepare.append(origin_check.carry_headers)
        live = self._add_routes(app, session)
        # What a page asked for and did not wait for is given up.
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_END_LIMIT, handler_cancellation=True
        )
        await runner.setup()
        self._exit.push_async_callback(runner.cleanup)
        self._exit.callback(live.end)
        code = self._surroundings.code
        state = await asyncio.to_thread(source_fingerprint, code)
        await web.SockSite(runner, listening).start()
        watching = asyncio.create_task(watch(code, state, live.tell_of_flows))
        self._exit.push_async_callback(_end, watching)
        self.url = f"http://{host}"

    async def stop(self) -> None:
        """Take leave of every page, and put back what they had set."""
        await self._exit.aclose()

    def _add_routes(self, app: web.Application, session: aiohttp.ClientSession) -> LiveFeed:
        around, about = self._surroundings, self._surroundings.about
        ringing = IncomingCalls(about["vonage_url"], session)
        live = LiveFeed(
            self._platform, about["vonage_url"], session, around.exchanges, ringing, self._answers
        )
        around.exchanges.listen(live.tell_exchange)
        around.listen(live.tell_line)
        kept = StorageRoutes(
            around.dynamodb, around.s3, about["table"], about["bucket"], self._answers
        )
        number = next((one["number"] for one in about["numbers"]), "")
        webhooks = WebhookRoutes(
            about["api_url"], session, around.signer, around.exchanges, number, self._answers
        )
        parts = (
            StaticFiles(self._page),
            SimulatorProxy(about["vonage_url"], session),
            live,
            kept,
            webhooks,
            FlowRoutes(around.code / "flows", webhooks.ncco, around.explore, self._answers),
        )
        for part in parts:
            app.add_routes(part.routes())
        app.add_routes(
            [
                web.get("/api/stack", self._stack, allow_head=False),
                web.get("/api/exchanges/{id}", self._exchange, allow_head=False),
            ]
        )
        return live

    async def _stack(self, _request: web.Request) -> web.Response:
        return self._answers.json({"platform": self._platform, **self._surroundings.about})

    async def _exchange(self, request: web.Request) -> web.Response:
        exchange = self._surroundings.exchanges.get(request.match_info["id"])
        if exchange is None:
            raise HttpError(404, "Not Found", "this exchange is kept no more, or never was")
        return self._answers.json(whole(exchange))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
