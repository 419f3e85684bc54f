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

from local.lambdas import state_of
from local.phone import guard
from local.phone.answers import Answers, Refusal
from local.phone.exchanges import whole
from local.phone.files import Files
from local.phone.flows import Flows, watch
from local.phone.kept import Kept
from local.phone.live import Live
from local.phone.proxy import Proxy
from local.phone.ringing import Ringing
from local.phone.webhooks import Webhooks

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from local.exchanges import Exchanges
    from local.lambdas import LogLine
    from local.paths.exploring import Explored
    from local.signing import Signer

BODY_LIMIT = 1024 * 1024  # bytes of a request
_PAGE = Path(__file__).with_name("page")
_END_LIMIT = 1.0  # seconds that requests may take when the platform ends


@dataclass(frozen=True)
class Surroundings:
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
    exchanges: Exchanges
    listen: Callable[[Callable[[LogLine], None]], None]
    code: Path
    explore: Callable[[dict[str, Any]], Awaitable[Explored]]
    dynamodb: Any
    s3: Any


class Phone:
    """The server; ``url`` is its address once it has started.

    Parameters
    ----------
    surroundings
        The platform.
    page
        The folder of the page's files.
    """

    url: str

    def __init__(self, surroundings: Surroundings, page: Path = _PAGE) -> None:
        self._surroundings = surroundings
        self._page = page
        self._platform = str(uuid.uuid4())
        self._answers = Answers(surroundings.secrets)
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
            middlewares=[guard.refusals, guard.guard(host)], client_max_size=BODY_LIMIT
        )
        app.on_response_prepare.append(guard.carry_headers)
        live = self._add_routes(app, session)
        # What a page asked for and did not wait for is given up.
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_END_LIMIT, handler_cancellation=True
        )
        await runner.setup()
        self._exit.push_async_callback(runner.cleanup)
        self._exit.callback(live.end)
        code = self._surroundings.code
        state = await asyncio.to_thread(state_of, code)
        await web.SockSite(runner, listening).start()
        watching = asyncio.create_task(watch(code, state, live.tell_of_flows))
        self._exit.push_async_callback(_end, watching)
        self.url = f"http://{host}"

    async def stop(self) -> None:
        """Take leave of every page, and put back what they had set."""
        await self._exit.aclose()

    def _add_routes(self, app: web.Application, session: aiohttp.ClientSession) -> Live:
        around, about = self._surroundings, self._surroundings.about
        ringing = Ringing(about["vonage_url"], session)
        live = Live(
            self._platform, about["vonage_url"], session, around.exchanges, ringing, self._answers
        )
        around.exchanges.listen(live.tell_exchange)
        around.listen(live.tell_line)
        kept = Kept(around.dynamodb, around.s3, about["table"], about["bucket"], self._answers)
        number = next((one["number"] for one in about["numbers"]), "")
        webhooks = Webhooks(
            about["api_url"], session, around.signer, around.exchanges, number, self._answers
        )
        parts = (
            Files(self._page),
            Proxy(about["vonage_url"], session),
            live,
            kept,
            webhooks,
            Flows(around.code / "flows", webhooks.ncco, around.explore, self._answers),
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
            raise Refusal(404, "Not Found", "this exchange is kept no more, or never was")
        return self._answers.json(whole(exchange))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
