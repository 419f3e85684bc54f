"""WebSocket endpoints: connect to the application's server and exchange audio with it."""

import asyncio
import contextlib
import json
from array import array
from collections import deque
from dataclasses import dataclass
from socket import SHUT_RDWR
from typing import Any

import aiohttp

from . import audio
from .audio import Clip
from .incoming_audio import IncomingAudio
from .legs import AnswerCall, DeclineCall, HangUp, Leg
from .ncco_fetch import event_ncco
from .state import SimulatorState
from .webhook_sender import sign_webhook
from .websocket_measures import WebSocketMeasures

FRAME_SECONDS = 0.02
CONNECT_SECONDS = 3.0
CLOSE_SECONDS = 1.0
DIGIT_MILLISECONDS = 260
# Audio sent to the socket is 16 kHz before resampling; beyond one second, the oldest is dropped.
HEARD_FRAME_BYTES = int(audio.RATE * FRAME_SECONDS) * 2
HEARD_BYTES = audio.RATE * 2
MESSAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Marker:
    """A notify message from the application: it comes back when the audio before it was played."""

    payload: Any


class WebSocketAudio:
    """The connection of one WebSocket leg."""

    def __init__(self, state: SimulatorState, leg: Leg) -> None:
        self.measures = WebSocketMeasures()
        self._state = state
        self._leg = leg
        self._rate = int(leg.callee.content_type.rpartition("=")[2])
        self._frame_bytes = int(self._rate * FRAME_SECONDS) * 2
        self._incoming_audio = IncomingAudio(leg, leg.tone)
        self._heard: dict[str, bytearray] = {}
        self._outgoing: deque[str] = deque()
        self._buffer: deque[bytes | Marker] = deque()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task: asyncio.Task[Any] | None = None

    def open(self) -> None:
        """Connect in the background; the leg then gets AnswerCall or DeclineCall."""
        self._task = self._state.spawn(self._run())

    def close(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
        self._buffer.clear()
        self._heard.clear()

    def send_audio(self, speaker: str, pcm: bytes) -> None:
        """Buffer a speaker's audio for the next frames."""
        voice = self._heard.setdefault(speaker, bytearray())
        voice += pcm
        del voice[:-HEARD_BYTES]

    def send_digit(self, digit: str) -> None:
        """Send a DTMF event to the application."""
        event = {"event": "websocket:dtmf", "digit": digit, "duration": DIGIT_MILLISECONDS}
        self._outgoing.append(json.dumps(event))
        self.measures.digits.append(digit)

    async def _run(self) -> None:
        socket = await self._state.clock.run_external(self._connect())
        if socket is None:
            self._leg.commands.put(
                DeclineCall("failed", {"detail": "cannot_route", "sip_code": 404})
            )
            return
        self._socket = socket
        leg = self._leg
        hello = {"event": "websocket:connected", "content-type": leg.callee.content_type}
        try:
            await socket.send_str(json.dumps(hello | leg.callee.headers))
            leg.commands.put(AnswerCall())
            self.measures.connected_at = self._state.clock.now()
            ticking = self._state.spawn(self._tick(socket))
            try:
                await self._listen(socket)
            finally:
                ticking.cancel()
            if not leg.is_over:
                await self._disconnected()
        except (aiohttp.ClientError, ConnectionError):
            if not leg.is_over:
                await self._disconnected()
        finally:
            await asyncio.shield(socket.close())

    async def _connect(self) -> aiohttp.ClientWebSocketResponse | None:
        callee = self._leg.callee
        authorization = self._authorization()
        try:
            socket: aiohttp.ClientWebSocketResponse = await asyncio.wait_for(
                self._state.sender.session.ws_connect(
                    callee.address,
                    headers={} if authorization is None else {"Authorization": authorization},
                    max_msg_size=MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                ),
                CONNECT_SECONDS,
            )
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            detail = f"{callee.address}: {error or type(error).__name__}"
            self._state.journal.write(
                "error", uuid=self._leg.uuid, reason="no WebSocket connection", detail=detail
            )
            return None
        return socket

    def _authorization(self) -> str | None:
        """Return the header of the handshake; without `authorization`, a setting decides."""
        authorization = self._leg.callee.authorization
        if authorization.get("type") == "custom":
            return str(authorization["value"])
        state = self._state
        if not authorization and not state.settings.websocket_signed_by_default:
            return None
        account = state.account
        token = sign_webhook(
            account.signature_secret,
            account.api_key,
            self._leg.application.id,
            int(state.wall_time()),
            state.make_uuid(),
            b"",
        )
        return f"Bearer {token}"

    async def _disconnected(self) -> None:
        """Report that the application closed the socket: it can respond with an NCCO."""
        sent = self._state.report_status(self._leg, "disconnected")
        self._leg.replacement = await event_ncco(self._state, self._leg, sent)
        self._leg.commands.put(HangUp("user"))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.measures.receive_frame(self._state.clock.now())
                if self._is_refused(message.data):
                    _drop(socket)
                    return
                self._buffer_audio(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._handle_text(message.data)

    def _is_refused(self, data: bytes) -> bool:
        """Report audio that is not one frame: it ends the leg (vocode-core issue 727)."""
        if len(data) == self._frame_bytes:
            return False
        self.measures.wrong_frames += 1
        if not self._state.settings.websocket_exact_frames:
            return False
        detail = f"{len(data)} bytes; this content type requires {self._frame_bytes}"
        self._state.journal.write(
            "error", uuid=self._leg.uuid, reason="unexpected frame size", detail=detail
        )
        return True

    def _buffer_audio(self, data: bytes) -> None:
        """Buffer audio in frames of 20 ms; what exceeds the buffer is lost."""
        for start in range(0, len(data), self._frame_bytes):
            if len(self._buffer) >= self._state.settings.websocket_buffer_frames:
                return
            self._buffer.append(data[start : start + self._frame_bytes])

    def _handle_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(message, dict):
            return
        if message.get("action") == "clear":
            self._buffer.clear()
            self.measures.clear(self._state.clock.now())
            self._outgoing.append(json.dumps({"event": "websocket:cleared"}))
        elif message.get("action") == "notify":
            self._buffer.append(Marker(message.get("payload")))

    async def _tick(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Play a received frame and send one, every 20 ms of the clock."""
        clock = self._state.clock
        at = clock.now()
        while not socket.closed:
            await clock.sleep_until(at + FRAME_SECONDS)
            self.measures.lateness.add(clock.now() - at - FRAME_SECONDS)
            self._play_frame(at)
            while self._outgoing:
                await socket.send_str(self._outgoing.popleft())
            await socket.send_bytes(self._frame(at))
            at += FRAME_SECONDS

    def _play_frame(self, at: float) -> None:
        frame = self._next_frame()
        if frame is None:
            self.measures.play(None, at, at + FRAME_SECONDS)
            return
        samples = array("h")
        samples.frombytes(frame[: len(frame) // 2 * 2])
        self.measures.play(samples, at, at + FRAME_SECONDS)
        needed = self._incoming_audio.is_needed
        pcm = audio.resample(samples, self._rate).tobytes() if needed else b""
        self._incoming_audio.add_audio(pcm, at, at + FRAME_SECONDS)

    def _next_voices(self) -> list[bytes]:
        """Return the next 20 ms of each voice that the leg hears."""
        pieces = []
        for speaker, voice in list(self._heard.items()):
            pieces.append(bytes(voice[:HEARD_FRAME_BYTES]))
            del voice[:HEARD_FRAME_BYTES]
            if not voice:
                del self._heard[speaker]
        return pieces

    def _next_frame(self) -> bytes | None:
        while self._buffer:
            frame = self._buffer.popleft()
            if not isinstance(frame, Marker):
                return frame
            self.measures.end_utterance()
            event = {"event": "websocket:notify", "payload": frame.payload}
            self._outgoing.append(json.dumps(event))
        return None

    def _frame(self, at: float) -> bytes:
        """Return what the leg hears in these 20 ms, at the socket's sample rate."""
        clips = [
            Clip(sound.begin - at, sound.end - at if sound.end else 1.0, sound.tone)
            for sound in list(self._leg.heard)[-8:]
            if sound.kind != "audio"
            and sound.begin < at + FRAME_SECONDS
            and (sound.end is None or sound.end > at)
        ]
        clips += [Clip(0.0, FRAME_SECONDS, 0, piece) for piece in self._next_voices()]
        samples = audio.mix(clips, 0, int(audio.RATE * FRAME_SECONDS))
        count = int(self._rate * FRAME_SECONDS)
        return array("h", (samples[n * len(samples) // count] for n in range(count))).tobytes()


def _drop(connection: aiohttp.ClientWebSocketResponse) -> None:
    """Close a connection without a close frame: the application sees code 1006."""
    tcp = connection.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if tcp is not None:
            tcp.shutdown(SHUT_RDWR)
