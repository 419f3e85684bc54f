"""WebSocket endpoints: connect to the application's server and exchange audio with it."""

import asyncio
import contextlib
import json
from array import array
from collections import deque
from typing import Any

import aiohttp

from . import audio, websocket_connection
from .bad_line import BadLine
from .incoming_audio import IncomingAudio
from .legs import AnswerCall, DeclineCall, HangUp, Leg
from .ncco_fetch import event_ncco
from .ping_barrier import PONG_SECONDS, PingBarrier
from .state import SimulatorState
from .websocket_audio import FRAME_SECONDS, HeardAudio, PlayoutBuffer
from .websocket_connection import Socket
from .websocket_measures import WebSocketMeasures

# Real seconds after which an application that does not read loses the connection.
SEND_SECONDS = 5.0
DIGIT_MILLISECONDS = 260
# Messages that can wait on a bad line, and events that can wait for the next frame.
HELD_MESSAGES = 10_000
# Close codes of an application that ends the call on purpose; 0 and 1005 mean no code.
NORMAL_CODES = frozenset({0, 1000, 1001, 1005})
LOST = aiohttp.WSCloseCode.ABNORMAL_CLOSURE

Message = str | bytes


class WebSocketAudio:
    """The connection of one WebSocket leg."""

    def __init__(self, state: SimulatorState, leg: Leg) -> None:
        self.measures = WebSocketMeasures()
        self._state = state
        self._leg = leg
        self._rate = int(leg.callee.content_type.rpartition("=")[2])
        self._frame_bytes = int(self._rate * FRAME_SECONDS) * 2
        self._incoming_audio = IncomingAudio(leg, leg.tone)
        self._heard = HeardAudio(leg, self._rate)
        self._buffer = PlayoutBuffer(self._frame_bytes, state.settings.websocket_buffer_frames)
        self._barrier = PingBarrier(state.clock, self._report_missing_pong)
        self._line = BadLine(state.faults)
        self._outgoing: deque[Message] = deque(maxlen=HELD_MESSAGES)
        self._held: deque[Message] = deque(maxlen=HELD_MESSAGES)  # incoming, on a bad line
        self._is_active = True
        self._received = self._sent = 0  # frames
        self._lost_by_platform = self._is_closed = False
        self._is_cut = False  # by the fault ws_close
        self._task: asyncio.Task[Any] | None = None
        self._socket: Socket | None = None

    def open(self) -> None:
        """Connect in the background; the leg then gets AnswerCall or DeclineCall."""
        if not self._leg.callee.has_content_type:
            detail = f"the endpoint has no content-type: {self._leg.callee.content_type} is assumed"
            self._write("warning", reason="no content type", detail=detail)
        self._task = self._state.spawn(self._run())

    def close(self) -> None:
        """Close the connection, or stop connecting."""
        if self._socket is not None:
            self._state.spawn(self._hang_up(self._socket))
        elif self._task is not None:
            self._task.cancel()
        self._buffer.clear()
        self._heard.clear()

    def send_audio(self, speaker: str, pcm: bytes) -> None:
        """Buffer a speaker's audio for the next frames."""
        self._heard.add(speaker, pcm)

    def send_digit(self, digit: str) -> None:
        """Send a DTMF event to the application."""
        self._send_event("websocket:dtmf", digit=digit, duration=DIGIT_MILLISECONDS)
        self.measures.digits.append(digit)

    # The connection

    async def _run(self) -> None:
        result = await websocket_connection.connect(self._state, self._leg, self._line)
        if isinstance(result, DeclineCall):
            self._leg.commands.put(result)
        else:
            self._socket = result
            await self._exchange(result)

    async def _exchange(self, socket: Socket) -> None:
        """Exchange messages until the connection ends, and report that it did."""
        leg = self._leg
        hello = {"event": "websocket:connected", "content-type": leg.callee.content_type}
        try:
            await socket.send_str(json.dumps(hello | leg.callee.headers))
            leg.commands.put(AnswerCall())
            self.measures.connected_at = self._state.clock.now()
            while leg.answered_at is None and not leg.is_over:
                await asyncio.sleep(0)  # the leg's task handles the command in its next turn
            ticking = self._state.spawn(self._tick(socket))
            try:
                await self._listen(socket)
            finally:
                ticking.cancel()
        except (aiohttp.ClientError, ConnectionError):
            pass  # the connection is lost
        if leg.is_over:
            return
        if self._lost_by_platform:
            self._report_closed("platform", LOST)
            await self._close(socket)
        else:
            self._report_closed("application", socket.close_code or LOST)
        await self._disconnected()

    async def _disconnected(self) -> None:
        """Report that the connection ended during the call: the response can be an NCCO."""
        sent = self._state.report_status(self._leg, "disconnected")
        self._leg.replacement = await event_ncco(self._state, self._leg, sent)
        self._leg.commands.put(HangUp("user"))

    async def _hang_up(self, socket: Socket) -> None:
        """Close the connection of a leg that has ended, unless it is closed."""
        code = self._state.settings.websocket_close
        if code is None:
            websocket_connection.drop(socket)
        self._report_closed("platform", LOST if code is None else code)
        await self._close(socket, code or aiohttp.WSCloseCode.OK)

    async def _close(self, socket: Socket, code: int = aiohttp.WSCloseCode.OK) -> None:
        await self._state.clock.run_external(websocket_connection.close(socket, code))

    # Messages from the application

    async def _listen(self, socket: Socket) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.measures.receive_frame(self._state.clock.now())
            if message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is aiohttp.WSMsgType.PONG:
                self._barrier.receive_pong(bytes(message.data))
            elif message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                continue
            elif self._line.is_holding or self._held:
                self._held.append(message.data)
            elif not self._handle(message.data):
                self._lose(socket)
                return

    def _handle(self, message: Message) -> bool:
        """Handle a message; return False if it ends the connection."""
        if isinstance(message, str):
            self._handle_text(message)
            return True
        if self._is_wrong_frame(message):
            return False
        self._received += 1
        had_dropped = self._buffer.dropped
        self._buffer.add_audio(message)
        if self._buffer.dropped and not had_dropped:
            detail = f"frames beyond {self._state.settings.websocket_buffer_frames} are dropped"
            self._write("warning", reason="the audio buffer is full", detail=detail)
        return True

    def _is_wrong_frame(self, data: bytes) -> bool:
        """Report audio that is not one frame: it ends the leg (vocode-core issue 727)."""
        if len(data) == self._frame_bytes:
            return False
        self.measures.wrong_frames += 1
        if not self._state.settings.websocket_exact_frames:
            return False
        detail = f"{len(data)} bytes; this content type requires {self._frame_bytes}"
        self._write("error", reason="unexpected frame size", detail=detail)
        return True

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
            self._send_event("websocket:cleared")
        elif message.get("action") == "notify":
            self._buffer.add_marker(message.get("payload"))

    # Frames

    async def _tick(self, socket: Socket) -> None:
        """Play a received frame and send one, every 20 ms of the clock."""
        clock = self._state.clock
        at = clock.now()
        self._line.connect(at)
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            await self._barrier.wait(socket)
            while not socket.closed:
                await clock.sleep_until(at + FRAME_SECONDS)
                self.measures.lateness.add(clock.now() - at - FRAME_SECONDS)
                if not await self._exchange_frame(socket, at):
                    self._lose(socket)
                    await self._close(socket)
                await self._barrier.wait(socket)
                at += FRAME_SECONDS

    async def _exchange_frame(self, socket: Socket, at: float) -> bool:
        """Play and send the 20 ms from this time; return False if the connection is lost."""
        self._play_frame(at)
        self._add_frame(at)
        if self._line.is_cut(at + FRAME_SECONDS):
            self._is_cut = True
            return False
        if not self._line.releases(at + FRAME_SECONDS):
            return True
        while self._held:
            if not self._handle(self._held.popleft()):
                return False
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send_all(socket)
        except TimeoutError:
            self._write("error", reason="the application does not read from the WebSocket")
            return False
        return True

    def _play_frame(self, at: float) -> None:
        frame, payloads = self._buffer.next_frame()
        for payload in payloads:
            self.measures.end_utterance()
            self._send_event("websocket:notify", payload=payload)
        if frame is None:
            self.measures.play(None, at, at + FRAME_SECONDS)
            return
        samples = array("h")
        samples.frombytes(frame[: len(frame) // 2 * 2])
        self.measures.play(samples, at, at + FRAME_SECONDS)
        needed = self._incoming_audio.is_needed
        pcm = audio.resample(samples, self._rate).tobytes() if needed else b""
        self._incoming_audio.add_audio(pcm, at, at + FRAME_SECONDS)

    def _add_frame(self, at: float) -> None:
        frame = self._heard.next_frame(at)
        if self._state.settings.websocket_muted == "none":
            self._update_active()
            if not self._is_active:
                return
        self._outgoing.append(bytes(len(frame)) if self._line.loses_frame() else frame)

    def _update_active(self) -> None:
        """Send an event if the leg begins or ceases to hear somebody (Nexmo's wsbridge)."""
        leg = self._leg
        others = [member for member in leg.conversation.members if member is not leg]
        is_active = not leg.earmuffed and not (others and all(other.muted for other in others))
        if is_active != self._is_active:
            self._is_active = is_active
            self._send_event("websocket:media:update", method="update", active=is_active)

    def _send_event(self, event: str, **fields: Any) -> None:
        self._outgoing.append(json.dumps({"event": event, **fields}))

    async def _send_all(self, socket: Socket) -> None:
        while self._outgoing:
            message = self._outgoing.popleft()
            if isinstance(message, str):
                await socket.send_str(message)
            else:
                await socket.send_bytes(message)
                self._sent += 1

    # The journal

    def _write(self, kind: str, **details: Any) -> None:
        self._state.journal.write(kind, uuid=self._leg.uuid, **details)

    def _report_closed(self, by: str, code: int) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if by == "application" and code not in NORMAL_CODES:
            self._write("error", reason="WebSocket connection lost", detail=f"close code {code}")
        self._write(
            "websocket",
            state="closed",
            by=by,
            code=int(code),
            received=self._received,
            sent=self._sent,
            dropped=self._buffer.dropped,
            faults=["ws_close"] if self._is_cut else [],
        )

    def _report_missing_pong(self) -> None:
        detail = f"no pong within {PONG_SECONDS:g} s; the clock no longer waits for its messages"
        self._write("warning", reason="the application does not respond to a ping", detail=detail)

    def _lose(self, socket: Socket) -> None:
        """Close the connection without a close frame: the application sees code 1006."""
        self._lost_by_platform = True
        websocket_connection.drop(socket)
