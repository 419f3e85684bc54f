"""Audio for Vonage in the frames that it takes, as fast as it should come.

Copy this file: it needs nothing else. Put audio in as your model or your files produce it, in
pieces of any length, and send what ``take`` returns.

- Vonage ends the connection at a message that is not exactly one frame of 20 ms (vocode-core, issue
  727). So audio is cut into frames, and ``flush`` fills the last one with silence.
- Vonage plays from a buffer (websockets guide), so frames go ahead of time. A timer of 20 ms is
  always a little late, and callers hear each gap.
- At most 20 seconds of audio are ahead, because the buffer has an end. At most 150 messages go out
  in a second: Amazon Bedrock AgentCore takes 250 of both directions, and the caller sends 50.
"""

from __future__ import annotations

from collections import deque

FRAME_SECONDS = 0.02
AHEAD_SECONDS = 20.0
# 15 messages at once and then 135 in a second are at most 150 in any second.
_BURST = 15
_MESSAGES_PER_SECOND = 135
_RATES = (8_000, 16_000, 24_000)


class Outbox:
    """What waits to be sent on one connection: frames of audio, and texts between them.

    Parameters
    ----------
    rate
        Samples per second of the connection's ``content-type``: 8000, 16000 or 24000.
    """

    def __init__(self, rate: int = 16_000) -> None:
        if rate not in _RATES:
            raise ValueError(f"rate is {rate}; expected one of {_RATES}")
        self.frame_bytes = rate // 50 * 2
        self._partial = b""
        self._waiting: deque[bytes | str] = deque()
        self._plays_until = 0.0
        self._allowance = float(_BURST)
        self._latest = 0.0

    def add_audio(self, pcm: bytes) -> None:
        """Add audio of any length: 16-bit samples, mono, little endian."""
        data = self._partial + pcm
        whole = len(data) // self.frame_bytes * self.frame_bytes
        self._waiting += (
            data[at : at + self.frame_bytes] for at in range(0, whole, self.frame_bytes)
        )
        self._partial = data[whole:]

    def flush(self) -> None:
        """Fill the last frame with silence: call it at the end of each utterance."""
        if self._partial:
            self._waiting.append(self._partial.ljust(self.frame_bytes, b"\0"))
            self._partial = b""

    def add_text(self, text: str) -> None:
        """Add a text message, such as a ``notify``, behind all audio so far."""
        self.flush()
        self._waiting.append(text)

    def clear(self) -> None:
        """Forget what waits: call it before you send Vonage the action ``clear``."""
        self._waiting.clear()
        self._partial = b""
        self._plays_until = 0.0

    def take(self, now: float) -> list[bytes | str]:
        """Return the messages to send now, in order; call it at least ten times a second.

        Parameters
        ----------
        now
            Seconds on a clock that never goes back, such as ``time.monotonic()``.
        """
        elapsed = now - self._latest
        self._latest = now
        self._allowance = min(_BURST, self._allowance + elapsed * _MESSAGES_PER_SECOND)
        self._plays_until = max(self._plays_until, now)
        messages: list[bytes | str] = []
        while self._waiting and self._allowance >= 1 and self._has_room(now):
            message = self._waiting.popleft()
            messages.append(message)
            self._allowance -= 1
            if isinstance(message, bytes):
                self._plays_until += FRAME_SECONDS
        return messages

    def _has_room(self, now: float) -> bool:
        return self._plays_until + FRAME_SECONDS <= now + AHEAD_SECONDS
