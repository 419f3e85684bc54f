"""A browser microphone on a leg: received audio, voice activity, and audio sent back.

Audio arrives over a WebSocket (`serve`), in messages that are early or late. Each gets the time at
which it was said, so that recordings have neither gaps nor overlaps.
"""

import asyncio
import contextlib
import json
from array import array
from collections import deque
from typing import Any

import aiohttp
from aiohttp import WSCloseCode, web

from . import playback
from .audio import RATE
from .incoming_audio import IncomingAudio
from .legs import Leg
from .rate_limits import RateLimiter
from .state import SimulatorState
from .voice_activity import begin_voice, end_voice, is_loud

SAMPLE_BYTES = 2
# A binary message holds at most one second of audio.
AUDIO_BYTES = RATE * SAMPLE_BYTES
TEXT_CHARACTERS = 10_000
MESSAGE_BYTES = 65_536
# Messages above these rates are dropped. Browsers produce blocks of 8 ms, 125 per second.
MESSAGES_PER_SECOND = 300.0
TEXTS_PER_SECOND = 5.0
# Audio later than this was not delayed by the network: the speaker paused.
JITTER_SECONDS = 0.3
# How far audio can be ahead of the clock, as after a delay; audio further ahead is dropped.
LEAD_SECONDS = 1.0
# Outgoing messages queued for a slow client; the oldest are dropped first.
HEARD_MESSAGES = 100
SPEAKER_BYTES = 36
# Real seconds of silence after which the client gets a ping.
HEARTBEAT = 15.0

# A voice begins after LOUD_WINDOWS loud windows, and ends after QUIET_SECONDS without one.
WINDOW = RATE // 50
LOUD_WINDOWS = 3
QUIET_SECONDS = 0.6
# It also ends if no audio arrives for this long: that allows for a one-second message and jitter.
NO_AUDIO_SECONDS = QUIET_SECONDS + 1.0 + JITTER_SECONDS
# A transcript arrives after its voice, but not later than this.
TRANSCRIPT_DELAY_SECONDS = 5.0


