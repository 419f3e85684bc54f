"""The OpenAPI document of the admin API: ``python -m tests.openapi.document`` writes it.

The routes come from `calls.routes`, the requests from the tables of `calls.validation`, and the
errors from `calls.problems`. `response_schemas` describes the responses: the tests of the admin API
compare every response that they get with this document.

The event handler of Powertools generates documents too, but from models of pydantic. The deployed
function would need them: 9 MB, and time at each cold start.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from calls import validation
from calls.routes import ROUTES
from tests.openapi.errors import CODES, ErrorCode
from tests.openapi.response_schemas import SCHEMAS, TEXT, reference
from tests.openapi.rule_schemas import components, schema, schema_of_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from voicekit.ncco.value_rules import Rule

    Schema = dict[str, Any]

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs/openapi.json"
_JSON, _PROBLEM = "application/json", "application/problem+json"

_DESCRIPTION = """\
Place and control calls, and read back what happened. Each request needs an AWS Signature \
Version 4 from an IAM identity of your account with `execute-api:Invoke` on this API.

Fields have the names of Vonage's Voice API. docs/admin-api.md describes what no schema can: who \
may be called, and how a call is placed at most once.
"""


class Operation(NamedTuple):
    """What the document says about a route.

    Attributes
    ----------
    success
        The status of a success, and the name of the schema of its body (None without a body).
    errors
        The codes of the errors, other than those of every route.
    body
        The name of the schema of the request body, if the route takes one.
    query
        The rules of the query parameters, those that are required in ``required``.
    headers
        The parameters in headers.
    """

    success: tuple[int, str | None]
    errors: tuple[str, ...] = ()
    body: str | None = None
    body_required: bool = True
    query: Mapping[str, Rule] = {}
    required: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


_EVERY_ROUTE = ("unsigned", "throttled", "long_headers", "error", "unavailable_aws", "invalid")
_VONAGE = ("vonage_refused", "limited", "unauthorized", "key_unusable", "unavailable")
_CALL = (*_VONAGE, "not_found")
_COMMAND = (*_CALL, "unknown")
_DIAL = ("not_allowed", "switched_off", "cap_spent")

_PHONE = {"type": "phone", "number": "447700900001"}


def _bodies() -> dict[str, Schema]:
    return {
        "PlaceCall": _place_call(),
        "ChangeCall": {"oneOf": [reference("Command"), reference("Transfer")]},
        "Command": _object_of({"action": {"enum": list(validation.SIMPLE_ACTIONS)}})
        | {"examples": [{"action": "mute"}, {"action": "hangup"}]},
        "Transfer": _object_of(
            {"action": {"const": "transfer"}, "destination": reference("Destination")}
        ),
        "Destination": schema_of_object(validation.DESTINATION)
        | {
            "oneOf": _exactly_one(("flow", "url", "ncco")),
            "description": "The NCCO that the call continues with, from exactly one of these.",
        },
        "Talk": schema_of_object(validation.TALK, ["text"]),
        "Stream": schema_of_object(validation.STREAM, ["stream_url"]),
        "Digits": schema_of_object(validation.DIGITS, ["digits"]),
        "DigitSubscription": schema_of_object(validation.DTMF_EVENTS)
        | {"description": "Without `event_url`, digits go to the event webhook."},
        "SwitchboardDocument": _switchboard(),
    }


def _described_bodies() -> dict[str, Schema]:
    bodies = _bodies()
    for name, fields in _FIELDS.items():
        for field, text in fields.items():
            bodies[name]["properties"][field]["description"] = text
    return bodies


def _object_of(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _exactly_one(names: Sequence[str]) -> list[Schema]:
    return [{"required": [name]} for name in names]


def _place_call() -> Schema:
    return schema_of_object(validation.CALL, ["to"]) | {
        "description": "Exactly one of `flow`, `answer_url` and `ncco` answers the call. Events go"
        " to this application. `from` excludes `random_from_number: true`.",
        "oneOf": _exactly_one(("flow", "answer_url", "ncco")),
        "not": {
            "required": ["from", "random_from_number"],
            "properties": {"random_from_number": {"const": True}},
        },
        "examples": [{"to": [_PHONE], "flow": "greet"}],
    }


def _switchboard() -> Schema:
    dialing: Schema = {"enum": ["on", "off"]}
    return {
        "type": "object",
        "description": "The switchboard document: docs/switchboard.md describes it. A response of"
        " 400 lists every problem of a document.",
        "properties": {
            "numbers": {
                "type": "object",
                "description": "The flow that answers each number.",
                "propertyNames": {"pattern": "^[1-9][0-9]{6,14}$"},
                "additionalProperties": TEXT,
            },
            "opening": {"type": "object"},
            "closed": {"type": "object"},
            "lines": {
                "type": "object",
                "description": "The business line of each number.",
                "additionalProperties": {"type": "object"},
            },
            "dialing": {**dialing, "description": "Whether outbound dialing is on."},
            "dialling": {**dialing, "description": "The stored spelling of `dialing`."},
        },
        "additionalProperties": False,
        "examples": [{}],
    }


OPERATIONS: dict[str, Operation] = {
    "place_call": Operation(
        (201, "PlacedCall"),
        (*_VONAGE, "unknown", *_DIAL, "undecided", "key_misused"),
        body="PlaceCall",
        headers=("Idempotency-Key",),
    ),
    "list_calls": Operation((200, "Calls"), _CALL, query=validation.FILTERS),
    "get_call": Operation((200, "Call"), _CALL),
    "change_call": Operation((204, None), (*_COMMAND, *_DIAL), body="ChangeCall"),
    "start_talk": Operation((200, "CommandAccepted"), _COMMAND, body="Talk"),
    "stop_talk": Operation((200, "CommandAccepted"), _CALL),
    "start_stream": Operation((200, "CommandAccepted"), _COMMAND, body="Stream"),
    "stop_stream": Operation((200, "CommandAccepted"), _CALL),
    "send_dtmf": Operation((200, "CommandAccepted"), _COMMAND, body="Digits"),
    "subscribe_dtmf": Operation(
        (204, None),
        (*_CALL, "not_allowed"),
        body="DigitSubscription",
        body_required=False,
    ),
    "unsubscribe_dtmf": Operation((204, None), _CALL),
    "get_timeline": Operation((200, "Timeline"), ("not_found",), query=validation.TIMELINE),
    "list_history": Operation((200, "History"), query=validation.HISTORY, required=("day",)),
    "list_voicemails": Operation((200, "Voicemails"), query=validation.VOICEMAILS),
    "get_recording": Operation((200, "Recording"), ("not_found",)),
    "get_switchboard": Operation((200, "Switchboard")),
    "put_switchboard": Operation(
        (200, "SwitchboardVersion"),
        ("changed_since",),
        body="SwitchboardDocument",
        headers=("If-Match",),
    ),
}

_HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "A new text for each call, such as a UUID, and the same one in a repeat of"
        " the request: a key places at most one call.",
        "schema": schema(validation.IDEMPOTENCY_KEY),
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": "Store the document only if this is the version of the stored one.",
        "schema": TEXT,
    },
}
_QUERY: dict[str, str] = {
    "page_size": "The most entries of a page.",
    "record_index": "The entry that the page begins with, from 0.",
    "cursor": "The `next` of an earlier page.",
    "day": "A day, UTC.",
    "month": "A month, UTC, such as 2026-01; by default this one.",
    "date_start": "Only calls that began at this time or later.",
    "date_end": "Only calls that began at this time or earlier.",
    "order": "The order of the calls by time.",
}
_UUID_PARAMETER: Schema = {
    "name": "uuid",
    "in": "path",
    "required": True,
    "description": "A leg or a recording: its UUID, with dashes or without.",
    "schema": schema(validation.UUID),
}
_FIELDS: dict[str, dict[str, str]] = {
    "PlaceCall": {
        "to": "The callee: one endpoint.",
        "from": "The caller; by default the parameter `VonageNumber`.",
        "flow": "The call flow that answers, by its name.",
        "ncco": "The NCCO of the call.",
        "answer_url": "The answer URL, from which Vonage requests the NCCO. It must be a webhook of"
        " this application, unless the stack permits other hosts.",
        "answer_method": "The HTTP method of the answer webhook.",
        "random_from_number": "Whether Vonage chooses one of your numbers as the caller.",
        "machine_detection": "What Vonage does when it detects an answering machine.",
        "advanced_machine_detection": "The options of advanced machine detection.",
        "length_timer": "The longest duration of the call, in seconds.",
        "ringing_timer": "How long the callee's phone rings, in seconds.",
    },
    "Destination": {
        "flow": "The call flow whose answer webhook returns the NCCO, by its name.",
        "url": "The URL from which Vonage requests the NCCO.",
        "ncco": "The NCCO.",
    },
    "Talk": {
        "text": "The text to speak.",
        "language": "The language of the text (BCP 47).",
        "style": "The voice, by its number in the language.",
        "premium": "Whether a premium voice speaks.",
        "loop": "How often to speak the text; 0 until it is stopped.",
        "level": "The volume.",
    },
    "Stream": {
        "stream_url": "The URL of the audio file.",
        "loop": "How often to play it; 0 until it is stopped.",
        "level": "The volume.",
    },
    "Digits": {"digits": "The digits to send; p is a pause."},
    "DigitSubscription": {"event_url": "The URL to which Vonage sends each digit."},
}
_TAGS = {
    "calls": "Calls",
    "history": "Stored data",
    "voicemails": "Stored data",
    "recordings": "Stored data",
    "switchboard": "Switchboard",
}


def document() -> Schema:
    """Return the OpenAPI document (OpenAPI 3.1)."""
    paths: dict[str, Schema] = {}
    errors: dict[str, Schema] = {}
    for route, function in ROUTES.items():
        method, _, path = route.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(path, function, errors)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Admin API",
            "version": "1",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {
                "url": "{BaseUrl}",
                "description": "The output `BaseUrl` of the stack.",
                "variables": {"BaseUrl": {"default": "https://api.example.com"}},
            }
        ],
        "security": [{"sigv4": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_TAGS.values())],
        "paths": paths,
        "components": {
            "schemas": {**_described_bodies(), **components(), **SCHEMAS, "Problem": _problem()},
            "responses": dict(sorted(errors.items())),
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4 for the service `execute-api`.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def _operation(path: str, function: Any, errors: dict[str, Schema]) -> Schema:
    """Return an operation, and add the errors that it refers to."""
    name = function.__name__
    operation = OPERATIONS[name]
    summary, _, rest = (inspect.getdoc(function) or "").partition("\n\n")
    made: Schema = {
        "operationId": name,
        "tags": [_TAGS[path.split("/")[1]]],
        "summary": summary.rstrip("."),
    }
    if rest:
        made["description"] = " ".join(rest.split())
    parameters = [
        *([_UUID_PARAMETER] if "{uuid}" in path else []),
        *(_query_parameter(operation, name, rule) for name, rule in operation.query.items()),
        *(_HEADERS[name] for name in operation.headers),
    ]
    if parameters:
        made["parameters"] = parameters
    if operation.body is not None:
        made["requestBody"] = {
            "required": operation.body_required,
            "content": {_JSON: {"schema": reference(operation.body)}},
        }
    status, body = operation.success
    made["responses"] = {str(status): _success(status, body)}
    for status, codes in sorted(errors_of(path, operation).items()):
        component = "-".join(
            dict.fromkeys([str(status), *(code.code or "gateway" for code in codes)])
        )
        errors[component] = _error(codes)
        made["responses"][str(status)] = {"$ref": f"#/components/responses/{component}"}
    return made


def _query_parameter(operation: Operation, name: str, rule: Rule) -> Schema:
    made: Schema = {"name": name, "in": "query", "schema": schema(rule)}
    if name in _QUERY:
        made["description"] = _QUERY[name]
    return made | ({"required": True} if name in operation.required else {})


def errors_of(path: str, operation: Operation) -> dict[int, list[ErrorCode]]:
    """Return the errors of an operation by their status."""
    takes_input = operation.body is not None or operation.query or "{uuid}" in path
    names = [
        name for name in (*_EVERY_ROUTE, *operation.errors) if name != "invalid" or takes_input
    ]
    if operation.body is not None:
        names.append("too_large")
    by_status: dict[int, list[ErrorCode]] = {}
    for code in (code for name in names for code in CODES[name]):
        by_status.setdefault(code.status, []).append(code)
    return by_status


def _success(status: int, body: str | None) -> Schema:
    if body is None:
        return {"description": "Vonage accepted the request"}
    made: Schema = {
        "description": "The call is placed" if status == 201 else "The result",
        "content": {_JSON: {"schema": reference(body)}},
    }
    if status == 201:
        made["headers"] = {
            "Idempotent-Replayed": {
                "description": "Present if this is the response to an earlier request with the same"
                " key; nothing was dialed.",
                "schema": {"const": "true"},
            }
        }
        made["links"] = {
            function.__name__: {
                "operationId": function.__name__,
                "parameters": {"uuid": "$response.body#/uuid"},
            }
            for route, function in ROUTES.items()
            if "/calls/{uuid}" in route
        }
    return made


def _error(codes: Iterable[ErrorCode]) -> Schema:
    """Return the response of a status: problem details, and a message of API Gateway.

    ``x-codes`` has the codes. A schema of its own for each response would be a class of its own in
    each generated client.
    """
    listed = list(dict.fromkeys(codes))
    names = [code.code for code in listed if code.code is not None]
    content: Schema = {_PROBLEM: {"schema": reference("Problem")}} if names else {}
    if any(code.by_gateway for code in listed):
        content[_JSON] = {"schema": reference("GatewayMessage")}
    made: Schema = {
        "description": " ".join(
            f"`{code.code}`: {code.when}." if code.code else f"{code.when}." for code in listed
        ),
        "content": content,
    }
    if names:
        made["x-codes"] = list(dict.fromkeys(names))
    if any(code.code == "limited" for code in listed):
        made["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait, if Vonage limits the requests.",
                "schema": {"type": "integer", "minimum": 0},
            }
        }
    return made


def _problem() -> Schema:
    """Return the schema of problem details."""
    codes = [code.code for listed in CODES.values() for code in listed if code.code]
    return {
        "type": "object",
        "description": "Problem details (RFC 9457). Match the `code`: texts may change.",
        "properties": {
            "title": TEXT,
            "status": {"type": "integer"},
            "code": {"enum": sorted(set(codes))},
            "detail": TEXT,
            "field": {**TEXT, "description": "The invalid field, parameter or header."},
            "invalid": {"type": "array", "items": reference("InvalidField")},
            "trace_id": {**TEXT, "description": "For Vonage's support."},
            "state": {
                "enum": ["claimed", "unknown"],
                "description": "The state of the first request with this key.",
            },
            "since": {
                "type": "string",
                "format": "date-time",
                "description": "When the first request with this key arrived.",
            },
        },
        "required": ["title", "status", "code", "detail"],
        "additionalProperties": False,
    }


def text() -> str:
    """Return the document as the file has it."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
    print(f"wrote {PATH.relative_to(ROOT)}")
