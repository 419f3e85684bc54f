"""Parse an event of Vonage, and build its DynamoDB item."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime

from voicekit.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

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
"""The order of a leg's statuses (Vonage Webhook reference: event webhook)."""

UNKNOWN_PREFIX = "unknown#"
"""Begins the partition key of events that name neither a conversation nor a leg; a day follows."""

# Statuses that appear in the list of a day's calls, so their items have the key of index by-day.
_LISTED = ("started", "completed")
_LISTED_FIELDS = ("status", "direction", "from", "to")
_NO_TIME = "-"  # sorts before every time
_MAX_KEY = 256  # characters; a DynamoDB sort key has at most 1,024 bytes
_LEG = re.compile(r"[0-9a-f]{32}")


class CallEvent(NamedTuple):
    """A parsed event of Vonage.

    Attributes
    ----------
    kind
        ``status``, ``record``, ``transcription``, ``input``, ``notify``, ``transfer``,
        ``payment``, ``error``, or ``unknown``.
    conversation
        The conversation that it belongs to, None if it names none.
    leg
        The leg without dashes, since Vonage writes it both ways; None if it names none.
    timestamp
        When it happened, UTC with milliseconds (``2021-03-29T21:20:05.582Z``), None if unknown.
    digest
        SHA-256 of the event's canonical JSON, in hexadecimal. Equal events have equal digests.
    fields
        The fields that Vonage sent.
    """

    kind: str
    conversation: str | None
    leg: str | None
    timestamp: str | None
    digest: str
    fields: Mapping[str, Any]

    @property
    def status(self) -> str | None:
        """The leg status that it reports, None if there is none or it is unknown."""
        status = self.fields.get("status") if self.kind == "status" else None
        return status if isinstance(status, str) and status in STATUS_RANK else None

    @property
    def uuid(self) -> str | None:
        """The leg as Vonage wrote it, None if the event names none."""
        if self.leg is None:
            return None
        return _key_field(self.fields, "uuid") or _key_field(self.fields, "call_uuid")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The sort key: time, kind, leg, digest. Events with equal keys are equal."""
        return (self.timestamp or _NO_TIME, self.kind, self.leg or _NO_TIME, self.digest)


def parse_event(fields: Mapping[str, Any]) -> CallEvent:
    """Parse an event. An event of no known kind is ``unknown``; none is an error.

    The order of the checks matters, since transcriptions and payments have a status as well
    (Vonage Webhook reference).
    """
    return CallEvent(
        kind=_kind(fields),
        conversation=_key_field(fields, "conversation_uuid")
        or _key_field(fields, "conversation_uuid_to"),
        leg=_leg(fields),
        timestamp=_timestamp(fields.get("timestamp")),
        digest=hashlib.sha256(_canonical(fields)).hexdigest(),
        fields=fields,
    )


def event_item(
    event: CallEvent, body: str, method: str, received_at: float, keep_days: int
) -> dict[str, str | int]:
    """Build the DynamoDB item of an event.

    Parameters
    ----------
    event
        The event.
    body, method
        The unchanged body, or the query string of a GET request; and the method.
    received_at
        When the webhook arrived, in seconds since 1970.
    keep_days
        Days after which DynamoDB deletes the item.
    """
    received = datetime.fromtimestamp(received_at, UTC)
    item: dict[str, str | int | None] = {
        "pk": event.conversation
        or event.leg
        or f"{UNKNOWN_PREFIX}{(event.timestamp or received.isoformat())[:10]}",
        "sk": "#".join(event.key),
        "kind": event.kind,
        "leg": event.leg,
        "method": method,
        "body": body,
        "received_at": received.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "expires_at": int(received_at) + keep_days * 86400,
    }
    if event.kind == "status":
        item |= {name: _key_field(event.fields, name) for name in _LISTED_FIELDS}
        item["duration"] = _key_value(text_of_number(event.fields.get("duration")))
        if item["status"] in _LISTED and event.timestamp:
            item["day"] = event.timestamp[:10]
    return {name: value for name, value in item.items() if value is not None}


def normalized_leg(uuid: str) -> str:
    """Return the identifier of a leg as events store it: lower case, without dashes."""
    return uuid.replace("-", "").lower()


def text_of_number(value: object) -> object:
    """Return a number as text, the type that Vonage documents, and anything else unchanged."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _kind(fields: Mapping[str, Any]) -> str:
    if "transcription_url" in fields:
        return "transcription"
    if fields.get("type") == "record" and "status" in fields and "recording_url" not in fields:
        return "transcription"  # a failed one, which has no URL
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
    if "conversation_uuid_from" in fields:
        return "transfer"  # its type may be missing
    if "reason" in fields and "original_request" not in fields:
        return "error"
    return "unknown"


def _key_field(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a field that is valid in a DynamoDB key or index, and None for any other."""
    return _key_value(fields.get(name))


def _key_value(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_KEY:
        return None
    try:
        value.encode()  # JSON allows a lone surrogate, DynamoDB doesn't
    except UnicodeEncodeError:
        return None
    return value


def _leg(fields: Mapping[str, Any]) -> str | None:
    text = _key_field(fields, "uuid") or _key_field(fields, "call_uuid") or ""
    leg = normalized_leg(text)
    return leg if _LEG.fullmatch(leg) else None


def _timestamp(value: object) -> str | None:
    """Return a time in one sortable format, and None for anything else."""
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
