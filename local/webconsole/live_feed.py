"""What the pages are told as it happens: the simulator's journal, the API's exchanges, the logs.

A page that does not take what it is told is cut off, and comes back asking for what it missed;
nobody waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web

from local.webconsole.request_views import summary
from local.webconsole.responses import HttpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.aws.lambda_service import LogLine
    from local.aws.request_log import LoggedRequest, RequestLog
    from local.webconsole.incoming_calls import IncomingCalls
    from local.webconsole.responses import JsonResponder

PAGES = 32
_NEWS_WAITING = 1000  # messages
_TEXT_LIMIT = 16 * 1024  # characters of a line of a log; all of it is in the exchange
_MESSAGE_LIMIT = 4096  # bytes from a page
_SEND_LIMIT = 10.0  # seconds for a page to make room
_HEARTBEAT = 20.0  # seconds, after which a page that vanished is missed
_ENTRY_LIMIT = 4 * 1024 * 1024  # bytes of a journal entry
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
_CODES = (WSCloseCode.OK, WSCloseCode.UNSUPPORTED_DATA)  # how pages themselves end it
_EXPECTED = (aiohttp.ClientError, ConnectionError, TimeoutError)

logger = logging.getLogger(__name__)


class _Page:
    """A page that is connected; ``news`` is what waits to be told beside the journal."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self.socket = socket
        self.news: asyncio.Queue[str] = asyncio.Queue(_NEWS_WAITING)

    async def send(self, text: str) -> None:
        """Send a message; a page that makes no room for it in time is cut off."""
        try:
            async with asyncio.timeout(_SEND_LIMIT):
                await self.socket.send_str(text)
        except TimeoutError:
            self.cut()
            raise ConnectionResetError("a page takes nothing any more") from None

    def tell(self, text: str) -> None:
        """Put a message to those that wait, or cut the page off where too many do."""
        try:
            self.news.put_nowait(text)
        except asyncio.QueueFull:
            self.cut()

    def cut(self) -> None:
        """End the connection at once."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def close(self, code: int) -> None:
        """End the connection in order, if the page takes part in that."""
        try:
            async with asyncio.timeout(1):
                await self.socket.close(code=code)
        except (ConnectionError, TimeoutError):
            self.cut()


class LiveFeed:
    """The pages that are connected, and what they are told.

    Parameters
    ----------
    platform
        The id of this start of the platform.
    vonage_url
        The simulator's address.
    session
        The client that speaks to it.
    exchanges
        What the API was asked and answered.
    ringing
        Told which pages want to be rung.
    answers
        Writes messages without secrets.
    """

    def __init__(
        self,
        platform: str,
        vonage_url: str,
        session: aiohttp.ClientSession,
        exchanges: RequestLog,
        ringing: IncomingCalls,
        answers: JsonResponder,
    ) -> None:
        self._platform = platform
        self._address = f"{vonage_url}/sim/events"
        self._session = session
        self._exchanges = exchanges
        self._ringing = ringing
        self._answers = answers
        self._pages: set[_Page] = set()
        self._ended = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """Give the path of the socket."""
        return [web.get("/api/socket", self._serve, allow_head=False)]

    def end(self) -> None:
        """Take leave of every page."""
        self._ended.set()

    def tell_exchange(self, exchange: LoggedRequest) -> None:
        """Tell the pages that the API has answered."""
        self._tell(_told(exchange))

    def tell_line(self, line: LogLine) -> None:
        """Tell the pages what a function wrote."""
        self._tell(
            {
                "type": "log",
                "function": line.function,
                "request_id": line.request_id,
                "text": line.text[:_TEXT_LIMIT],
            }
        )

    def tell_of_flows(self) -> None:
        """Tell the pages that the code of the functions changed."""
        self._tell({"type": "flows"})

    def _tell(self, message: dict[str, Any]) -> None:
        if self._pages:
            text = self._answers.text(message)
            for page in self._pages:
                page.tell(text)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        after = self._after(request)
        if len(self._pages) >= PAGES:
            raise HttpError(503, "Too many pages", "close one of those that are open")
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT, max_msg_size=_MESSAGE_LIMIT, compress=False
        )
        await socket.prepare(request)
        page = _Page(request, socket)
        self._pages.add(page)
        try:
            code = await self._keep_up(page, after)
        finally:
            self._pages.discard(page)
            await self._ringing.set(page, False)
        await page.close(code)
        return socket

    async def _keep_up(self, page: _Page, after: int) -> int:
        """Tell a page everything until one side has enough; give the code to close with."""
        await self._greet(page, reset=after == 0)
        work = (
            self._tell_entries(page, after),
            self._tell_news(page),
            self._listen(page),
            self._ended.wait(),
        )
        jobs = [asyncio.create_task(one) for one in work]
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, _EXPECTED):
                logger.error("a page could not be told", exc_info=outcome)
        return next((one for one in outcomes if one in _CODES), WSCloseCode.GOING_AWAY)

    def _after(self, request: web.Request) -> int:
        """Give the entry after which a page wants to hear; ids of another start say nothing."""
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdecimal()) or len(after) > 18:
            raise HttpError(400, "Bad Request", "after must be the id of an entry")
        return int(after) if request.query.get("platform") == self._platform else 0

    async def _greet(self, page: _Page, reset: bool) -> None:
        hello = {"type": "hello", "platform": self._platform, "reset": reset}
        await page.send(self._answers.text(hello))

    async def _tell_entries(self, page: _Page, after: int) -> None:
        """Pass on the journal from the entry after ``after``, until the simulator ends."""
        known = 0
        async with self._session.get(
            self._address,
            params={"after": str(after)},
            timeout=_TIMEOUT,
            read_bufsize=_ENTRY_LIMIT,
        ) as stream:
            stream.raise_for_status()
            async for number, entry in _entries(stream.content):
                if known and number != known + 1:
                    return  # the simulator did not wait for us
                if not known and after and number != after + 1:
                    await self._greet(page, reset=True)  # what comes between is kept no more
                known = number
                await page.send(f'{{"type":"entry","entry":{entry}}}')

    async def _tell_news(self, page: _Page) -> None:
        for exchange in self._exchanges:
            await page.send(self._answers.text(_told(exchange)))
        while True:
            await page.send(await page.news.get())

    async def _listen(self, page: _Page) -> int:
        """Do what a page says, until it goes."""
        async for message in page.socket:
            on = _ring(message.data) if message.type is WSMsgType.TEXT else None
            if on is None:
                return WSCloseCode.UNSUPPORTED_DATA
            await self._ringing.set(page, on)
        return WSCloseCode.OK


def _told(exchange: LoggedRequest) -> dict[str, Any]:
    return {"type": "exchange", "exchange": summary(exchange)}


def _ring(text: str) -> bool | None:
    """Read ``{"type": "ring", "on": …}``; None where a message is something else."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("type") != "ring":
        return None
    on = message.get("on")
    return on if isinstance(on, bool) else None


async def _entries(stream: aiohttp.StreamReader) -> AsyncIterator[tuple[int, str]]:
    """Read the journal's stream of events: the id of each entry, and the entry as JSON."""
    number = 0
    async for line in stream:
        name, _, value = line.decode().rstrip().partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            yield number, value
