"""What plays in the phone's tests: a page, a simulated Vonage of a few lines, a phone alone."""

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

PATIENCE = 20.0  # seconds within which anything that is waited for must happen
SPEED = 10.0  # of the clock of the real application's platform


@dataclass(frozen=True)
class ConsoleClient:
    """A client of the phone, as the page is one."""

    http: aiohttp.ClientSession
    url: str

    async def get(self, path: str, expect: int = 200) -> Any:
        """Get JSON."""
        return await self.send("GET", path, expect=expect)

    async def send(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """Send JSON and give the JSON of the answer, None where it has none."""
        address = URL(f"{self.url}{path}", encoded=True)
        async with self.http.request(method, address, json=body) as reply:
            text = await reply.text()
            assert reply.status == expect, f"{method} {path}: {reply.status} {text}"
            return json.loads(text) if text else None

    async def ring(self, number: str = "447700900000", caller: str = "447700900123") -> Any:
        """Ring the number; give the leg."""
        return await self.send("POST", "/sim/calls", {"from": caller, "to": number}, expect=201)

    async def connect(self, after: int | None = None, platform: str = "") -> FakeLine:
        """Connect to the live socket."""
        params = {} if after is None else {"after": str(after), "platform": platform}
        return FakeLine(await self.http.ws_connect(f"{self.url}/api/socket", params=params))


@dataclass
class FakeLine:
    """A live connection of a page."""

    socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def next(self, kind: str, /, **wanted: Any) -> Any:
        """Wait for a message of a kind whose content says all that is wanted; give the content."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await self.socket.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, message
                told = json.loads(message.data)
                content = told.get(kind, told)
                if told["type"] == kind and wanted.items() <= content.items():
                    return content

    async def closed(self) -> int | None:
        """Wait until the other side closes; give its code."""
        async with asyncio.timeout(PATIENCE):
            async for _ in self.socket:
                pass
        return self.socket.close_code


@dataclass
class FakeSimulator:
    """The little of the simulator's door that the phone cannot do without."""

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
        """Tell the entries after the one that is named, and stay open."""
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
        """Say every sound again; end as a text says."""
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
    """A phone alone, and what it sees of a platform."""

    vonage: FakeSimulator
    exchanges: RequestLog
    page: ConsoleClient
    folder: Path
    phone: WebConsole
    listeners: list[Callable[[LogLine], None]]
    end_vonage: Callable[[], Awaitable[None]]


def exchange(number: int = 1, **more: Any) -> LoggedRequest:
    """Make an exchange as the gateway would."""
    known: dict[str, Any] = {
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
    return LoggedRequest(**(known | more))


async def raw(url: str, request: str, *headers: str, host: str | None = None) -> tuple[int, str]:
    """Send a request as it is; give the status and all that comes back."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = [f"{request} HTTP/1.1", f"Host: {host or address.netloc}", *headers]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1]), answer.decode("utf-8", "replace")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            await asyncio.sleep(0.05)
