"""Format stored events as one line of text each."""

from __future__ import annotations

import json
from typing import Any

_PARTS = {
    "status": ("status", "direction", "from", "to", "duration", "reason", "detail"),
    "record": ("recording_uuid", "size", "start_time", "end_time"),
    "transcription": ("recording_uuid", "status"),
    "transfer": ("conversation_uuid_from", "conversation_uuid_to"),
    "error": ("reason",),
    "notify": ("payload",),
    "input": ("dtmf", "speech"),
}
_LONGEST = 200  # characters of one value


def describe_event(event: dict[str, Any]) -> str:
    """Return the values of an event, without its identifiers and times."""
    fields = event["fields"]
    names = _PARTS.get(event["kind"], ())
    parts = [_value(fields[name]) for name in names if fields.get(name) not in (None, "")]
    return " ".join(parts)


def time_of_day(timestamp: str | None) -> str:
    """Return the time of day of a timestamp, with milliseconds, or an empty string."""
    return (timestamp or "").partition("T")[2].rstrip("Z")


def short_id(uuid: str | None) -> str:
    """Return the start of an identifier, enough to distinguish the legs of a call."""
    return (uuid or "")[:8]


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
