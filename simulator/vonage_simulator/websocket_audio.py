"""The audio of a WebSocket leg: what the application sends, and what the leg hears."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from . import audio
from .audio import Clip
from .legs import Leg

FRAME_SECONDS = 0.02
# Voices are 16 kHz before resampling; beyond one second, the oldest audio is dropped.
VOICE_FRAME_BYTES = int(audio.RATE * FRAME_SECONDS) * 2
VOICE_BYTES = audio.RATE * 2
# Sounds that can overlap in a frame, and notify messages that can wait.
MAX_SOUNDS = 8
MAX_MARKERS = 1000


@dataclass(frozen=True)
class Marker:
    """A notify message from the application: it comes back when the audio before it was played."""

    payload: Any


class PlayoutBuffer:
    """Audio and notify messages from the application, in the order in which they are played."""

    def __init__(self, frame_bytes: int, max_frames: int) -> None:
        self._frame_bytes = frame_bytes
        self._max_frames = max_frames
        self._items: deque[bytes | Marker] = deque()
        self._frames = 0
        self.dropped = 0  # number of frames so far that did not fit

    def add_audio(self, data: bytes) -> None:
        """Add audio in frames of 20 ms; frames that exceed the buffer are dropped."""
        for start in range(0, len(data), self._frame_bytes):
            if self._frames >= self._max_frames:
                self.dropped += 1
            else:
                self._frames += 1
                self._items.append(data[start : start + self._frame_bytes])

    def add_marker(self, payload: Any) -> None:
        """Add a notify message, unless too many wait."""
        if len(self._items) - self._frames < MAX_MARKERS:
            self._items.append(Marker(payload))

    def clear(self) -> None:
        """Drop everything, also the notify messages."""
        self._items.clear()
        self._frames = 0

    def next_frame(self) -> tuple[bytes | None, list[Any]]:
        """Remove the next frame, if any; return it, and the payloads of the messages before it."""
        payloads: list[Any] = []
        while self._items:
            item = self._items.popleft()
            if not isinstance(item, Marker):
                self._frames -= 1
                return item, payloads
            payloads.append(item.payload)
        return None, payloads


class HeardAudio:
    """What a WebSocket leg hears, mixed into frames of the socket's sample rate."""

    def __init__(self, leg: Leg, rate: int) -> None:
        self._leg = leg
        self._rate = rate
        self._voices: dict[str, bytearray] = {}

    def add(self, speaker: str, pcm: bytes) -> None:
        """Add a speaker's audio for the next frames."""
        voice = self._voices.setdefault(speaker, bytearray())
        voice += pcm
        del voice[:-VOICE_BYTES]

    def clear(self) -> None:
        """Drop all audio."""
        self._voices.clear()

    def next_frame(self, at: float) -> bytes:
        """Return what the leg hears in the 20 ms from this time."""
        clips = [
            Clip(sound.begin - at, sound.end - at if sound.end else 1.0, sound.tone)
            for sound in list(self._leg.heard)[-MAX_SOUNDS:]
            if sound.kind != "audio"
            and sound.begin < at + FRAME_SECONDS
            and (sound.end is None or sound.end > at)
        ]
        clips += [Clip(0.0, FRAME_SECONDS, 0, piece) for piece in self._next_voices()]
        samples = audio.mix(clips, 0, int(audio.RATE * FRAME_SECONDS))
        return audio.resample(samples, audio.RATE, self._rate).tobytes()

    def _next_voices(self) -> list[bytes]:
        """Remove and return the next 20 ms of each voice."""
        pieces = []
        for speaker, voice in list(self._voices.items()):
            pieces.append(bytes(voice[:VOICE_FRAME_BYTES]))
            del voice[:VOICE_FRAME_BYTES]
            if not voice:
                del self._voices[speaker]
        return pieces
