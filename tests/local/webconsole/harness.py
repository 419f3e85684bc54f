"""The console's test harness: a client, a fake simulator, and a console without a platform."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from local.aws.request_log import LoggedRequest, RequestLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from local.aws.lambda_service import LogLine
    from local.webconsole import WebConsole

TIMEOUT = 20.0  # seconds
SPEED = 10.0  # of the clock of the real application's platform


@dataclass(frozen=True)
class ConsoleClient:
    """An HTTP client of the console, like the page."""

    http: aiohttp.ClientSession
    url: str

    async def get(self, path: str, expect: int = 200) -> Any:
        """Return the JSON of a GET request."""
        return await self.send("GET", path, expect=expect)

    async def send(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """Send JSON; return the JSON of the response, or None if its body is empty."""
        address = URL(f"{self.url}{path}", encoded=True)
        async with self.http.request(method, address, json=body) as response:
            text = await response.text()
            assert response.status == expect, f"{method} {path}: {response.status} {text}"
            return json.loads(text) if text else None

    async def place_call(self, number: str = "447700900000", caller: str = "447700900123") -> Any:
        """Place a call; return its leg."""
        return await self.send("POST", "/sim/calls", {"from": caller, "to": number}, expect=201)

    async def connect(self, after: int | None = None, platform: str = "") -> FeedConnection:
        """Connect to the live feed."""
        params = {} if after is None else {"after": str(after), "platform": platform}
        return FeedConnection(await self.http.ws_connect(f"{self.url}/api/socket", params=params))


@dataclass
class FeedConnection:
    """A page's connection to the live feed."""

    socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def next(self, kind: str, /, **fields: Any) -> Any:
        """Wait for a message of this kind with these fields; return its content."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                message = await self.socket.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, message
                parsed = json.loads(message.data)
                content = parsed.get(kind, parsed)
                if parsed["type"] == kind and fields.items() <= content.items():
                    return content

    async def closed(self) -> int | None:
        """Wait until the console closes the connection; return the close code."""
        async with asyncio.timeout(TIMEOUT):
            async for _ in self.socket:
                pass
        return self.socket.close_code


@dataclass
class FakeSimulator:
    """The parts of the control API that the console needs."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    connections: int = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/sim/events", self._events)
        app.router.add_get("/sim/calls/known/audio", self._audio)
        app.router.add_get("/sim/page", self._page)
        app.router.add_route("*", "/{path:.*}", self._anything)
        return app

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Stream the entries after ``after``, and keep the stream open."""
        self.connections += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for entry in self.entries:
            if entry["id"] > int(request.query["after"]):
                line = f"id: {entry['id']}\nevent: x\ndata: {json.dumps(entry)}\n\n"
                await response.write(line.encode())
        while True:
            await asyncio.sleep(0.05)
            await response.write(b": still here\n\n")

    async def _audio(self, request: web.Request) -> web.WebSocketResponse:
        """Echo binary messages; close with the code in a text message."""
        ours = web.WebSocketResponse()
        await ours.prepare(request)
        async for message in ours:
            if message.type is aiohttp.WSMsgType.TEXT:
                await ours.close(code=json.loads(message.data)["code"])
            else:
                await ours.send_bytes(message.data)
        self.requests.append(("CLOSED", str(ours.close_code), {}, b""))
        return ours

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text="<script>alert(1)</script>", content_type="text/html")

    async def _anything(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.requests.append((request.method, request.raw_path, headers, body))
        return web.json_response({"title": "odd"}, status=418, headers={"Set-Cookie": "a=b"})


@dataclass
class ConsoleHarness:
    """A console with a fake simulator instead of a platform."""

    vonage: FakeSimulator
    request_log: RequestLog
    client: ConsoleClient
    folder: Path
    console: WebConsole
    listeners: list[Callable[[LogLine], None]]
    end_vonage: Callable[[], Awaitable[None]]


def logged_request(number: int = 1, **more: Any) -> LoggedRequest:
    """Build a logged API request."""
    fields: dict[str, Any] = {
        "id": f"exchange{number}",
        "route": "POST /webhooks/answer",
        "function": "AnswerFunction",
        "request_id": f"request{number}",
        "log": (),
        "event": {"headers": {}, "rawQueryString": ""},
        "status": 200,
        "headers": {"content-type": "application/json"},
        "body": b"[]",
        "ms": 1.5,
    }
    return LoggedRequest(**(fields | more))


async def raw(url: str, request: str, *headers: str, host: str | None = None) -> tuple[int, str]:
    """Send a raw request; return the status and the whole response."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = [f"{request} HTTP/1.1", f"Host: {host or address.netloc}", *headers]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    response = await asyncio.wait_for(reader.read(), TIMEOUT)
    writer.close()
    await writer.wait_closed()
    return int(response.split()[1]), response.decode("utf-8", "replace")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition is true."""
    async with asyncio.timeout(TIMEOUT):
        while not await condition():
            await asyncio.sleep(0.05)
