"""Endpoints to call: phone, SIP, WebSocket, app user, and VBC extension."""

import json
from dataclasses import dataclass, field
from typing import Any

from . import json_fields
from .json_fields import FieldError

AUDIO_TYPES = tuple(f"audio/l16;rate={rate}" for rate in (8000, 16000, 24000))


@dataclass(frozen=True)
class OnAnswer:
    """An NCCO that only the callee hears, before the two legs are joined."""

    url: str
    ringback: str | None


@dataclass(frozen=True)
class Endpoint:
    """The caller or the callee of a leg.

    `address` is the number, the SIP or WebSocket URI, the user, or the extension.
    """

    kind: str
    address: str
    content_type: str = AUDIO_TYPES[1]
    has_content_type: bool = True  # whether the endpoint named it
    headers: dict[str, Any] = field(default_factory=dict)
    standard_headers: dict[str, str] = field(default_factory=dict)
    authorization: dict[str, Any] = field(default_factory=dict)
    dtmf_answer: str = ""
    on_answer: OnAnswer | None = None

    @property
    def is_free(self) -> bool:
        """Whether a leg to it costs nothing: only phone and SIP legs are charged."""
        return self.kind not in ("phone", "sip")

    def check_headers(self, longest: int) -> None:
        """Raise FieldError if a WebSocket's headers have more bytes than that, as compact JSON."""
        text = json.dumps(self.headers, separators=(",", ":"), ensure_ascii=False)
        size = len(text.encode("utf-8", "replace"))  # JSON allows lone surrogates, UTF-8 does not
        if self.kind == "websocket" and size > longest:
            raise FieldError("headers", f"can have up to {longest} bytes")

    def view(self) -> dict[str, Any]:
        """Build the endpoint's JSON as the REST API returns it."""
        if self.kind == "phone":
            return {"type": "phone", "number": self.address}
        if self.kind == "app":
            return {"type": "app", "user": self.address}
        if self.kind == "vbc":
            return {"type": "vbc", "extension": self.address}
        if self.kind == "sip":
            return {"type": "sip", "uri": self.address}
        return {
            "type": "websocket",
            "uri": self.address,
            "content-type": self.content_type,
            "headers": self.headers,
        }


KINDS = ("phone", "sip", "websocket", "vbc", "app")


def parse(fields: Any) -> Endpoint:
    """Parse an endpoint of a connect action or of POST /v1/calls.

    Raises
    ------
    FieldError
        If it is not a valid endpoint (NCCO reference: connect, endpoint types).
    """
    if not isinstance(fields, dict):
        raise FieldError("endpoint", "must be an object")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise FieldError("type", "Invalid type parameter provided")
    if kind == "phone":
        return _phone(fields)
    if kind == "sip":
        return _sip(fields)
    if kind == "websocket":
        return _websocket(fields)
    name = "user" if kind == "app" else "extension"
    return Endpoint(kind, _required(name, json_fields.numeral(fields, name)))


def phone_number(fields: dict[str, Any], name: str) -> str:
    """Return an E.164 number without its plus.

    Raises
    ------
    FieldError
        If it is not 7 to 15 digits.
    """
    value = json_fields.numeral(fields, name)
    if value is None or not json_fields.NUMBER.fullmatch(value):
        raise FieldError(name, "can contain up to 15 digits prefixed with +")
    return value.removeprefix("+")


def _phone(fields: dict[str, Any]) -> Endpoint:
    digits = json_fields.digits(fields, "dtmfAnswer")
    on_answer = None
    on_answer_fields = json_fields.mapping(fields, "onAnswer")
    if on_answer_fields is not None:
        url = on_answer_fields.get("url")
        if not json_fields.is_url(url):
            raise FieldError("onAnswer", "must have a URL in url")
        on_answer = OnAnswer(
            url, on_answer_fields.get("ringbackTone") or on_answer_fields.get("ringback")
        )
    number = phone_number(fields, "number")
    return Endpoint("phone", number, dtmf_answer=digits, on_answer=on_answer)


def _sip(fields: dict[str, Any]) -> Endpoint:
    if "user" in fields or "domain" in fields:
        if "uri" in fields:
            raise FieldError("uri", "cannot be used together with user and domain")
        user = _required("user", json_fields.string(fields, "user"))
        address = f"sip:{user}@{_required('domain', json_fields.string(fields, 'domain'))}"
    else:
        address = _required("uri", json_fields.string(fields, "uri"))
        if not address.startswith(("sip:", "sips:")):
            raise FieldError("uri", "must be a SIP URI")
    standard_headers = (
        json_fields.mapping(fields, "standardHeaders")
        or json_fields.mapping(fields, "standard_headers")
        or {}
    )
    headers = json_fields.mapping(fields, "headers") or {}
    return Endpoint("sip", address, headers=headers, standard_headers=standard_headers)


def _websocket(fields: dict[str, Any]) -> Endpoint:
    address = _required("uri", json_fields.string(fields, "uri"))
    if not address.startswith(("ws://", "wss://")):
        raise FieldError("uri", "must be a ws or wss address")
    # Without it, or under a misspelled name such as content_type, the rate is 16 kHz (python-sdk
    # pull request 292).
    content_type = json_fields.choice(fields, "content-type", AUDIO_TYPES[1], AUDIO_TYPES)
    headers = json_fields.mapping(fields, "headers") or {}
    authorization = json_fields.mapping(fields, "authorization") or {}
    kind = json_fields.choice(authorization, "type", "vonage", ("vonage", "custom"))
    if kind == "custom":
        _required("value", json_fields.string(authorization, "value", 8191))
    return Endpoint(
        "websocket",
        address,
        content_type=content_type or AUDIO_TYPES[1],
        has_content_type=fields.get("content-type") is not None,
        headers=headers,
        authorization=authorization,
    )


def _required(name: str, value: str | None) -> str:
    if value is None:
        raise FieldError(name, "is required")
    return value
