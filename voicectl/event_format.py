"""What happened on a call, in words: the kept events of its timeline, a line each."""

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
    """Give what an event says, without its identifiers and times."""
    fields = event["fields"]
    names = _PARTS.get(event["kind"], ())
    parts = [_value(fields[name]) for name in names if fields.get(name) not in (None, "")]
    return " ".join(parts)


def time_of_day(timestamp: str | None) -> str:
    """Give the time of day of a timestamp, with milliseconds; empty where there is none."""
    return (timestamp or "").partition("T")[2].rstrip("Z")


def short_id(uuid: str | None) -> str:
    """Give the beginning of an identifier, enough to tell legs apart."""
    return (uuid or "")[:8]


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
