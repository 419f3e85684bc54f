"""Validate admin API requests, and build the Voice API requests they map to.

Fields have the names of the Voice API reference, except `flow`, which names a call flow of this
application. Who may be called is checked elsewhere, by `voicekit.dial_policy`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from dispatch.flow_runner import flow_names
from voicekit import ncco as nccos
from voicekit.ncco import NccoError, rules, value_rules
from voicekit.ncco.ssml import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicekit.ncco.value_rules import Rule

_MAX_PARAMETERS = 20
_EXACT = 2**53  # every whole number below is exact as a float

STATUSES = (
    *("started", "ringing", "answered", "machine", "completed", "busy", "cancelled", "failed"),
    *("rejected", "timeout", "unanswered"),
)
SIMPLE_ACTIONS = ("hangup", "mute", "unmute", "earmuff", "unearmuff")


class ValidationError(Exception):
    """A request is invalid.

    ``field`` is the part that is: ``to[0].number``, ``Idempotency-Key``, ``uuid``.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class DialRequest(NamedTuple):
    """A request that can make Vonage dial.

    Attributes
    ----------
    body
        The body of the Voice API request.
    endpoints
        The callees, as NCCOs write endpoints.
    ncco
        The inline NCCO; empty if Vonage fetches one.
    url
        Where Vonage fetches the NCCO; None if it is inline.
    """

    body: dict[str, Any]
    endpoints: tuple[dict[str, Any], ...]
    ncco: list[dict[str, Any]]
    url: str | None


class AppAddress(NamedTuple):
    """The base URL and the number of this application."""

    base_url: str
    number: str

    def webhook(self, name: str, **parameters: str) -> str:
        """Return the URL of a webhook of this application."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"{self.base_url}/webhooks/{name}{query}"


# Request bodies


def dial_request(body: Mapping[str, Any], app: AppAddress) -> DialRequest:
    """Validate POST /calls, and return the request to send to Vonage.

    The NCCO comes from exactly one of `flow`, `answer_url` and `ncco`. Events always go to this
    application, which stores them.

    Raises
    ------
    ValidationError
        If a field is invalid.
    """
    _check_fields(body, CALL)
    if "to" not in body:
        raise ValidationError("to", "is missing")
    endpoint = body["to"][0]
    request = {name: body[name] for name in _CALL_OPTIONS if name in body}
    request["to"] = [endpoint]
    request |= _from(body, app)
    parameters = {"flow": body["flow"]} if "flow" in body else {}
    request |= {"event_url": [app.webhook("event", **parameters)], "event_method": "POST"}
    source = _ncco_source(body, "", ("flow", "answer_url", "ncco"))
    if source == "ncco":
        request["ncco"] = body["ncco"]
        return DialRequest(request, (_ncco_endpoint(endpoint),), body["ncco"], None)
    if source == "flow":
        request["answer_url"] = [app.webhook("answer", flow=body["flow"])]
        request["answer_method"] = "POST"
    return DialRequest(request, (_ncco_endpoint(endpoint),), [], request["answer_url"][0])


def transfer(body: Mapping[str, Any], app: AppAddress) -> DialRequest:
    """Validate PUT /calls/{uuid} with the action `transfer`, and return the request to send.

    The NCCO comes from exactly one of `flow`, `url` and `ncco` in the destination.

    Raises
    ------
    ValidationError
        If a field is invalid.
    """
    _check_fields(body, {"action": _any, "destination": value_rules.as_object})
    if "destination" not in body:
        raise ValidationError("destination", "is missing")
    fields = body["destination"]
    _check_fields(fields, DESTINATION, "destination.")
    source = _ncco_source(fields, "destination.", ("flow", "url", "ncco"))
    destination: dict[str, Any] = {"type": "ncco"}
    if source == "ncco":
        destination["ncco"] = fields["ncco"]
    elif source == "url":
        destination["url"] = fields["url"]
    else:
        destination["url"] = [app.webhook("answer", flow=fields["flow"])]
    request = {"action": "transfer", "destination": destination}
    return DialRequest(request, (), destination.get("ncco", []), destination.get("url", [None])[0])


def action(body: Mapping[str, Any]) -> str:
    """Return the action of PUT /calls/{uuid}; only `transfer` may have other fields.

    Raises
    ------
    ValidationError
        If the action is invalid, or has a field that it does not take.
    """
    if "action" not in body:
        raise ValidationError("action", "is missing")
    _check(value_rules.one_of(*SIMPLE_ACTIONS, "transfer"), "action", body["action"])
    if body["action"] != "transfer":
        _check_fields(body, {"action": _any})
    name: str = body["action"]
    return name


def talk(body: Mapping[str, Any]) -> dict[str, Any]:
    """Validate PUT /calls/{uuid}/talk, and return its body (Voice API reference: startTalk)."""
    return _media(body, TALK, "text")


def stream(body: Mapping[str, Any]) -> dict[str, Any]:
    """Validate PUT /calls/{uuid}/stream, and return its body (Voice API: startStream)."""
    return _media(body, STREAM, "stream_url")


def digits(body: Mapping[str, Any]) -> dict[str, Any]:
    """Validate PUT /calls/{uuid}/dtmf, and return its body (Voice API: startDTMF)."""
    return _media(body, DIGITS, "digits")


def dtmf_event_url(body: Mapping[str, Any], app: AppAddress) -> str:
    """Validate PUT /calls/{uuid}/input/dtmf, and return the URL that receives each digit.

    Without `event_url`, it is the event webhook of this application.
    """
    _check_fields(body, DTMF_EVENTS)
    urls: list[str] = body.get("event_url") or [app.webhook("event")]
    return urls[0]


def with_whole_numbers(value: Any) -> Any:
    """Return JSON in which 60.0 is 60: JSON has only one type of number (RFC 8259, section 6)."""
    if isinstance(value, dict):
        return {name: with_whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [with_whole_numbers(member) for member in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return int(value) if is_whole else value


# Query strings, paths and headers


def query(text: str) -> dict[str, str]:
    """Parse a query string.

    Raises
    ------
    ValidationError
        If it has a parameter twice, or too many of them.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise ValidationError("query", f"has more than {_MAX_PARAMETERS} parameters") from None
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise ValidationError("query", "has a parameter twice")
    return parameters