class Microphone:
    """One WebSocket connection to a leg."""

    def __init__(self, state: SimulatorState, leg: Leg) -> None:
        self._state = state
        self._leg = leg
        self._clock = state.clock
        self._incoming_audio = IncomingAudio(leg, playback.SILENT_TONE)
        self._message_limit = RateLimiter(state.clock, MESSAGES_PER_SECOND)
        self._text_limit = RateLimiter(state.clock, TEXTS_PER_SECOND)
        # When the audio since the last pause began, and its number of samples.
        self._audio_begin: float | None = None
        self._sample_count = 0
        # Samples that did not fill a window, consecutive loud windows, times of the latest voice.
        self._partial_window = b""
        self._loud_windows = 0
        self._voice_began = 0.0
        self._voice_until = 0.0
        self._outgoing: deque[bytes] = deque(maxlen=HEARD_MESSAGES)
        self._closing: tuple[int, str] | None = None
        self._ready = asyncio.Event()

    # Received audio and transcripts

    def receive_audio(self, pcm: bytes) -> None:
        """Process audio that was said until now."""
        if not self._leg.is_active or not self._message_limit.take():
            return
        begin = self._assign_begin_time(len(pcm) // SAMPLE_BYTES)
        if begin is not None:
            self._incoming_audio.add_audio(pcm, begin, self._audio_end)
            self._detect_voice(pcm, begin)

    @property
    def _audio_end(self) -> float:
        """When the received audio ends; counted in samples, so that errors don't add up."""
        return (self._audio_begin or 0.0) + self._sample_count / RATE

    def _assign_begin_time(self, count: int) -> float | None:
        """Return when these samples were said, or None if too far ahead of the clock."""
        spoken_at = self._clock.now() - count / RATE
        if self._audio_begin is None or spoken_at > self._audio_end + JITTER_SECONDS:
            self._audio_begin, self._sample_count = spoken_at, 0
            self._partial_window, self._loud_windows = b"", 0
        begin = self._audio_end
        if begin > spoken_at + LEAD_SECONDS:
            return None
        self._sample_count += count
        return begin

    def receive_transcript(self, text: str) -> None:
        """Use a text as the transcript of the latest voice."""
        if not self._leg.is_active or not self._text_limit.take():
            return
        now = self._clock.now()
        began, ended = self._voice_began, min(self._voice_until, now)
        if began >= ended or ended < now - TRANSCRIPT_DELAY_SECONDS:
            began = ended = now
        self._voice_began = max(self._voice_began, ended)  # later audio gets its own transcript
        playback.recognize(self._state, self._leg, text, began, ended)

    # Voice activity

    def _detect_voice(self, pcm: bytes, begin: float) -> None:
        at = begin - len(self._partial_window) / AUDIO_BYTES
        samples = array("h", self._partial_window + pcm)
        complete_length = len(samples) // WINDOW * WINDOW
        for start in range(0, complete_length, WINDOW):
            window = samples[start : start + WINDOW]
            until = at + (start + WINDOW) / RATE
            if is_loud(window):
                self._on_loud_window(until)
            else:
                self._on_quiet_window(until)
        self._partial_window = samples[complete_length:].tobytes()

    def _on_loud_window(self, until: float) -> None:
        self._loud_windows += 1
        leg = self._leg
        if leg.has_voice:
            self._voice_until = until
        elif self._loud_windows >= LOUD_WINDOWS:
            self._voice_began, self._voice_until = until - self._loud_windows * WINDOW / RATE, until
            begin_voice(self._state, leg, self._voice_began)
            self._schedule_timeout()

    def _on_quiet_window(self, until: float) -> None:
        self._loud_windows = 0
        if self._leg.has_voice and until - self._voice_until >= QUIET_SECONDS:
            self._end_voice()

    def _schedule_timeout(self) -> None:
        self._clock.call_at(self._voice_until + NO_AUDIO_SECONDS, self._check_timeout)

    def _check_timeout(self) -> None:
        """End a voice if no audio has arrived since, not even silence."""
        if self._leg.microphone is not self or not self._leg.has_voice:
            return
        if self._clock.now() >= self._voice_until + NO_AUDIO_SECONDS:
            self._end_voice()
        else:
            self._schedule_timeout()

    def _end_voice(self) -> None:
        end_voice(self._state, self._leg, self._voice_until)

    # Audio sent to the client

    def send_audio(self, speaker: str, pcm: bytes) -> None:
        """Queue a speaker's audio for the client."""
        self._outgoing.append(speaker.encode().ljust(SPEAKER_BYTES) + pcm)
        self._ready.set()

    # The connection

    def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Close the connection, and end the current voice."""
        if self._closing is not None:
            return
        self._closing = (code, reason)
        self._ready.set()
        if self._leg.microphone is self:
            if self._leg.has_voice:
                self._end_voice()
            self._leg.microphone = None
        self._incoming_audio.cut(self._clock.now())

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Send and receive until the client or the simulator closes the connection."""
        tasks = [self._state.spawn(self._send(socket)), self._state.spawn(self._read(socket))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        code, reason = self._closing or (WSCloseCode.OK, "")
        await socket.close(code=code, message=reason.encode(), drain=False)

    async def _send(self, socket: web.WebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while self._closing is None:
                await self._ready.wait()
                self._ready.clear()
                while self._outgoing and self._closing is None:
                    await socket.send_bytes(self._outgoing.popleft())

    async def _read(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if self._closing is not None:
                return
            if self._clock.speed != 1:
                self.close(WSCloseCode.POLICY_VIOLATION, "the clock is not at speed 1")
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._handle_audio(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._handle_text(message.data)

    def _handle_audio(self, data: bytes) -> None:
        if len(data) > AUDIO_BYTES:
            self.close(WSCloseCode.MESSAGE_TOO_BIG, "a message holds at most one second of audio")
        elif len(data) % SAMPLE_BYTES:
            self.close(WSCloseCode.UNSUPPORTED_DATA, "a sample has 16 bits")
        elif data:
            self.receive_audio(data)

    def _handle_text(self, data: str) -> None:
        text = _transcript_in(data)
        if text is None:
            self.close(WSCloseCode.UNSUPPORTED_DATA, 'a text message is {"text": "..."}')
        elif len(text) > TEXT_CHARACTERS:
            self.close(
                WSCloseCode.MESSAGE_TOO_BIG, f"a text has at most {TEXT_CHARACTERS} characters"
            )
        else:
            self.receive_transcript(text)


def _transcript_in(data: str) -> str | None:
    try:
        message: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    text = message.get("text") if isinstance(message, dict) else None
    return text if isinstance(text, str) and text.strip() else None


async def serve(state: SimulatorState, leg: Leg, request: web.Request) -> web.WebSocketResponse:
    """Accept a microphone WebSocket on a leg; it replaces an earlier one."""
    socket = web.WebSocketResponse(
        max_msg_size=MESSAGE_BYTES, compress=False, heartbeat=HEARTBEAT, timeout=1.0
    )
    await socket.prepare(request)
    microphone = Microphone(state, leg)
    if leg.microphone is not None:
        leg.microphone.close(WSCloseCode.POLICY_VIOLATION, "replaced by another microphone")
    if leg.is_over:
        microphone.close()
    else:
        leg.microphone = microphone
    await microphone.run(socket)
    return socket
