"""Passes on what the page asks of the simulated Vonage: its own door /sim, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import unquote

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from yarl import URL

from local.webconsole.responses import HttpError

if TYPE_CHECKING:
    from aiohttp.client_ws import ClientWebSocketResponse

# What goes along; Origin does not, since the simulator would compare it with its own address.
_ASKED = ("Accept", "Content-Type", "Last-Event-ID", "Range")
_ANSWERED = ("Accept-Ranges", "Allow", "Cache-Control", "Content-Range", "Retry-After")
_HARMLESS = ("application/json", "text/event-stream")
_MESSAGE_LIMIT = 256 * 1024  # bytes of a WebSocket message; the simulator takes less
_HEARTBEAT = 20.0  # seconds
_CLOSE_LIMIT = 1.0  # seconds for the other side to take leave
_NEVER_SENT = (1005, 1006, 1015)  # RFC 6455, section 7.4.1
# A stream of events is silent for 15 seconds at most.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)


class SimulatorProxy:
    """The handler.

    Parameters
    ----------
    vonage_url
        The simulator's address.
    session
        The client that speaks to it.
    """

    def __init__(self, vonage_url: str, session: aiohttp.ClientSession) -> None:
        self._vonage_url = vonage_url
        self._session = session

    def routes(self) -> list[web.RouteDef]:
        """Give every path that goes to the simulator."""
        return [web.route("*", "/sim", self._pass), web.route("*", "/sim/{rest:.*}", self._pass)]

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        address = self._address(request)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._pass_socket(request, address)
            return await self._pass_request(request, address)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HttpError(502, "The simulated Vonage does not answer", str(error)) from None

    def _address(self, request: web.Request) -> URL:
        """Give the address at the simulator.

        Raises
        ------
        HTTPNotFound
            If a part of the path could lead out of /sim.
        """
        path = request.raw_path.partition("?")[0]
        for part in path.split("/"):
            plain = unquote(part)
            if plain in (".", "..") or "/" in plain or "\\" in plain:
                raise web.HTTPNotFound
        if path.split("/")[:2] != ["", "sim"]:
            raise web.HTTPNotFound
        return URL(f"{self._vonage_url}{request.raw_path}", encoded=True)

    async def _pass_request(self, request: web.Request, address: URL) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
        body = await request.read() if request.can_read_body else None
        async with self._session.request(
            request.method,
            address,
            headers=headers,
            data=body,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(status=answer.status)
            for name in _ANSWERED:
                if name in answer.headers:
                    response.headers[name] = answer.headers[name]
            response.content_type = _content_type(answer.content_type)
            response.content_length = answer.content_length
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
        await response.write_eof()
        return response

    async def _pass_socket(self, request: web.Request, address: URL) -> web.StreamResponse:
        try:
            theirs = await self._session.ws_connect(
                address,
                max_msg_size=_MESSAGE_LIMIT,
                heartbeat=_HEARTBEAT,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_LIMIT),
            )
        except aiohttp.WSServerHandshakeError as error:
            raise HttpError(
                error.status if error.status >= 400 else 502,
                "The simulated Vonage refused",
                "there is no such call that sound could go to and fro on",
            ) from None
        async with theirs:
            ours = web.WebSocketResponse(
                max_msg_size=_MESSAGE_LIMIT,
                heartbeat=_HEARTBEAT,
                timeout=_CLOSE_LIMIT,
                compress=False,
            )
            await ours.prepare(request)
            await _join(ours, theirs)
        return ours


async def _join(ours: web.WebSocketResponse, theirs: ClientWebSocketResponse) -> None:
    """Pass messages both ways until one side ends, and end the other in the same way."""
    ways = [asyncio.create_task(_pass_on(*pair)) for pair in ((ours, theirs), (theirs, ours))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    with contextlib.suppress(ConnectionError):
        await theirs.close(code=_sendable(ours.close_code))
        await ours.close(code=_sendable(theirs.close_code))


def _sendable(code: int | None) -> int:
    """Give the code of a close frame; those that stand for a lost connection are never sent."""
    return WSCloseCode.GOING_AWAY if code is None or code in _NEVER_SENT else code


async def _pass_on(
    source: web.WebSocketResponse | ClientWebSocketResponse,
    target: web.WebSocketResponse | ClientWebSocketResponse,
) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await target.send_str(message.data)


def _content_type(given: str) -> str:
    """Give the type of a content, unless a browser could take it for a page or a program."""
    return given if given in _HARMLESS or given.startswith("audio/") else "application/octet-stream"
