"""The fields of Vonage's webhooks: their names, and how to parse them."""

from __future__ import annotations

import json

from voicekit import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

MAX_DEPTH = 32  # levels of nesting; Vonage's webhooks have three
SIP_HEADER_PREFIX = "SipHeader_"
# Every field name that Vonage uses (Vonage Webhook reference). On GET the fields are query
# parameters, next to those of our own URL.
VONAGE_FIELDS = frozenset(
    [
        "to",
        "from",
        "from_user",
        "endpoint_type",
        "uuid",
        "conversation_uuid",
        "conversation_uuid_from",
        "conversation_uuid_to",
        "region_url",
        "custom_data",
        "reason",
        "original_request",
        "headers",
        "status",
        "direction",
        "timestamp",
        "start_time",
        "end_time",
        "rate",
        "price",
        "duration",
        "network",
        "detail",
        "sip_code",
        "sub_state",
        "call_uuid",
        "disconnected_by",
        "client_ref",
        "client_reference",
        "recording_url",
        "recording_uuid",
        "size",
        "type",
        "transcription_url",
        "speech",
        "dtmf",
        "payload",
        "timed_out",
        "machine_detection",
    ]
)
_NESTED_FIELDS = ("speech", "dtmf", "payload", "custom_data", "original_request", "headers")


class BadRequest(Exception):
    """A request that is not valid for its route; the text says what is wrong."""


def is_vonage_field(name: str) -> bool:
    """Return whether Vonage uses this name for a field of a webhook."""
    return name in VONAGE_FIELDS or name.startswith(SIP_HEADER_PREFIX)


def parse_fields(method: str, sent: bytes | str, own: Collection[str]) -> dict[str, Any]:
    """Parse the fields of a webhook.

    Parameters
    ----------
    method
        The HTTP method.
    sent
        The body, or on GET the query string.
    own
        On GET, the names of the parameters of our own URL, which are left out.

    Raises
    ------
    BadRequest
        If the fields cannot be parsed.
    """
    if method != "GET":
        return json_object(sent, "the body")
    try:
        pairs = signature.parameters(sent if isinstance(sent, str) else sent.decode())
    except ValueError:
        raise BadRequest("the query string has too many parameters") from None
    fields: dict[str, Any] = {name: value for name, value in pairs if name not in own}
    for name in _NESTED_FIELDS:
        if fields.get(name, "")[:1] == "{":
            fields[name] = json_object(fields[name], name)
    return fields


def json_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Parse untrusted JSON that must be an object; errors name it as ``what``.

    Raises
    ------
    BadRequest
        If it is not UTF-8, not JSON (NaN and Infinity are not), not an object, or nested more than
        32 levels deep.
    """
    try:
        value = json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError):
        raise BadRequest(f"{what} is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise BadRequest(f"{what} is not a JSON object")
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return value
    raise BadRequest(f"{what} is nested more than {MAX_DEPTH} levels deep")


def _reject_constant(name: str) -> None:
    raise ValueError(name)
