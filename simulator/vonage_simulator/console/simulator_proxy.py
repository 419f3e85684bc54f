"""Proxy for the simulator's control API, ``/sim``, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import unquote

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from yarl import URL

from .responses import HttpError

if TYPE_CHECKING:
    from aiohttp.client_ws import ClientWebSocketResponse

# Headers to forward. Not Origin: the simulator would compare it with its own address.
_REQUEST_HEADERS = ("Accept", "Content-Type", "Last-Event-ID", "Range")
_RESPONSE_HEADERS = ("Accept-Ranges", "Allow", "Cache-Control", "Content-Range", "Retry-After")
_SAFE_TYPES = ("application/json", "text/event-stream")
_MESSAGE_LIMIT = 256 * 1024  # bytes of a WebSocket message; the simulator accepts less
_HEARTBEAT = 20.0  # seconds
_CLOSE_TIMEOUT = 1.0  # seconds for the peer's close frame
_NEVER_SENT = (1005, 1006, 1015)  # RFC 6455, section 7.4.1
# The event stream is silent for at most 15 seconds.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)


class SimulatorProxy:
    """Routes that forward requests and WebSockets to the simulator.

    Parameters
    ----------
    vonage_url
        The simulator's address.
    session
        The HTTP client for it.
    """

    def __init__(self, vonage_url: str, session: aiohttp.ClientSession) -> None:
        self._vonage_url = vonage_url
        self._session = session

    def routes(self) -> list[web.RouteDef]:
        """Return the routes that are forwarded."""
        paths = ("/sim", "/sim/{rest:.*}")
        return [web.route("*", path, self._forward) for path in paths]

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        url = self._simulator_url(request)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._forward_socket(request, url)
            return await self._forward_request(request, url)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HttpError(502, "The simulator is not responding", str(error)) from None

    def _simulator_url(self, request: web.Request) -> URL:
        """Return the simulator's URL for a request.

        Raises
        ------
        HTTPNotFound
            If the path could refer to something outside /sim.
        """
        path = request.raw_path.partition("?")[0]
        for segment in path.split("/"):
            plain = unquote(segment)
            if plain in (".", "..") or "/" in plain or "\\" in plain:
                raise web.HTTPNotFound
        if path.split("/")[:2] != ["", "sim"]:
            raise web.HTTPNotFound
        return URL(f"{self._vonage_url}{request.raw_path}", encoded=True)

    async def _forward_request(self, request: web.Request, url: URL) -> web.StreamResponse:
        headers = {
            name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers
        }
        body = await request.read() if request.can_read_body else None
        async with self._session.request(
            request.method,
            url,
            headers=headers,
            data=body,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as upstream:
            response = web.StreamResponse(status=upstream.status)
            for name in _RESPONSE_HEADERS:
                if name in upstream.headers:
                    response.headers[name] = upstream.headers[name]
            response.content_type = _safe_type(upstream.content_type)
            response.content_length = upstream.content_length
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
        await response.write_eof()
        return response

    async def _forward_socket(self, request: web.Request, url: URL) -> web.StreamResponse:
        try:
            upstream = await self._session.ws_connect(
                url,
                max_msg_size=_MESSAGE_LIMIT,
                heartbeat=_HEARTBEAT,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
            )
        except aiohttp.WSServerHandshakeError as error:
            raise HttpError(
                error.status if error.status >= 400 else 502,
                "The simulator rejected the WebSocket",
                "there is no such call, or its audio is not available",
            ) from None
        async with upstream:
            downstream = web.WebSocketResponse(
                max_msg_size=_MESSAGE_LIMIT,
                heartbeat=_HEARTBEAT,
                timeout=_CLOSE_TIMEOUT,
                compress=False,
            )
            await downstream.prepare(request)
            await _relay(downstream, upstream)
        return downstream


async def _relay(downstream: web.WebSocketResponse, upstream: ClientWebSocketResponse) -> None:
    """Relay messages both ways until one side closes, and close the other with the same code."""
    pairs = ((downstream, upstream), (upstream, downstream))
    tasks = [asyncio.create_task(_copy_messages(*pair)) for pair in pairs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(ConnectionError):
        await upstream.close(code=_sendable(downstream.close_code))
        await downstream.close(code=_sendable(upstream.close_code))


def _sendable(code: int | None) -> int:
    """Return the code for a close frame, replacing those that must not be sent."""
    return WSCloseCode.GOING_AWAY if code is None or code in _NEVER_SENT else code


async def _copy_messages(
    source: web.WebSocketResponse | ClientWebSocketResponse,
    target: web.WebSocketResponse | ClientWebSocketResponse,
) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await target.send_str(message.data)


def _safe_type(content_type: str) -> str:
    """Return the content type, or application/octet-stream if a browser could run the content."""
    is_safe = content_type in _SAFE_TYPES or content_type.startswith("audio/")
    return content_type if is_safe else "application/octet-stream"
