"""A server for agents on calls: ``GET /ping``, and a WebSocket at ``/ws`` that speaks with Vonage.

Both on port 8080 are also what Amazon Bedrock AgentCore requires of a container (HTTP protocol
contract), so the same program runs there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import wave
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

from .agent import CLOSE, Agent
from .handshake import HandshakeRefused
from .outbox import FRAME_SECONDS, Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .agent import Message
    from .handshake import HandshakeVerifier

MAX_CALLS = 20
"""Calls of one process at a time; Vonage reports further ones as ``failed``."""
MAX_MESSAGE_BYTES = 4096
"""Vonage sends frames of 640 bytes, and texts of less than 1 KB."""

_CONTENT_TYPE = "audio/l16;rate=16000"
# Real seconds. Vonage sends a frame every 20 ms for as long as the call lasts.
_NOTHING_HEARD = 60.0
_SEND_LIMIT = 10.0
_CALL_ID = re.compile(r"[\w-]{1,64}", re.ASCII)

log = logging.getLogger("bot")


class ProtocolError(Exception):
    """A message that Vonage does not send; the text says what to expect."""


class AgentConnection:
    """The agent of one call, its connection, and what waits to be sent."""

    def __init__(self, socket: web.WebSocketResponse, sounds: dict[str, bytes]) -> None:
        self._socket = socket
        self._agent = Agent(sounds)
        self._outbox = Outbox()
        self._heard = 0  # frames: the clock of the call

    async def on_text(self, message: dict[str, Any]) -> None:
        """Pass a text message to the agent, and send what it returns."""
        await self._send(self._agent.text(message))

    async def on_audio(self, frame: bytes) -> None:
        """Pass 20 ms of audio to the agent, and send what it returns."""
        if len(frame) != self._outbox.frame_bytes:
            raise ProtocolError(
                f"a frame of {len(frame)} bytes; expected {self._outbox.frame_bytes}"
            )
        self._heard += 1
        await self._send(self._agent.hear(frame))

    async def _send(self, messages: Iterable[Message]) -> None:
        """Send what is due, within a limit: a receiver that takes nothing must not hold us."""
        async with asyncio.timeout(_SEND_LIMIT):
            for message in messages:
                await self._handle(message)
            for due in self._outbox.take(self._heard * FRAME_SECONDS):
                if isinstance(due, bytes):
                    await self._socket.send_bytes(due)
                else:
                    await self._socket.send_str(due)

    async def _handle(self, message: Message) -> None:
        if isinstance(message, bytes):
            self._outbox.add_audio(message)
            self._outbox.flush()
        elif message == CLOSE:
            self._outbox.clear()
            await self._socket.close(message=b"a person takes over")
        elif message["action"] == "clear":
            self._outbox.clear()
            await self._socket.send_str(json.dumps(message))
        else:  # behind the audio before it
            self._outbox.add_text(json.dumps(message))


class Bot:
    """The server.

    Parameters
    ----------
    sounds
        16 kHz audio by name, for the agents.
    verifier
        Verifies each handshake; None accepts all, for where something else does, such as AgentCore.
    """

    def __init__(self, sounds: dict[str, bytes], verifier: HandshakeVerifier | None) -> None:
        self._sounds = sounds
        self._verifier = verifier
        self._sockets: set[web.WebSocketResponse] = set()
        self._conversations: set[str] = set()
        self._status_since = int(time.time())

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application()
        application.router.add_get("/ping", self._ping)
        application.router.add_get("/ws", self._connect)
        application.on_shutdown.append(self._close_all)
        return application

    async def _ping(self, _request: web.Request) -> web.Response:
        """Answer AgentCore's health check; a busy session is not ended as idle."""
        status = "HealthyBusy" if self._sockets else "Healthy"
        return web.json_response({"status": status, "time_of_last_update": self._status_since})

    async def _close_all(self, _application: web.Application) -> None:
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if self._verifier is not None:
            try:
                self._verifier.verify(request.headers.get("Authorization"), time.time())
            except HandshakeRefused as error:
                log.warning("refused a handshake: %s", error)
                raise web.HTTPUnauthorized from None
        if len(self._sockets) >= MAX_CALLS:
            log.warning("refused a handshake: %d calls at a time are the limit", MAX_CALLS)
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, compress=False, timeout=1.0)
        self._count(socket, self._sockets.add)
        try:
            await socket.prepare(request)
            await self._serve(socket)
        finally:
            self._count(socket, self._sockets.discard)
        return socket

    def _count(self, socket: web.WebSocketResponse, change: Any) -> None:
        was_busy = bool(self._sockets)
        change(socket)
        if was_busy != bool(self._sockets):
            self._status_since = int(time.time())

    async def _serve(self, socket: web.WebSocketResponse) -> None:
        conversation = "-"
        try:
            first = await _first_message(socket)
            conversation = _call_id(first.get("conversation"))
            if conversation in self._conversations:
                raise ProtocolError("this conversation has an agent already; expected one")
            log.info("%s: connected", conversation)
            if conversation != "-":
                self._conversations.add(conversation)
            try:
                await self._converse(socket, first)
            finally:
                self._conversations.discard(conversation)
            log.info("%s: ended, close code %s", conversation, socket.close_code)
        except ProtocolError as error:
            log.warning("%s: %s", conversation, error)
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"see the log")
        except TimeoutError:
            log.warning("%s: nothing came or could be sent; closing", conversation)
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"nothing came")
        except ConnectionError:
            log.info("%s: the connection broke", conversation)

    async def _converse(self, socket: web.WebSocketResponse, first: dict[str, Any]) -> None:
        call = AgentConnection(socket, self._sounds)
        await call.on_text(first)
        while not socket.closed:
            message = await socket.receive(_NOTHING_HEARD)
            if message.type is WSMsgType.BINARY:
                await call.on_audio(message.data)
            elif message.type is WSMsgType.TEXT:
                await call.on_text(_parsed(message.data))
            elif message.type is WSMsgType.ERROR:
                raise ProtocolError(
                    f"a message that is not valid ({message.data}); expected one of RFC 6455,"
                    f" with at most {MAX_MESSAGE_BYTES} bytes"
                )


