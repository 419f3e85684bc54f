"""Webhook bodies as in Vonage's Webhook reference, and signed requests with them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.support.gateway_events import http_event
from tests.support.signing import bearer, query_hash_text

if TYPE_CHECKING:
    from tests.support.signing import VonageSignature

CALLER, CALLED = "447700900123", "442079460000"
LEG = "0779a56d002f1c7f47f82ef5fe84ab79"
_WHEN = "2026-03-29T21:20:05.582Z"


def conversation() -> str:
    """Return a new conversation UUID."""
    return f"CON-{uuid.uuid4()}"


def answer(of: str, **more: Any) -> dict[str, Any]:
    """Return the fields of an answer webhook."""
    return {"from": CALLER, "to": CALLED, "uuid": LEG, "conversation_uuid": of} | more


def status(of: str, what: str = "started", **more: Any) -> dict[str, Any]:
    """Return the fields of a status event."""
    changed = {"status": what, "direction": "inbound", "headers": {}, "timestamp": _WHEN}
    return answer(of) | changed | more


def keys(of: str, digits: str = "1", **more: Any) -> dict[str, Any]:
    """Return the fields of an input event with DTMF digits."""
    dtmf = {"digits": digits, "timed_out": False}
    return answer(of) | {"dtmf": dtmf, "speech": {"results": []}, "timestamp": _WHEN} | more


def spoken(of: str, text: str = "sales", **more: Any) -> dict[str, Any]:
    """Return the fields of an input event with speech."""
    speech = {
        "timeout_reason": "end_on_silence_timeout",
        "results": [{"confidence": "0.9", "text": text}],
    }
    return answer(of) | {"speech": speech, "dtmf": {"digits": None}, "timestamp": _WHEN} | more


def notified(of: str, **more: Any) -> dict[str, Any]:
    """Return the fields of a notification."""
    return {"payload": {"stage": "greeted"}, "conversation_uuid": of, "timestamp": _WHEN} | more


def recorded(of: str, **more: Any) -> dict[str, Any]:
    """Return the fields of a record event."""
    return {
        "start_time": "2026-03-29T21:19:05Z",
        "end_time": "2026-03-29T21:20:05Z",
        "recording_url": "https://api.nexmo.com/v1/files/aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "recording_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "size": 12228,
        "conversation_uuid": of,
        "timestamp": _WHEN,
    } | more


def transcribed(of: str, **more: Any) -> dict[str, Any]:
    """Return the fields of a transcription event."""
    return {
        "conversation_uuid": of,
        "type": "record",
        "recording_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "status": "transcribed",
        "transcription_url": "https://api.nexmo.com/v1/files/bbbbbbbb-bbbb-cccc-dddd-0123456789ab",
    } | more


def post(
    ours: VonageSignature, route: str, fields: dict[str, Any], query: str = ""
) -> dict[str, Any]:
    """Return API Gateway's event of a signed POST request to a webhook."""
    body = json.dumps(fields, separators=(",", ":")).encode()
    return http_event(
        "POST", f"/webhooks/{route}", query=query, body=body, authorization=bearer(ours, body)
    )


def get(
    ours: VonageSignature, route: str, fields: dict[str, Any], query: str = ""
) -> dict[str, Any]:
    """Return the event of a signed GET request.

    Nested fields are JSON text; null fields are omitted.
    """
    text = {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in fields.items()
        if value is not None
    }
    query = "&".join(filter(None, [query, urlencode(text)]))
    signed = bearer(ours, query_hash_text(query))
    return http_event("GET", f"/webhooks/{route}", query=query, authorization=signed)
