"""What the application at a WebSocket did: when it was heard, what it cleared, what was wrong.

Times are those of the simulator's clock. Audible is what is played and as loud as a voice: frames
of silence are not speech.
"""

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .legs import Leg
from .voice_activity import is_loud

# A shorter pause is one within speech, such as between two words.
PAUSE_SECONDS = 0.3
# Audio that ran out, and goes on within this time, came too late.
UNDERRUN_SECONDS = 0.2
# Limits per connection; the oldest are deleted first.
MAX_SPANS = 1000


@dataclass
class AudibleSpan:
    """A time during which the application was heard."""

    begin: float
    end: float


@dataclass(frozen=True)
class AgentTurn:
    """What the application did about one utterance of the caller, in seconds.

    Attributes
    ----------
    began, ended
        When the utterance began and ended, on the simulator's clock.
    response
        From the utterance's end to the next audible audio; None if none came.
    cleared
        From the utterance's beginning to the application's `clear`; None if none came.
    silenced
        From the utterance's beginning until the application, interrupted by it, was silent; None
        if it wasn't interrupted, or did not become silent.
    talked_over
        How long both were audible.
    """

    began: float
    ended: float
    response: float | None
    cleared: float | None
    silenced: float | None
    talked_over: float


@dataclass
class Lateness:
    """How late the simulator itself was with its frames, in seconds of its clock."""

    count: int = 0
    total: float = 0.0
    worst: float = 0.0

    def add(self, seconds: float) -> None:
        """Add one frame's lateness."""
        self.count += 1
        self.total += seconds
        self.worst = max(self.worst, seconds)


@dataclass
class WebSocketMeasures:
    """The measures of one connection."""

    connected_at: float | None = None
    audible: deque[AudibleSpan] = field(default_factory=lambda: deque(maxlen=MAX_SPANS))
    clears: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_SPANS))
    digits: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_SPANS))
    frames: int = 0
    wrong_frames: int = 0
    most_frames_per_second: int = 0
    underruns: int = 0
    lateness: Lateness = field(default_factory=Lateness)

    def __post_init__(self) -> None:
        self._latest: deque[float] = deque()  # when the frames of the last second arrived
        self._is_broken = True  # whether the next audible frame begins a span
        self._ran_out_at: float | None = None
        self._was_loud = False

    @property
    def first_audio(self) -> float | None:
        """Seconds from the connection to the first audible audio; None if there was none."""
        if self.connected_at is None or not self.audible:
            return None
        return round(self.audible[0].begin - self.connected_at, 3)

    def receive_frame(self, at: float) -> None:
        """Count a binary message that arrived."""
        self.frames += 1
        self._latest.append(at)
        while self._latest[0] <= at - 1:
            self._latest.popleft()
        self.most_frames_per_second = max(self.most_frames_per_second, len(self._latest))

    def clear(self, at: float) -> None:
        """Record that the application cleared its buffer."""
        self.clears.append(at)
        self._is_broken = True
        self.end_utterance()

    def end_utterance(self) -> None:
        """Record that no more audio is expected: what follows cannot be late."""
        self._was_loud = False
        self._ran_out_at = None

    def play(self, samples: array[int] | None, begin: float, end: float) -> None:
        """Record what is played between two times; None if the buffer is empty."""
        if samples is None:
            if self._was_loud:
                self._ran_out_at, self._was_loud = begin, False
            return
        if self._ran_out_at is not None:
            self.underruns += begin - self._ran_out_at <= UNDERRUN_SECONDS
            self._ran_out_at = None
        self._was_loud = is_loud(samples)
        if not self._was_loud:
            return
        span = self.audible[-1] if self.audible else None
        if span is None or self._is_broken or begin - span.end > PAUSE_SECONDS:
            self.audible.append(AudibleSpan(begin, end))
        else:
            span.end = end
        self._is_broken = False

    def is_audible(self, at: float) -> bool:
        """Return whether the application speaks, or pauses between two words."""
        return bool(self.audible) and self.audible[-1].end + PAUSE_SECONDS > at

    def turns(self, utterances: Iterable[tuple[float, float]], now: float) -> list[AgentTurn]:
        """Compare what the application did with the caller's utterances, until now."""
        all_of_them = sorted(utterances)
        begins = [*(began for began, _ in all_of_them), float("inf")]
        return [
            self._turn(began, ended, begins[number], now)
            for number, (began, ended) in enumerate(all_of_them, 1)
        ]

    def _turn(self, began: float, ended: float, until: float, now: float) -> AgentTurn:
        last = self._interrupted(began, ended)
        silent_at = None if last is None else last.end
        is_silent = last is not None and (last is not self.audible[-1] or not self.is_audible(now))
        response = next((one.begin for one in self.audible if ended <= one.begin < until), None)
        cleared = next((at for at in self.clears if began <= at < until), None)
        return AgentTurn(
            began,
            ended,
            _seconds(ended, response),
            _seconds(began, cleared),
            _seconds(began, silent_at if is_silent else None),
            0.0 if silent_at is None else round(min(silent_at, ended) - began, 3),
        )

    def _interrupted(self, began: float, ended: float) -> AudibleSpan | None:
        """Return the last span that an utterance interrupts; None if it interrupts none.

        What goes on after a pause, while the caller speaks, was not silenced before; but what
        follows a `clear` is something else.
        """
        last: AudibleSpan | None = None
        for one in self.audible:
            if last is None:
                last = one if one.begin < began < one.end else None
            elif one.begin < ended and not any(last.end <= at <= one.begin for at in self.clears):
                last = one
        return last


def _seconds(begin: float, end: float | None) -> float | None:
    return None if end is None else round(end - begin, 3)


def turns_of(agent: Leg, caller: Leg, entries: Iterable[dict[str, Any]]) -> list[AgentTurn]:
    """Return what an agent did about each utterance of a caller that it could hear."""
    begin, end = agent.answered_at or float("inf"), agent.ended_at or float("inf")
    utterances = [one for one in utterances_of(caller.uuid, entries) if begin <= one[0] < end]
    measures: WebSocketMeasures = agent.websocket.measures
    return measures.turns(utterances, caller.clock.now())


def utterances_of(uuid: str, entries: Iterable[dict[str, Any]]) -> list[tuple[float, float]]:
    """Return when the person on a leg began and ended to speak, from the journal.

    Speech that a microphone's client recognized is not repeated: its voice is the utterance.
    """
    found: list[tuple[float, float]] = []
    began: float | None = None
    for entry in entries:
        if entry.get("uuid") != uuid:
            continue
        if entry["kind"] == "speech" and not entry.get("recognised"):
            found.append((entry["at"], entry["at"] + entry["seconds"]))
        elif entry["kind"] == "voice" and entry["state"] == "started":
            began = entry["at"]
        elif entry["kind"] == "voice" and began is not None:
            found.append((began, entry["at"]))
            began = None
    return found