def call_filters(query: Mapping[str, str]) -> dict[str, str]:
    """Validate GET /calls, and return its filters (Voice API reference: getCalls).

    Raises
    ------
    ValidationError
        If a parameter is invalid.
    """
    _check_fields(query, FILTERS)
    return dict(query)


def call_uuid(text: str) -> str:
    """Return the UUID of a leg or a recording, unchanged.

    Raises
    ------
    ValidationError
        If it is not a UUID.
    """
    _check(UUID, "uuid", text)
    return text


def idempotency_key(text: str | None) -> str:
    """Return the idempotency key of POST /calls.

    It is required. A key that this API generated would be lost with a lost response, and a retry
    would call the callee a second time.

    Raises
    ------
    ValidationError
        If it is missing, empty or too long, or has other characters than visible ASCII.
    """
    if text is None:
        raise ValidationError(
            "Idempotency-Key", "is missing; send a new one with each call, such as a UUID"
        )
    _check(IDEMPOTENCY_KEY, "Idempotency-Key", text)
    return text


def history(query: Mapping[str, str]) -> tuple[str, int, str | None]:
    """Validate GET /history, and return the day, the page size and the cursor.

    Raises
    ------
    ValidationError
        If a parameter is invalid.
    """
    _check_fields({"day": "", **query}, HISTORY)
    return query["day"], int(query.get("page_size", "100")), query.get("cursor")


def voicemails(query: Mapping[str, str], today: date) -> tuple[str, int, str | None]:
    """Validate GET /voicemails, and return the month, the page size and the cursor.

    Without `month`, it is the month of ``today``.

    Raises
    ------
    ValidationError
        If a parameter is invalid.
    """
    _check_fields(query, VOICEMAILS)
    month = query.get("month", today.isoformat()[:7])
    return month, int(query.get("page_size", "50")), query.get("cursor")


