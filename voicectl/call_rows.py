"""Fold legs into calls: one row for each, with its flow and its result."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from records.event import normalized_leg, parse_event
from records.outcome import call_outcome
from voicectl.errors import VoicectlError
from voicectl.vonage_calls import LIVE, cell
from voicekit.switchboard import LINE_FLOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from records.event import CallEvent
    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

    Leg = Mapping[str, Any]

COLUMNS = ("uuid", "start_time", "direction", "from", "to", "duration", "flow", "result")
LEAST_IMPORTANT = ("duration", "direction", "start_time", "to", "flow")
"""The columns that a narrow terminal leaves out, the first one first."""
_UNKNOWN = "1970-01-02T00:00:00Z"  # the time of a live leg: before all calls, and after `_in_order`


def call_rows(
    legs: Iterable[Leg], flow_of: Callable[[str], str], *, partial: str | None = None
) -> list[tuple[str, ...]]:
    """Return one row for each call, in the order of its first leg.

    Parameters
    ----------
    legs
        Calls as the admin API lists them, oldest first: legs at Vonage, or stored starts and ends.
    flow_of
        Returns the flow of a called number.
    partial
        The conversation of which legs may be missing, ``*`` for all: its calls have the status of
        their leg as result.
    """
    conversations: dict[str, list[Leg]] = {}
    for leg in legs:
        conversations.setdefault(conversation_of(leg), []).append(leg)
    return [
        row
        for name, one in conversations.items()
        for row in _rows(one, flow_of, folds=partial not in (name, "*"))
    ]


def conversation_of(leg: Leg) -> str:
    """Return the conversation of a leg, or the leg itself if it has none."""
    return str(leg.get("conversation_uuid") or leg["uuid"])


def _rows(
    legs: list[Leg], flow_of: Callable[[str], str], *, folds: bool
) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the calls in one conversation."""
    by_leg: dict[str, list[Leg]] = {}
    for leg in legs:
        by_leg.setdefault(normalized_leg(leg["uuid"]), []).append(leg)
    events = [event for leg in legs for event in _events(leg)]
    if not any(leg.get("direction") == "inbound" for leg in legs):
        events += _in_order(one[0]["uuid"] for one in by_leg.values())
    for name, entries in by_leg.items():
        outcome = call_outcome(events, name)
        if outcome is None:
            continue
        status = str(entries[-1].get("status"))
        result = outcome.result if folds and status not in LIVE else status
        inbound = outcome.direction == "inbound"
        yield (
            outcome.uuid,
            str(entries[0].get("start_time") or entries[0].get("time") or ""),
            outcome.direction or "",
            outcome.from_ or "",
            outcome.to or "",
            str(entries[-1].get("duration") or ""),
            flow_of(outcome.to or "") if inbound else "",
            result,
        )


def _events(leg: Leg) -> Iterator[CallEvent]:
    """Yield the events that a leg at Vonage, or a stored start or end, reports."""
    fields = {
        "uuid": leg["uuid"],
        "conversation_uuid": leg.get("conversation_uuid"),
        "direction": leg.get("direction"),
        "from": cell(leg.get("from")),
        "to": cell(leg.get("to")),
    }
    if leg.get("start_time"):  # a leg without an answer has none
        yield parse_event(fields | {"status": "answered", "timestamp": leg["start_time"]})
    time = leg.get("end_time") or leg.get("time") or _UNKNOWN
    end = {"status": leg.get("status"), "timestamp": time, "duration": leg.get("duration")}
    yield parse_event(fields | end)


def _in_order(uuids: Iterable[str]) -> Iterator[CallEvent]:
    """Yield an event for each leg, so that the first one is the root of the call.

    Vonage's times are whole seconds, and a live leg has none.
    """
    for second, uuid in enumerate(uuids):
        long_ago = datetime.fromtimestamp(second, UTC).isoformat()
        yield parse_event({"uuid": uuid, "status": "started", "timestamp": long_ago})


def current_flows(api: AdminApi, context: Context) -> Callable[[str], str]:
    """Return a function that returns the flow that answers a number now.

    It is empty if the switchboard cannot be read. The opening hours do not matter.
    """
    try:
        document = api.get("/switchboard")["document"]
    except VoicectlError:
        return lambda number: ""
    flows = context.stack.number_flows()
    switchboard = document if isinstance(document, dict) else {}
    flows |= dict.fromkeys(switchboard.get("lines") or {}, LINE_FLOW)
    flows |= switchboard.get("numbers") or {}
    return lambda number: str(flows.get(number, context.stack.parameters.get("DefaultFlow", "")))