async def _first_message(socket: web.WebSocketResponse) -> dict[str, Any]:
    """Return the first message, with the content type and the headers of the endpoint."""
    message = await socket.receive(_NOTHING_HEARD)
    if message.type is not WSMsgType.TEXT:
        raise ProtocolError(f"a first message of type {message.type.name}; expected text")
    first = _parsed(message.data)
    if first.get("event") != "websocket:connected":
        raise ProtocolError("the first message is not websocket:connected; is the client Vonage?")
    if first.get("content-type") != _CONTENT_TYPE:
        raise ProtocolError(
            f"another content-type; expected {_CONTENT_TYPE}. Set it in the endpoint of the NCCO"
        )
    return first


def _parsed(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("a text that is not JSON; expected an object") from None
    if not isinstance(message, dict):
        raise ProtocolError("a text that is not a JSON object; expected an object")
    return message


def _call_id(value: object) -> str:
    """Return an id for log lines, or a dash: the client chose it."""
    return value if isinstance(value, str) and _CALL_ID.fullmatch(value) else "-"


def read_sounds(folder: Path) -> dict[str, bytes]:
    """Return the audio of each WAV file in a folder, by the file's name.

    Raises
    ------
    ValueError
        If a file is not mono with 16-bit samples at 16 kHz.
    """
    sounds = {}
    for path in folder.glob("*.wav"):
        with wave.open(str(path)) as file:
            if file.getparams()[:3] != (1, 2, 16_000):
                raise ValueError(f"{path}: expected mono, 16 bits a sample, 16 kHz")
            sounds[path.stem] = file.readframes(file.getnframes())
    return sounds
