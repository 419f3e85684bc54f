"""What the events of a conversation say together: the state of its legs, and what else happened.

State is never stored. It is folded from the events when somebody reads it, and the fold gives the
same answer for any order and any repetition of the events, since Vonage promises neither order nor
uniqueness.

    started → ringing → answered → [human | machine] → completed
    started → (ringing) → busy | cancelled | timeout | unanswered | failed → completed
    started → rejected
    started → answered → disconnected → completed        (a WebSocket that the other side closed)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from records.event import STATUS_RANK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from records.event import CallEvent

_FAILURES = ("busy", "cancelled", "timeout", "unanswered", "failed", "rejected")
_ANSWERED = ("answered", "human", "machine", "disconnected")  # the latter only follow the first
_ENDED = ("rejected", "completed")
_COSTS = ("duration", "rate", "price", "network", "disconnected_by")


class LegSummary(NamedTuple):
    """One leg of a conversation.

    Attributes
    ----------
    leg
        Its identifier without dashes.
    state
        The furthest status that was reported, ``unknown`` if none that is known was.
    outcome
        ``answered``, or the failure that ended it; None where no event tells of either.
    ended
        Whether no further status will follow.
    from_, to, direction
        As the earliest event tells that names them.
    times
        When each status was first reported, by status.
    conversations
        The conversations that the leg was in, in the order of the events.
    costs
        ``duration`` (seconds), ``rate`` and ``price`` (EUR), ``network``, ``disconnected_by``, as
        `completed` told them.
    """

    leg: str
    state: str
    outcome: str | None
    ended: bool
    from_: str | None
    to: str | None
    direction: str | None
    times: Mapping[str, str | None]
    conversations: tuple[str, ...]
    costs: Mapping[str, Any]


class Timeline(NamedTuple):
    """A conversation: its legs by identifier, and its events in order, each once."""

    legs: Mapping[str, LegSummary]
    events: tuple[CallEvent, ...]

    def of_kind(self, kind: str) -> tuple[CallEvent, ...]:
        """Give the events of one kind, such as ``record`` or ``input``, in order."""
        return tuple(event for event in self.events if event.kind == kind)


def build_timeline(events: Iterable[CallEvent]) -> Timeline:
    """Say what events mean together.

    Parameters
    ----------
    events
        The events of a conversation or of a leg, in any order, each as often as it comes.

    Returns
    -------
    Timeline
        The same for any order and any repetition.
    """
    ordered = tuple(event for _, event in sorted({event.key: event for event in events}.items()))
    by_leg: dict[str, list[CallEvent]] = {}
    for event in ordered:
        if event.leg:
            by_leg.setdefault(event.leg, []).append(event)
    return Timeline({name: _leg(name, told) for name, told in by_leg.items()}, ordered)


def _leg(name: str, events: list[CallEvent]) -> LegSummary:
    times: dict[str, str | None] = {}
    costs: dict[str, Any] = {}
    for event in events:
        if event.status:
            times.setdefault(event.status, event.timestamp)
        if event.status == "completed":
            costs = {cost: event.fields.get(cost) for cost in _COSTS}
    # The furthest status counts, whatever came last: `started` often arrives after `ringing`.
    state = max(times, key=lambda status: (STATUS_RANK[status], status), default="unknown")
    failure = next((status for status in _FAILURES if status in times), None)
    answered = "answered" if any(status in times for status in _ANSWERED) else None
    return LegSummary(
        leg=name,
        state=state,
        outcome=failure or answered,
        ended=state in _ENDED,
        from_=_first(events, "from"),
        to=_first(events, "to"),
        direction=_first(events, "direction"),
        times=times,
        conversations=tuple(dict.fromkeys(e.conversation for e in events if e.conversation)),
        costs=costs,
    )


def _first(events: list[CallEvent], name: str) -> str | None:
    """Give the first value that an event has for a field; Vonage leaves some out at times."""
    values = (event.fields.get(name) for event in events)
    texts = (value.strip() for value in values if isinstance(value, str))
    return next(filter(None, texts), None)
