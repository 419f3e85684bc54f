"""A scripted voice agent for tests of flows: the far end of a WebSocket, on the platform's loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import WSMsgType, web

from vonage_simulator import audio
from vonage_simulator.playback import speaking_seconds

if TYPE_CHECKING:
    from vonage_simulator.clock import Clock

_TONE = 620  # Hz; a text is a tone, as everywhere in the simulator
_WORDS_PER_MINUTE = 160.0
_FRAMES_PER_SECOND = 50
_WRONG_FRAME = bytes(300)
# More than the minute of audio that Vonage buffers.
_FLOOD_FRAMES = 4000


@dataclass(frozen=True)
class AgentBehavior:
    """What the agent does: ``after`` in simulated seconds, ``pcm`` is 16-bit mono at 16 kHz."""

    action: Literal[
        "says", "refuses", "hangs", "closes", "dies", "sends_wrong_frames", "floods", "is_silent"
    ]
    status: int = 401
    after: float = 0.0
    pcm: bytes = b""


def spoken(text: str) -> bytes:
    """Return a tone of the length that a text takes to say."""
    second = audio.mix([audio.Clip(0, 1, _TONE)], 0, audio.RATE).tobytes()
    seconds = speaking_seconds(text, _WORDS_PER_MINUTE)
    return (second * math.ceil(seconds))[: 2 * round(seconds * audio.RATE)]


DEFAULT = AgentBehavior("says", pcm=spoken("Hello, how can I help you?"))


class AgentServer:
    """The agent's server. It speaks Vonage's WebSocket protocol, and misbehaves if a test says so.

    Attributes
    ----------
    url
        Its URL; the port is bound from the beginning.
    behavior
        What it does with the next connections.
    messages
        The text messages that it received since `reset`.
    """

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}/agent"
        self.behavior = DEFAULT
        self.messages: list[dict[str, Any]] = []
        self._runner: web.AppRunner | None = None

    async def start(self, clock: Clock) -> None:
        """Start to accept connections."""
        self._clock = clock
        self._reset = asyncio.Event()
        application = web.Application()
        application.router.add_get("/agent", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listening).start()

    async def stop(self) -> None:
        """Close the connections, and accept no more."""
        if self._runner is not None:
            await self.reset()
            await self._runner.cleanup()

    def close(self) -> None:
        """Close the port, also if the server was not started."""
        self._listening.close()

    async def reset(self) -> None:
        """Return to the default behavior, and release handshakes that hang."""
        self.behavior = DEFAULT
        self.messages.clear()
        self._reset.set()
        self._reset = asyncio.Event()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        behavior = self.behavior
        if behavior.action == "refuses":
            return web.Response(status=behavior.status)
        if behavior.action == "hangs":
            await self._reset.wait()
            return web.Response(status=503)
        connection = web.WebSocketResponse(compress=False, timeout=1.0)
        await connection.prepare(request)
        acting: asyncio.Task[None] | None = None
        try:
            async for message in connection:
                if message.type is not WSMsgType.TEXT:
                    continue
                self.messages.append(json.loads(message.data))
                if acting is None:  # the first message is websocket:connected
                    rate = int(str(self.messages[-1]["content-type"]).rpartition("=")[2])
                    acting = asyncio.create_task(self._act(connection, request, behavior, rate))
        finally:
            if acting is not None:
                acting.cancel()
                await asyncio.gather(acting, return_exceptions=True)
        return connection

    async def _act(
        self,
        connection: web.WebSocketResponse,
        request: web.Request,
        behavior: AgentBehavior,
        rate: int,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            for frame in _frames(behavior, rate):
                await connection.send_bytes(frame)
            if behavior.action in ("closes", "dies"):
                await self._clock.sleep(behavior.after)
            if behavior.action == "closes":
                await connection.close()
            elif behavior.action == "dies" and request.transport is not None:
                request.transport.abort()


def _frames(behavior: AgentBehavior, rate: int) -> list[bytes]:
    if behavior.action == "sends_wrong_frames":
        return [_WRONG_FRAME]
    if behavior.action == "floods":
        pcm = spoken("flood")[: 2 * audio.RATE // _FRAMES_PER_SECOND]
        return _cut(pcm, rate) * _FLOOD_FRAMES
    return _cut(behavior.pcm, rate)


def _cut(pcm: bytes, rate: int) -> list[bytes]:
    """Cut audio into frames of 20 ms at a rate; silence fills the last one."""
    size = rate // _FRAMES_PER_SECOND * 2
    sent = audio.resample(array("h", pcm), audio.RATE, rate).tobytes()
    return [sent[at : at + size].ljust(size, b"\0") for at in range(0, len(sent), size)]
