"""Compute the outcome of a call from its events: whether anybody talked, and whom it missed.

Like a timeline, an outcome is never stored, and is the same for every order and repetition of the
events. A call belongs to its root leg: the inbound leg, or in a conversation without one its first
leg. Other legs count only while they overlap with it, since many calls can use one named
conversation.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from records.timeline import build_timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from records.event import CallEvent
    from records.timeline import LegSummary, Timeline

CONNECTED = "connected"
"""The result of a call in which somebody talked to the caller or callee."""

_TALKS = ("answered", "human", "disconnected")
# Before and after all events, far enough from the limits of datetime to add seconds to them.
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
_ROUNDED = timedelta(seconds=1)  # a recording's times are whole seconds


class CallOutcome(NamedTuple):
    """The outcome of a call.

    Attributes
    ----------
    leg, uuid
        Its root leg without dashes, and as Vonage wrote it.
    conversation
        The conversation that the leg was in first, None if no event names one.
    direction, from_, to
        Those of the root leg, None where no event has them.
    result
        ``connected``, ``unanswered`` (others were rung, or the callee was, and nobody answered), or
        ``alone``.
    rung
        How many other legs were placed during the call.
    seconds
        How long it lasted.
    recordings
        The UUIDs of its recordings, in order of time.
    ended_at
        When it ended, UTC with milliseconds, None if no event says so.
    """

    leg: str
    uuid: str
    conversation: str | None
    direction: str | None
    from_: str | None
    to: str | None
    result: str
    rung: int
    seconds: int
    recordings: tuple[str, ...]
    ended_at: str | None

    def is_missed(self, *, has_line: bool) -> bool:
        """Return whether a caller reached nobody who was to be reached.

        Parameters
        ----------
        has_line
            Whether the called number is one that people answer. A call that only an announcement
            answers is not missed.
        """
        reached = self.direction != "inbound" or self.result == CONNECTED
        return not reached and (self.rung > 0 or has_line)


def call_outcome(events: Iterable[CallEvent], leg: str) -> CallOutcome | None:
    """Compute the outcome of the call with this root leg.

    Parameters
    ----------
    events
        All events of the conversations that the leg was in, in any order.
    leg
        The leg without dashes.

    Returns
    -------
    CallOutcome | None
        None if the leg is not the root of a call, or if no event names it.
    """
    timeline = build_timeline(events)
    root = timeline.legs.get(leg)
    if root is None or not _is_root(timeline, leg, root):
        return None
    times = _span(root)
    others = [
        one for name, one in timeline.legs.items() if name != leg and _touch(times, _span(one))
    ]
    return CallOutcome(
        leg=leg,
        uuid=root.uuid,
        conversation=next(iter(root.conversations), None),
        direction=root.direction,
        from_=root.from_,
        to=root.to,
        result=_result(root, times, others),
        rung=sum(one.direction != "inbound" for one in others),
        seconds=_seconds(root),
        recordings=_recordings(timeline, times),
        ended_at=_ended_at(root),
    )


def caller_of(events: Iterable[CallEvent], at: str | None = None) -> LegSummary | None:
    """Return the root leg of a conversation that was in it at a time, else its first root leg.

    Parameters
    ----------
    events
        The events of one conversation, in any order.
    at
        An ISO 8601 time, None or anything else if it is unknown.
    """
    timeline = build_timeline(events)
    roots = [one for name, one in timeline.legs.items() if _is_root(timeline, name, one)]
    time = _time(at)
    for root in roots:
        start, end = _span(root)
        if time and start - time <= _ROUNDED and time - end <= _ROUNDED:
            return root
    return next(iter(roots), None)


def _is_root(timeline: Timeline, leg: str, summary: LegSummary) -> bool:
    if summary.direction == "inbound":
        return True
    first = next(iter(summary.conversations), None)
    together = {
        name: one
        for name, one in timeline.legs.items()
        if first is None or first in one.conversations
    }
    inbound = any(one.direction == "inbound" for one in together.values())
    return not inbound and next(iter(together)) == leg


def _result(
    root: LegSummary, times: tuple[datetime, datetime], others: Iterable[LegSummary]
) -> str:
    others = tuple(others)
    if any(_talked(one, times) for one in others):
        return CONNECTED
    unanswered = root.direction != "inbound" and not _was_answered(root)
    rung = any(one.direction != "inbound" for one in others)
    return "unanswered" if unanswered or rung else "alone"


def _talked(leg: LegSummary, times: tuple[datetime, datetime]) -> bool:
    """Return whether a leg was in the call as a person: an answering machine does not count."""
    if "machine" in leg.times or not _was_answered(leg):
        return False
    start, end = _span(leg)
    answered = [time for status in _TALKS if (time := _time(leg.times.get(status)))]
    seconds = _duration(leg)
    if answered:
        start = min(answered)
    elif seconds and end is not _LAST:
        start = end - min(timedelta(seconds=seconds), end - _FIRST)
    return start < times[1] and times[0] < end


def _was_answered(leg: LegSummary) -> bool:
    """Return whether a leg was answered; if that event is lost, its duration says so."""
    return any(status in leg.times for status in _TALKS) or bool(_duration(leg))


def _span(leg: LegSummary) -> tuple[datetime, datetime]:
    """Return when a leg began and ended; a leg without an end overlaps with all that follows."""
    times = [time for text in leg.times.values() if (time := _time(text))]
    start = min(times, default=_FIRST)
    return start, (_time(_ended_at(leg)) or _LAST)


def _touch(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _ended_at(leg: LegSummary) -> str | None:
    return leg.times.get("completed") or leg.times.get("rejected")


def _duration(leg: LegSummary) -> int | None:
    """Return the duration that Vonage charges; it is text."""
    value = str(leg.costs.get("duration") or "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _seconds(leg: LegSummary) -> int:
    seconds = _duration(leg)
    if seconds is not None:
        return seconds
    start, end = _time(leg.times.get("answered")), _time(_ended_at(leg))
    return max(0, round((end - start).total_seconds())) if start and end else 0


def _recordings(timeline: Timeline, times: tuple[datetime, datetime]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for event in timeline.events:
        recording = event.fields.get("recording_uuid")
        if event.kind == "record" and isinstance(recording, str) and _during(event.fields, times):
            found[recording] = None
    return tuple(found)


def _during(fields: Mapping[str, object], times: tuple[datetime, datetime]) -> bool:
    start, end = _time(fields.get("start_time")), _time(fields.get("end_time"))
    if start is None or end is None:
        return True
    return times[0] - end <= _ROUNDED and start - times[1] <= _ROUNDED


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time.replace(tzinfo=time.tzinfo or UTC)
