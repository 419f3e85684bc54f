"""Voice agents for tests: a WebSocket server that speaks Vonage's protocol, and WAV files."""

import asyncio
import io
import json
import math
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

RATE = 16_000
FRAME_BYTES = 640
SILENCE = bytes(FRAME_BYTES)


def tone(seconds: float) -> bytes:
    """Return a tone at 16 kHz, as loud as a voice."""
    count = round(seconds * RATE)
    return array(
        "h", (round(9000 * math.sin(2 * math.pi * 400 * n / RATE)) for n in range(count))
    ).tobytes()


def silence(seconds: float) -> bytes:
    """Return silence at 16 kHz."""
    return bytes(round(seconds * RATE) * 2)


def wav(pcm: bytes, rate: int = RATE, channels: int = 1, width: int = 2) -> bytes:
    """Return a WAV file with these samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


class CountingAgent:
    """An agent whose time is the frames that it heard, so that it is exact.

    It greets for a second. It replies for 1.6 s, 400 ms after a voice. A voice of 120 ms while
    it speaks interrupts it: it sends `clear`. `change` alters what it does.
    """

    def __init__(self, change: str = "") -> None:
        self.change = change
        self.texts: list[dict[str, Any]] = []
        self.heard: list[bool] = []  # whether each frame was loud
        self.sockets: list[web.WebSocketResponse] = []
        self.headers: dict[str, str] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Accept a call."""
        self.headers = dict(request.headers)
        if self.change == "refuses":
            return web.Response(status=401)
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        self.sockets.append(socket)
        if self.change == "closes":
            await socket.receive()
            await socket.close()
            return socket
        await self._talk(socket)
        return socket

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        heard, loud, quiet, speaking_until = 0, 0, 0, 0
        has_voice = False
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.texts.append(json.loads(message.data))
                if self.texts[-1]["event"] == "websocket:connected":
                    speaking_until = await self._say(socket, heard, "greeting")
            elif message.type is aiohttp.WSMsgType.BINARY:
                heard += 1
                is_loud = max(array("h", message.data)) > 1000
                self.heard.append(is_loud)
                loud, quiet = (loud + 1, 0) if is_loud else (0, quiet + 1)
                has_voice = has_voice or loud >= 6
                if loud == 6 and heard < speaking_until and self.change != "talks over":
                    speaking_until = heard
                    await socket.send_json({"action": "clear"})
                if has_voice and quiet == 20:
                    has_voice = False
                    speaking_until = await self._say(socket, heard, "reply")

    async def _say(self, socket: web.WebSocketResponse, heard: int, what: str) -> int:
        if self.change == "is silent" or self.change == f"has no {what}":
            return heard
        pcm = tone(1 if what == "greeting" else 1.6)
        if self.change == "sends silence":
            pcm = bytes(len(pcm))
        size = 300 if self.change == "sends wrong frames" else FRAME_BYTES
        for start in range(0, len(pcm) // size * size, size):
            await socket.send_bytes(pcm[start : start + size])
        return heard + len(pcm) // FRAME_BYTES


@asynccontextmanager
async def serving(agent: CountingAgent) -> AsyncIterator[str]:
    """Serve an agent; yield its URL."""
    app = web.Application()
    app.router.add_get("/ws", agent.serve)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield f"ws://127.0.0.1:{server.port}/ws"
    finally:
        await asyncio.gather(*(one.close() for one in agent.sockets))
        await server.close()
