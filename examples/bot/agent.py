"""An agent that follows rules instead of a model: replace it by your own.

It has no input or output. It gets what Vonage sends, and returns what to do: audio to play, an
action for Vonage (``clear`` or ``notify``), or ``CLOSE``. Its clock is the audio it heard, 20 ms a
frame, so that the same call always gets the same answers.
"""

from __future__ import annotations

from array import array
from operator import mul
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOSE: Literal["close"] = "close"
"""Close the connection. The flow that made it then calls a person: this is how to hand over."""

Message = bytes | dict[str, Any] | Literal["close"]
"""Audio of one utterance, an action for Vonage, or ``CLOSE``."""

# In frames of 20 ms.
_INTERRUPTS = 6  # 120 ms of voice stop what the agent says
_IS_VOICE = 10  # 200 ms of voice are worth a reply
_IS_END = 20  # 400 ms of silence end what the caller says
_KEY_TONE = 20  # 400 ms after a key are its tone, not voice
_GIVES_UP = 1500  # 30 s without voice or a key: nobody may be there

_KEYS = ("1", "2")  # those with an answer
_LOUDNESS = 500  # root mean square of the samples: 36 dB below the loudest


class Agent:
    """One call.

    Parameters
    ----------
    sounds
        16 kHz audio by name: ``greeting``, ``reply``, ``1`` and ``2``.
    """

    def __init__(self, sounds: Mapping[str, bytes]) -> None:
        self._sounds = sounds
        self._utterance = 0
        self._is_speaking = False
        self._loud = 0  # consecutive loud frames
        self._voice = 0  # loud frames since the caller began to speak
        self._quiet = 0  # consecutive quiet frames
        self._inactive = 0  # frames since the latest voice, key or utterance
        self._ignored = 0  # frames of a key's tone that are still to come

    def text(self, message: dict[str, Any]) -> list[Message]:
        """Handle a text message of Vonage, and return what to do."""
        event = message.get("event")
        if event == "websocket:connected":
            return self._say("greeting")
        if event == "websocket:dtmf":
            return self._press(str(message.get("digit")))
        if event == "websocket:notify":
            self._on_played(message.get("payload"))
        return []

    def hear(self, frame: bytes) -> list[Message]:
        """Handle 20 ms of the caller's audio, and return what to do."""
        if self._ignored:
            self._ignored -= 1
        elif _is_loud(frame):
            return self._on_loud()
        self._loud = 0
        self._quiet += 1
        self._inactive += 1
        if self._quiet == _IS_END:
            had_voice, self._voice = self._voice >= _IS_VOICE, 0
            if had_voice and not self._is_speaking:
                return self._say("reply")
        return [CLOSE] if self._inactive >= _GIVES_UP else []

    def _on_loud(self) -> list[Message]:
        self._loud += 1
        self._voice += 1
        self._quiet = self._inactive = 0
        return self._stop() if self._loud >= _INTERRUPTS else []

    def _press(self, digit: str) -> list[Message]:
        self._inactive = self._loud = self._voice = 0
        self._ignored = _KEY_TONE
        if digit == "0":
            return [CLOSE]
        if digit not in _KEYS:
            return []
        return [*self._stop(), *self._say(digit)]

    def _say(self, name: str) -> list[Message]:
        """Return an utterance, and a request to hear from Vonage when it was played."""
        self._utterance += 1
        self._is_speaking = True
        self._inactive = 0
        payload = {"utterance": self._utterance, "sound": name}
        return [self._sounds[name], {"action": "notify", "payload": payload}]

    def _stop(self) -> list[Message]:
        if not self._is_speaking:
            return []
        self._is_speaking = False
        return [{"action": "clear"}]

    def _on_played(self, payload: object) -> None:
        """Note the end of an utterance, unless it is an earlier one that was interrupted."""
        if isinstance(payload, dict) and payload.get("utterance") == self._utterance:
            self._is_speaking = False
            self._inactive = 0


def _is_loud(frame: bytes) -> bool:
    samples = array("h", frame)
    energy: int = sum(map(mul, samples, samples))
    return energy >= _LOUDNESS**2 * len(samples)
