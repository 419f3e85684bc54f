"""Build the timeline of a conversation from its events: its legs and their states, and the events.

State is never stored, but computed from the events on every read. The result is the same for any
order and any repetition of the events, since Vonage guarantees neither order nor uniqueness.

    started → ringing → answered → [human | machine] → completed
    started → (ringing) → busy | cancelled | timeout | unanswered | failed → completed
    started → rejected
    started → answered → disconnected → completed        (a WebSocket that its server closed)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from records.event import STATUS_RANK, text_of_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from records.event import CallEvent

_FAILURES = ("busy", "cancelled", "timeout", "unanswered", "failed", "rejected")
_ANSWERED = ("answered", "human", "machine", "disconnected")  # the last three follow the first
ENDED = ("rejected", "completed")
"""The statuses after which a leg has no other."""
_COSTS = ("duration", "rate", "price", "network", "disconnected_by")


class LegSummary(NamedTuple):
    """One leg of a conversation.

    Attributes
    ----------
    uuid
        Its UUID as Vonage wrote it first.
    state
        The last reported status in the order of `STATUS_RANK`; ``unknown`` without a known status.
    outcome
        ``answered``, or the failure that ended it; None if no event reports either.
    ended
        Whether its state is final.
    from_, to, direction
        The values from the earliest event that has them.
    times
        When each status was first reported, by status.
    conversations
        The conversations that the leg was in, in order.
    costs
        ``duration`` (seconds), ``rate`` and ``price`` (EUR), ``network``, ``disconnected_by``, from
        the status `completed`, as text.
    """

    uuid: str
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
    """The legs of a conversation by UUID without dashes, and its events in order, each once."""

    legs: Mapping[str, LegSummary]
    events: tuple[CallEvent, ...]


def build_timeline(events: Iterable[CallEvent]) -> Timeline:
    """Build a timeline from events of a conversation or leg, in any order, ignoring duplicates."""
    ordered = tuple(sorted({event.key: event for event in events}.values(), key=_order))
    by_leg: dict[str, list[CallEvent]] = {}
    for event in ordered:
        if event.leg:
            by_leg.setdefault(event.leg, []).append(event)
    return Timeline({leg: _summarize(leg, of_leg) for leg, of_leg in by_leg.items()}, ordered)


def _order(event: CallEvent) -> tuple[object, ...]:
    """Return the key of the event, with the rank of its status before the digest.

    Vonage sends several statuses of a leg with the same millisecond. A cursor has the stored key.
    """
    *first, digest = event.key
    return (*first, STATUS_RANK.get(event.status or "", 0), digest)


def timeline_as_json(timeline: Timeline) -> dict[str, Any]:
    """Return the ``legs`` and ``events`` of a timeline as the admin API returns them."""
    return {
        "legs": [_leg_as_json(leg) for leg in timeline.legs.values()],
        "events": [event_as_json(event) for event in timeline.events],
    }


def event_as_json(event: CallEvent) -> dict[str, Any]:
    """Return an event as the admin API returns it."""
    return {
        "timestamp": event.timestamp,
        "kind": event.kind,
        "uuid": event.uuid,
        "conversation_uuid": event.conversation,
        "fields": event.fields,
    }


def _leg_as_json(leg: LegSummary) -> dict[str, Any]:
    fields = leg._asdict()
    first = {"uuid": fields.pop("uuid"), "from": fields.pop("from_"), "to": fields.pop("to")}
    return first | fields


def _summarize(leg: str, events: list[CallEvent]) -> LegSummary:
    times: dict[str, str | None] = {}
    costs: dict[str, Any] = {}
    for event in events:
        if event.status:
            times.setdefault(event.status, event.timestamp)
        if event.status == "completed":
            costs = {cost: text_of_number(event.fields.get(cost)) for cost in _COSTS}
    # Rank decides, not the order of arrival: `started` often arrives after `ringing`.
    state = max(times, key=lambda status: (STATUS_RANK[status], status), default="unknown")
    failure = next((status for status in _FAILURES if status in times), None)
    answered = "answered" if any(status in times for status in _ANSWERED) else None
    return LegSummary(
        uuid=events[0].uuid or leg,
        state=state,
        outcome=failure or answered,
        ended=state in ENDED,
        from_=_first(events, "from"),
        to=_first(events, "to"),
        direction=_first(events, "direction"),
        times=times,
        conversations=tuple(dict.fromkeys(e.conversation for e in events if e.conversation)),
        costs=costs,
    )


def _first(events: list[CallEvent], name: str) -> str | None:
    """Return the first value of a field; Vonage sometimes leaves fields out."""
    values = (event.fields.get(name) for event in events)
    texts = (value.strip() for value in values if isinstance(value, str))
    return next(filter(None, texts), None)
