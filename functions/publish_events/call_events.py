"""Build the events of the event bus, version 1: docs/events.md describes each.

The ``id`` of an event is always the same for the same fact, so that readers can leave out repeats.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from records.recording_item import VOICEMAIL
from voicekit.e164 import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from records.outcome import CallOutcome
    from records.timeline import LegSummary

SOURCE = "voice"
FLOW_SOURCE = "voice.flow"
"""The source of the events that flows emit."""

UNKNOWN_NUMBER = "an unknown number"
"""What a summary and a mail call a caller who withholds the number."""

_VERSION = "1"
_MOST_OF_ADDRESS = 60  # characters
# What a SIP caller can choose goes into subjects and chats, so their markup and line breaks do not.
_NOT_IN_ADDRESS = re.compile(r"[^\w.+@:-]", re.ASCII)


class BusEvent(NamedTuple):
    """An event for the bus, as EventBridge names its parts."""

    source: str
    detail_type: str
    detail: dict[str, Any]


def started(message: Mapping[str, Any], stage: str) -> BusEvent:
    """Return the event of an inbound call that begins, from its message."""
    detail = _detail(f"{message['leg']}#started", message["time"], stage) | {
        "uuid": message["uuid"],
        "conversation_uuid": message["conversation"],
        **{name: message.get(name) for name in ("direction", "from", "to")},
    }
    return BusEvent(SOURCE, "voice.call.started", detail)


def completed(outcome: CallOutcome, missed: bool, time: str, stage: str) -> BusEvent:
    """Return the event of a call that ended."""
    detail = _detail(f"{outcome.leg}#completed", time, stage) | {
        "uuid": outcome.uuid,
        "conversation_uuid": outcome.conversation,
        "direction": outcome.direction,
        "from": outcome.from_,
        "to": outcome.to,
        "result": outcome.result,
        "missed": missed,
        "rung": outcome.rung,
        "seconds": outcome.seconds,
        "recordings": list(outcome.recordings),
        "summary": _call_summary(outcome, missed),
    }
    return BusEvent(SOURCE, "voice.call.completed", detail)


def recorded(item: Mapping[str, Any], caller: LegSummary | None, stage: str) -> BusEvent:
    """Return the event of a stored recording, from its item; a voicemail has its own type."""
    voicemail = item.get("purpose") == VOICEMAIL
    from_, to = parties(item, caller)
    seconds = _whole(item.get("seconds"))
    length = "" if seconds is None else f" ({minutes(seconds)})"
    what = "Voicemail" if voicemail else "Recording"
    detail = _detail(f"{item['recording']}#recording", item["stored_at"], stage) | {
        "recording_uuid": item["recording"],
        "conversation_uuid": item["conversation"],
        "from": from_,
        "to": to,
        "seconds": seconds,
        "size": _whole(item.get("size")),
        "summary": f"{what} from {shown(from_)}{length}",
    }
    return BusEvent(
        SOURCE, "voice.voicemail.left" if voicemail else "voice.recording.stored", detail
    )


def transcribed(item: Mapping[str, Any], stage: str) -> BusEvent:
    """Return the event of a stored transcript, from its item."""
    detail = _detail(f"{item['recording']}#transcript", item["stored_at"], stage) | {
        "recording_uuid": item["recording"],
        "conversation_uuid": item["conversation"],
    }
    return BusEvent(SOURCE, "voice.transcript.stored", detail)


def lost(item: Mapping[str, Any], stage: str) -> BusEvent:
    """Return the event of a recording that could not be fetched, from its item."""
    detail = _detail(f"{item['recording']}#lost", item["lost_at"], stage) | {
        "recording_uuid": item["recording"],
        "conversation_uuid": item["conversation"],
        "reason": item["reason"],
    }
    return BusEvent(SOURCE, "voice.recording.failed", detail)


def emitted(message: Mapping[str, Any], stage: str) -> BusEvent:
    """Return the event that a flow emitted, from its message."""
    detail = _detail(message["id"], message["time"], stage) | {
        "conversation_uuid": message["conversation"],
        "flow": message["flow"],
        "data": message["data"],
    }
    return BusEvent(FLOW_SOURCE, message["name"], detail)


def parties(item: Mapping[str, Any], caller: LegSummary | None) -> tuple[str | None, str | None]:
    """Return who left a recording, and the number that was called.

    A flow that knows the called number writes it into the recording's URL as ``line``.
    """
    to = item.get("line") or (caller.to if caller else None)
    return (caller.from_ if caller else None), to


def shown(party: str | None) -> str:
    """Return a caller or callee for a summary or a mail: a number, a SIP address, or unknown."""
    if party and is_number(party):
        return party
    address = _NOT_IN_ADDRESS.sub("", party or "")
    return address[:_MOST_OF_ADDRESS] if "@" in address else UNKNOWN_NUMBER


def minutes(seconds: int) -> str:
    """Return a length such as ``0:23``."""
    return f"{seconds // 60}:{seconds % 60:02}"


def _detail(identifier: str, time: str, stage: str) -> dict[str, Any]:
    return {"version": _VERSION, "id": identifier, "time": time, "stage": stage}


def _call_summary(outcome: CallOutcome, missed: bool) -> str:
    to = shown(outcome.to)
    if outcome.direction != "inbound":
        return f"Call to {to}: {outcome.result}, {minutes(outcome.seconds)}"
    parties_ = f"from {shown(outcome.from_)} to {to}"
    if missed:
        return f"Missed call {parties_}"
    return f"Call {parties_}: {outcome.result}, {minutes(outcome.seconds)}"


def _whole(value: object) -> int | None:
    """Return a number of a stored item, which is text, as a whole one."""
    return None if value is None else round(float(str(value)))
