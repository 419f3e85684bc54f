"""What an event is, and the item under which it is kept."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_RANK = {
    "started": 1,
    "ringing": 2,
    "answered": 3,
    "human": 4,
    "machine": 4,
    "disconnected": 5,
    "busy": 6,
    "cancelled": 6,
    "timeout": 6,
    "unanswered": 6,
    "failed": 6,
    "rejected": 7,
    "completed": 8,
}
"""How far along a leg is with each status (Vonage Webhook reference: event webhook)."""

UNKNOWN_PREFIX = "unknown#"
"""Begins the partition key of events that name neither a conversation nor a leg; a day follows."""

# Statuses that stand in a list of calls, and so carry the day of the index by-day.
_LISTED = ("started", "completed")
_LISTED_FIELDS = ("status", "direction", "from", "to", "duration")
_NO_TIME = "-"  # sorts before every time
_MAX_KEY = 256  # characters; DynamoDB takes 1,024 bytes in a sort key
_LEG = re.compile(r"[0-9a-f]{32}")


class CallEvent(NamedTuple):
    """An event of Vonage's, recognised.

    Attributes
    ----------
    kind
        ``status``, ``record``, ``transcription``, ``input``, ``notify``, ``transfer``,
        ``payment``, ``error``, or ``unknown``.
    conversation
        The conversation that it belongs to, None where it names none.
    leg
        The leg without dashes, since Vonage writes it both ways; None where it names none.
    timestamp
        When it happened, UTC with milliseconds (``2021-03-29T21:20:05.582Z``), None where unknown.
    digest
        SHA-256 of the canonical JSON of the event, hexadecimal: the same event has the same digest.
    fields
        The event as it was sent.
    """

    kind: str
    conversation: str | None
    leg: str | None
    timestamp: str | None
    digest: str
    fields: Mapping[str, Any]

    @property
    def status(self) -> str | None:
        """The status of a leg that it reports, None where it reports none that is known."""
        status = self.fields.get("status") if self.kind == "status" else None
        return status if isinstance(status, str) and status in STATUS_RANK else None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What orders events: time, kind, leg, digest. Two events with one key are the same."""
        return (self.timestamp or _NO_TIME, self.kind, self.leg or _NO_TIME, self.digest)


def parse_event(fields: Mapping[str, Any]) -> CallEvent:
    """Say what an event is. Nothing is refused: what is not known is ``unknown``.

    The order of the checks matters, since transcriptions and payments have a status as well
    (Vonage Webhook reference).
    """
    return CallEvent(
        kind=_kind(fields),
        conversation=_name(fields, "conversation_uuid") or _name(fields, "conversation_uuid_to"),
        leg=_leg(fields),
        timestamp=_timestamp(fields.get("timestamp")),
        digest=hashlib.sha256(_canonical(fields)).hexdigest(),
        fields=fields,
    )


def event_item(
    event: CallEvent, body: str, method: str, received_at: float, keep_days: int
) -> dict[str, str | int]:
    """Give the item of the table under which an event is kept.

    Parameters
    ----------
    event
        The event.
    body, method
        The body as it came, or the query string of a GET request.
    received_at
        When it came, in seconds since 1970.
    keep_days
        Days after which DynamoDB deletes it.
    """
    came = datetime.fromtimestamp(received_at, UTC)
    made: dict[str, str | int | None] = {
        "pk": event.conversation
        or event.leg
        or f"{UNKNOWN_PREFIX}{(event.timestamp or came.isoformat())[:10]}",
        "sk": "#".join(event.key),
        "kind": event.kind,
        "leg": event.leg,
        "method": method,
        "body": body,
        "received_at": came.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "expires_at": int(received_at) + keep_days * 86400,
    }
    if event.kind == "status":
        made |= {name: _name(event.fields, name) for name in _LISTED_FIELDS}
        if made["status"] in _LISTED and event.timestamp:
            made["day"] = event.timestamp[:10]
    return {name: value for name, value in made.items() if value is not None}


def normalized_leg(uuid: str) -> str:
    """Return the identifier of a leg as events store it: lower case, without dashes."""
    return uuid.replace("-", "").lower()


def _kind(fields: Mapping[str, Any]) -> str:
    if "transcription_url" in fields:
        return "transcription"
    if fields.get("type") in ("payment", "transfer"):
        return str(fields["type"])
    if "recording_url" in fields:
        return "record"
    if "status" in fields:
        return "status"
    if "payload" in fields:
        return "notify"
    if "dtmf" in fields or "speech" in fields:
        return "input"
    if "reason" in fields and "original_request" not in fields:
        return "error"
    return "unknown"


def _name(fields: Mapping[str, Any], name: str) -> str | None:
    """Give a field that can stand in a key or an index; anything else counts as missing."""
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_KEY:
        return None
    try:
        value.encode()  # half of a surrogate pair is JSON, but no text that DynamoDB takes
    except UnicodeEncodeError:
        return None
    return value


def _leg(fields: Mapping[str, Any]) -> str | None:
    text = _name(fields, "uuid") or _name(fields, "call_uuid") or ""
    bare = normalized_leg(text)
    return bare if _LEG.fullmatch(bare) else None


def _timestamp(value: object) -> str | None:
    """Give a time in one form, so that it sorts; None for what is no time."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        time = time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