def timeline(query: Mapping[str, str]) -> str | None:
    """Validate GET /calls/{uuid}/events, and return the cursor.

    Raises
    ------
    ValidationError
        If a parameter is invalid.
    """
    _check_fields(query, TIMELINE)
    return query.get("cursor")


# Rules of single fields


def _any(_where: str, _value: object) -> None:
    """Allow a value that is checked elsewhere."""


def _flow(where: str, value: object) -> None:
    if not isinstance(value, str) or value not in flow_names():
        value_rules.fail(where, f"must be a call flow: one of {', '.join(sorted(flow_names()))}")


def _ncco(where: str, value: object) -> None:
    try:
        actions = nccos.check(value)
    except NccoError as error:
        raise NccoError(f"{where}{'' if str(error).startswith('[') else ': '}{error}") from None
    if not actions:
        value_rules.fail(where, "must have at least one action")


def _caller(where: str, value: Any) -> None:
    value_rules.as_object(where, value)
    _check_fields(value, CALLER, f"{where}.")
    for name in CALLER:
        if name not in value:
            value_rules.fail(f"{where}.{name}", "is missing")


# Endpoints as the Voice API writes them; NCCOs write some options differently.
ENDPOINTS = {
    "phone": ("number", "dtmfAnswer", "shaken"),
    "sip": ("uri", "headers", "standard_headers"),
    "websocket": ("uri", "content-type", "headers", "authorization"),
    "vbc": ("extension",),
    "app": ("user",),
}
NCCO_NAMES = {"standard_headers": "standardHeaders"}


def _endpoint(where: str, value: Any) -> None:
    value_rules.as_object(where, value)
    value_rules.one_of(*ENDPOINTS)(f"{where}.type", value.get("type"))
    _check_names(value, ("type", *ENDPOINTS[value["type"]]), f"{where}.")
    rules.endpoint(where, _ncco_endpoint(value))


