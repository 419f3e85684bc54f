"""JSON Schema of the responses of the admin API.

Bodies that Vonage sends may have more members than the reference of the Voice API lists, so their
schemas allow others. Bodies of this application have no others.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_COUNT: Schema = {"type": ["integer", "null"]}
_NEXT: Schema = {
    "type": ["string", "null"],
    "description": "The `cursor` of the next page; null on the last one.",
}


def reference(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(
    properties: Schema, optional: tuple[str, ...] = (), *, more: bool = False, text: str = ""
) -> Schema:
    """Return an object whose properties are required, except the optional ones."""
    made: Schema = {"description": text} if text else {}
    made |= {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
    return made if more else made | {"additionalProperties": False}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_PARTY: Schema = {
    "type": ["object", "null"],
    "description": "As Vonage describes it: `type`, and `number`, `uri`, `user` or `extension`.",
}
_VERSION: Schema = {
    "version": TEXT,
    "since": {"type": "string", "format": "date-time", "description": "When it was stored."},
    "document": {
        "type": ["object", "string"],
        "description": "The document; its text if that is not JSON.",
    },
    "problems": _array(reference("InvalidField")),
}

SCHEMAS: dict[str, Schema] = {
    "PlacedCall": _object(
        {
            "uuid": {"type": "string", "description": "The UUID of the leg."},
            "status": TEXT,
            "direction": TEXT,
            "conversation_uuid": TEXT,
        },
        more=True,
    ),
    "Call": _object(
        {
            "uuid": TEXT,
            "conversation_uuid": TEXT,
            "to": _PARTY,
            "from": _PARTY,
            "status": TEXT,
            "direction": TEXT,
            "start_time": _TEXT_OR_NULL,
            "end_time": _TEXT_OR_NULL,
            "duration": {**_TEXT_OR_NULL, "description": "In seconds."},
            "rate": {**_TEXT_OR_NULL, "description": "EUR a minute."},
            "price": {**_TEXT_OR_NULL, "description": "EUR."},
            "network": _TEXT_OR_NULL,
        },
        ("start_time", "end_time", "duration", "rate", "price", "network"),
        more=True,
        text="A call at Vonage. Those after `direction` are known when it has ended.",
    ),
    "Calls": _object(
        {
            "count": _COUNT,
            "page_size": _COUNT,
            "record_index": _COUNT,
            "calls": _array(reference("Call")),
        }
    ),
    "CommandAccepted": _object({"message": TEXT, "uuid": TEXT}, more=True),
    "Timeline": _object(
        {
            "legs": _array(reference("Leg")),
            "events": _array(reference("Event")),
            "complete": {
                "type": "boolean",
                "description": "Whether this page has every event of the call.",
            },
            "next": _NEXT,
        }
    ),
    "Leg": _object(
        {
            "uuid": TEXT,
            "from": _TEXT_OR_NULL,
            "to": _TEXT_OR_NULL,
            "state": {"type": "string", "description": "`unknown` without a known status."},
            "outcome": {**_TEXT_OR_NULL, "description": "`answered`, or the failure."},
            "ended": {"type": "boolean"},
            "direction": _TEXT_OR_NULL,
            "times": {
                "type": "object",
                "description": "When each status was first reported, by status.",
                "additionalProperties": _TEXT_OR_NULL,
            },
            "conversations": _array(TEXT),
            "costs": {
                "type": "object",
                "description": "`duration` (seconds), `rate` and `price` (EUR), `network` and"
                " `disconnected_by`, from the status `completed`.",
            },
        }
    ),
    "Event": _object(
        {
            "timestamp": {**_TEXT_OR_NULL, "description": "UTC, with milliseconds."},
            "kind": {
                "enum": [
                    *("status", "record", "transcription", "input", "notify", "transfer"),
                    *("payment", "error", "unknown"),
                ]
            },
            "uuid": {**_TEXT_OR_NULL, "description": "The leg, as Vonage wrote it."},
            "conversation_uuid": _TEXT_OR_NULL,
            "fields": {"type": "object", "description": "The fields that Vonage sent."},
        }
    ),
    "History": _object(
        {
            "day": {"type": "string", "format": "date"},
            "entries": _array(reference("HistoryEntry")),
            "next": _NEXT,
        }
    ),
    "HistoryEntry": _object(
        {
            "time": TEXT,
            "uuid": _TEXT_OR_NULL,
            "conversation_uuid": TEXT,
            "status": {"enum": ["started", "completed"]},
            "direction": TEXT,
            "from": TEXT,
            "to": TEXT,
            "duration": {"type": "string", "description": "In seconds."},
        },
        ("direction", "from", "to", "duration"),
    ),
    "Voicemails": _object(
        {"month": TEXT, "voicemails": _array(reference("Voicemail")), "next": _NEXT}
    ),
    "Voicemail": _object(
        {
            "recording_uuid": TEXT,
            "conversation_uuid": TEXT,
            "at": {
                "type": "string",
                "description": "When the message began, UTC. A message at the end of a month can"
                " be stored in the next one.",
            },
            "from": {
                **_TEXT_OR_NULL,
                "description": "The caller; null after `KeepEventsDays`, when events are deleted.",
            },
            "to": _TEXT_OR_NULL,
            "line": {
                **_TEXT_OR_NULL,
                "description": "The number that the message was left for, if the flow named one.",
            },
            "seconds": {"type": ["number", "null"], "description": "Null if it is unknown."},
            "size": {"type": "integer", "description": "In bytes."},
            "transcript": {
                **_TEXT_OR_NULL,
                "maxLength": 120,
                "description": "How it begins; null without a stored transcript.",
            },
        }
    ),
    "Recording": _object(
        {
            "uuid": TEXT,
            "conversation_uuid": TEXT,
            "url": {"type": "string", "description": "A link to the file."},
            "expires_in": {"type": "integer", "description": "How long links work, in seconds."},
            "content_type": TEXT,
            "sha256": TEXT,
            "start_time": TEXT,
            "end_time": TEXT,
            "stored_at": TEXT,
            "size": {"type": "number", "description": "In bytes."},
            "seconds": {"type": "number"},
            "channels": {"type": "number"},
            "transcript_url": {"type": "string", "description": "A link to the transcript."},
        },
        ("start_time", "end_time", "seconds", "channels", "transcript_url"),
    ),
    "SwitchboardVersion": _object(_VERSION),
    "Switchboard": _object(
        {
            **_VERSION,
            "previous": {"anyOf": [reference("SwitchboardVersion"), {"type": "null"}]},
        }
    ),
    "InvalidField": _object({"field": TEXT, "reason": TEXT}),
    "GatewayMessage": _object(
        {"message": TEXT}, text="A response of API Gateway, which did not invoke the function."
    ),
}
