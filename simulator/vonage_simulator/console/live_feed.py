"""WebSocket feed of the simulator's journal, and of messages that another program adds.

A page that reads too slowly is disconnected. It reconnects and requests the entries it missed. The
signatures of tokens are hidden.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web

from .responses import HttpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from .incoming_calls import IncomingCalls
    from .responses import JsonResponder

MAX_PAGES = 32
_QUEUE_LIMIT = 1000  # messages
_MESSAGE_LIMIT = 4096  # bytes of a message from a page
_SEND_TIMEOUT = 10.0  # seconds
_HEARTBEAT = 20.0  # seconds between pings, which detect a lost page
_ENTRY_LIMIT = 4 * 1024 * 1024  # bytes of a journal entry
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
_PAGE_CLOSE_CODES = (WSCloseCode.OK, WSCloseCode.UNSUPPORTED_DATA)  # if the page ends it
_EXPECTED_ERRORS = (aiohttp.ClientError, ConnectionError, TimeoutError)
# A token in an entry. The page shows its claims, and needs no signature.
_TOKEN = re.compile(r"(Bearer [\w-]+\.[\w-]+\.)[\w-]+")

logger = logging.getLogger(__name__)


class _Page:
    """A connected page; ``queue`` holds messages that are not from the journal."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self.socket = socket
        self.queue: asyncio.Queue[str] = asyncio.Queue(_QUEUE_LIMIT)

    async def send(self, text: str) -> None:
        """Send a message, and abort the connection if that takes too long."""
        try:
            async with asyncio.timeout(_SEND_TIMEOUT):
                await self.socket.send_str(text)
        except TimeoutError:
            self.abort()
            raise ConnectionResetError("the page does not read its messages") from None

    def enqueue(self, text: str) -> None:
        """Queue a message, and abort the connection if the queue is full."""
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            self.abort()

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def close(self, code: int) -> None:
        """Close the connection, and abort it if the page does not respond."""
        try:
            async with asyncio.timeout(1):
                await self.socket.close(code=code)
        except (ConnectionError, TimeoutError):
            self.abort()


class LiveFeed:
    """The connected pages, and the messages sent to them.

    Parameters
    ----------
    platform
        An id that is new each time the platform starts.
    vonage_url
        The simulator's address.
    session
        The HTTP client for it.
    incoming_calls
        Gets each page's choice whether incoming calls ring there.
    responder
        Serializes messages without secrets.
    earlier
        Returns the messages to send to a page that connects, before those that are published.
    """

    def __init__(
        self,
        platform: str,
        vonage_url: str,
        session: aiohttp.ClientSession,
        incoming_calls: IncomingCalls,
        responder: JsonResponder,
        earlier: Callable[[], Iterable[dict[str, Any]]],
    ) -> None:
        self._platform = platform
        self._journal_url = f"{vonage_url}/sim/events"
        self._session = session
        self._incoming_calls = incoming_calls
        self._responder = responder
        self._earlier = earlier
        self._pages: set[_Page] = set()
        self._closed = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """Return the route of the WebSocket."""
        return [web.get("/api/socket", self._serve, allow_head=False)]

    def close(self) -> None:
        """Close the connection of every page."""
        self._closed.set()

    def publish(self, message: dict[str, Any]) -> None:
        """Send a message to every page; its `type` is none of the feed's own."""
        if self._pages:
            text = self._responder.dumps(message)
            for page in self._pages:
                page.enqueue(text)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        after = self._after(request)
        if len(self._pages) >= MAX_PAGES:
            detail = f"at most {MAX_PAGES} pages can be open; close one of them"
            raise HttpError(503, "Too many pages", detail)
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT, max_msg_size=_MESSAGE_LIMIT, compress=False
        )
        await socket.prepare(request)
        page = _Page(request, socket)
        self._pages.add(page)
        try:
            code = await self._run(page, after)
        finally:
            self._pages.discard(page)
            await self._incoming_calls.set_ringing(page, False)
        await page.close(code)
        return socket

    async def _run(self, page: _Page, after: int) -> int:
        """Exchange messages with a page until one side ends; return the close code."""
        await self._send_hello(page, reset=after == 0)
        coroutines = (
            self._send_entries(page, after),
            self._send_queue(page),
            self._receive(page),
            self._closed.wait(),
        )
        tasks = [asyncio.create_task(one) for one in coroutines]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, _EXPECTED_ERRORS):
                logger.error("the live feed of a page failed", exc_info=result)
        return next((one for one in results if one in _PAGE_CLOSE_CODES), WSCloseCode.GOING_AWAY)

    def _after(self, request: web.Request) -> int:
        """Return the last entry the page has; 0 if its ids are from an earlier start."""
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdecimal()) or len(after) > 18:
            raise HttpError(400, "Bad Request", "after must be the id of an entry")
        return int(after) if request.query.get("platform") == self._platform else 0

    async def _send_hello(self, page: _Page, reset: bool) -> None:
        hello = {"type": "hello", "platform": self._platform, "reset": reset}
        await page.send(self._responder.dumps(hello))

    async def _send_entries(self, page: _Page, after: int) -> None:
        """Forward the journal entries that follow ``after`` until the simulator ends the stream."""
        last = 0
        async with self._session.get(
            self._journal_url,
            params={"after": str(after)},
            timeout=_TIMEOUT,
            read_bufsize=_ENTRY_LIMIT,
        ) as stream:
            stream.raise_for_status()
            async for number, entry in _entries(stream.content):
                if last and number != last + 1:
                    return  # the feed was too slow, and the simulator skipped entries
                if not last and after and number != after + 1:
                    await self._send_hello(page, reset=True)  # the journal dropped entries
                last = number
                shown = _TOKEN.sub(r"\1(hidden)", entry)
                await page.send(f'{{"type":"entry","entry":{shown}}}')

    async def _send_queue(self, page: _Page) -> None:
        for message in self._earlier():
            await page.send(self._responder.dumps(message))
        while True:
            await page.send(await page.queue.get())

    async def _receive(self, page: _Page) -> int:
        """Handle a page's messages until it disconnects; return the close code."""
        async for message in page.socket:
            on = _parse_ring(message.data) if message.type is WSMsgType.TEXT else None
            if on is None:
                return WSCloseCode.UNSUPPORTED_DATA
            await self._incoming_calls.set_ringing(page, on)
        return WSCloseCode.OK


def _parse_ring(text: str) -> bool | None:
    """Return ``on`` from ``{"type": "ring", "on": …}``; None for any other message."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("type") != "ring":
        return None
    on = message.get("on")
    return on if isinstance(on, bool) else None


async def _entries(stream: aiohttp.StreamReader) -> AsyncIterator[tuple[int, str]]:
    """Yield the id and the JSON text of each entry in the journal's event stream."""
    number = 0
    async for line in stream:
        name, _, value = line.decode().rstrip().partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            yield number, value