def _ncco_endpoint(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    return {NCCO_NAMES.get(name, name): value for name, value in endpoint.items()}


def _matching(pattern: str, allowed: str) -> Rule:
    """Return a rule for text from a path, a query string or a header."""

    def rule(where: str, value: Any) -> None:
        if not re.fullmatch(pattern, value):
            value_rules.fail(where, f"must be {allowed}")

    return rule


def _whole_text(low: int, high: int) -> Rule:
    """Return a rule for a whole number in a query string."""

    def rule(where: str, value: Any) -> None:
        if not re.fullmatch("[0-9]{1,10}", value) or not low <= int(value) <= high:
            value_rules.fail(where, f"must be a whole number between {low} and {high}")

    return rule


def _day(where: str, value: Any) -> None:
    try:
        is_day = date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    if not is_day:
        value_rules.fail(where, "must be a day such as 2026-01-31 (UTC)")


def _time(where: str, value: Any) -> None:
    try:
        datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        value_rules.fail(where, "must be a time such as 2026-01-31T00:00:00Z")


# What each route takes. docs/openapi.json is generated from these tables.

# Vonage writes the UUID of a leg with dashes or without.
UUID = _matching(
    "[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}",
    "32 hexadecimal digits, with dashes or without",
)
IDEMPOTENCY_KEY = _matching(r"[\x21-\x7e]{1,255}", "1 to 255 visible ASCII characters")
_CURSOR = _matching("[A-Za-z0-9_-]{1,2000}", "the `next` of an earlier page")

_CALL_OPTIONS: dict[str, Rule] = {
    "answer_url": value_rules.one_url,
    "answer_method": value_rules.one_of("GET", "POST"),
    "random_from_number": value_rules.flag,
    "machine_detection": value_rules.one_of("continue", "hangup"),
    "advanced_machine_detection": rules.advanced_machine_detection,
    "length_timer": value_rules.whole(1, 86400, "seconds"),
    "ringing_timer": value_rules.whole(1, 120, "seconds"),
}
CALLER: dict[str, Rule] = {
    "type": value_rules.one_of("phone"),
    "number": value_rules.phone_number,
}
CALL: dict[str, Rule] = {
    "to": value_rules.array(_endpoint, 1, 1),
    "from": _caller,
    "flow": _flow,
    "ncco": _ncco,
    **_CALL_OPTIONS,
}
DESTINATION: dict[str, Rule] = {
    "type": value_rules.one_of("ncco"),
    "flow": _flow,
    "url": value_rules.one_url,
    "ncco": _ncco,
}
_LOOP = value_rules.whole(0, value_rules.LARGEST_WHOLE)
TALK: dict[str, Rule] = {
    "text": spoken,
    "language": value_rules.language,
    "style": value_rules.whole(0, value_rules.LARGEST_WHOLE),
    "premium": value_rules.flag,
    "loop": _LOOP,
    "level": value_rules.number(-1, 1),
}
STREAM: dict[str, Rule] = {
    "stream_url": value_rules.one_url,
    "loop": _LOOP,
    "level": value_rules.number(-1, 1),
}
DIGITS: dict[str, Rule] = {"digits": value_rules.keys}
DTMF_EVENTS: dict[str, Rule] = {"event_url": value_rules.one_url}
FILTERS: dict[str, Rule] = {
    "status": value_rules.one_of(*STATUSES),
    "date_start": _time,
    "date_end": _time,
    "page_size": _whole_text(1, 100),
    "record_index": _whole_text(0, 1_000_000_000),
    "order": value_rules.one_of("asc", "desc"),
    "conversation_uuid": value_rules.conversation_id,
}
HISTORY: dict[str, Rule] = {"day": _day, "page_size": _whole_text(1, 1000), "cursor": _CURSOR}
VOICEMAILS: dict[str, Rule] = {
    "month": _matching("[0-9]{4}-(?:0[1-9]|1[0-2])", "a month such as 2026-01 (UTC)"),
    "page_size": _whole_text(1, 100),
    "cursor": _CURSOR,
}
TIMELINE: dict[str, Rule] = {"cursor": _CURSOR}


# Checks of several fields


def _check_fields(body: Mapping[str, Any], allowed: Mapping[str, Rule], parent: str = "") -> None:
    """Raise ValidationError if a field is unknown or breaks its rule."""
    _check_names(body, allowed, parent)
    for name, value in body.items():
        _check(allowed[name], f"{parent}{name}", value)


def _check_names(fields: Mapping[str, Any], allowed: Any, parent: str = "") -> None:
    for name in fields:
        if name not in allowed:
            raise ValidationError(
                f"{parent}{value_rules.shown(name)}",
                f"unknown field; allowed fields: {', '.join(allowed)}",
            )


def _check(rule: Rule, where: str, value: Any) -> None:
    try:
        rule(where, value)
    except NccoError as error:
        field, _, reason = str(error).partition(": ")
        raise ValidationError(field, reason) from None


def _ncco_source(body: Mapping[str, Any], parent: str, choices: tuple[str, ...]) -> str:
    """Return which one of the choices the body has."""
    found = [name for name in choices if name in body]
    if len(found) != 1:
        raise ValidationError(
            f"{parent}{(found or choices)[0]}", f"send exactly one of {', '.join(choices)}"
        )
    return found[0]


def _from(body: Mapping[str, Any], app: AppAddress) -> dict[str, Any]:
    if body.get("random_from_number"):
        if "from" in body:
            raise ValidationError("random_from_number", "cannot be true if from is set")
        return {}
    if "from" in body:
        return {"from": body["from"]}
    if not app.number:
        raise ValidationError("from", "is missing, and the parameter VonageNumber is not set")
    return {"from": {"type": "phone", "number": app.number}}


def _media(body: Mapping[str, Any], allowed: Mapping[str, Rule], required: str) -> dict[str, Any]:
    _check_fields(body, allowed)
    if required not in body:
        raise ValidationError(required, "is missing")
    return dict(body)
