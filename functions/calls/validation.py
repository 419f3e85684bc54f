"""What may stand in a request to the owner's API: names, kinds and ranges, and what Vonage is sent.

Fields are named as Vonage names them (Voice API reference); `flow` is ours, and leads to a call
flow of this application. Whom a request may call is judged elsewhere, in `voicekit.dial_policy`.
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

# Vonage writes a leg with dashes or without.
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MOST_PARAMETERS = 20
_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,2000}")

STATUSES = (
    *("started", "ringing", "answered", "machine", "completed", "busy", "cancelled", "failed"),
    *("rejected", "timeout", "unanswered"),
)
SIMPLE_ACTIONS = ("hangup", "mute", "unmute", "earmuff", "unearmuff")


class ValidationError(Exception):
    """A request is not what it must be.

    Attributes
    ----------
    field
        Which part of it: ``to[0].number``, ``Idempotency-Key``, ``uuid``.
    what
        What is allowed there.
    """

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{field}: {what}")
        self.field = field
        self.what = what


class DialRequest(NamedTuple):
    """A request that may have Vonage dial.

    Attributes
    ----------
    body
        What Vonage is sent.
    endpoints
        Who is called at once, in the form that endpoints have in an NCCO.
    ncco
        What the called hear; empty where Vonage fetches it.
    url
        Where Vonage fetches it, None where it is inline.
    """

    body: dict[str, Any]
    endpoints: tuple[dict[str, Any], ...]
    ncco: list[dict[str, Any]]
    url: str | None


class AppAddress(NamedTuple):
    """The address of this application, and its number: what requests leave out."""

    base_url: str
    number: str

    def webhook(self, door: str, **state: str) -> str:
        """Give the address of a webhook of ours."""
        query = f"?{urlencode(state)}" if state else ""
        return f"{self.base_url}/webhooks/{door}{query}"


# Whole requests


def dial_request(body: Mapping[str, Any], here: AppAddress) -> DialRequest:
    """Check POST /calls.

    Exactly one of `flow`, `answer_url` and `ncco` says what the called hear. Events always come to
    this application: without them nothing could be read back.

    Raises
    ------
    Invalid
        With the field that is wrong.
    """
    _only(body, {**_CALL, "flow": _flow, "to": _one_endpoint, "from": _caller, "ncco": _ncco})
    if "to" not in body:
        raise ValidationError("to", "is missing")
    endpoint = body["to"][0]
    sent = {name: body[name] for name in _CALL if name in body}
    sent["to"] = [endpoint]
    sent |= _from(body, here)
    state = {"flow": body["flow"]} if "flow" in body else {}
    sent |= {"event_url": [here.webhook("event", **state)], "event_method": "POST"}
    source = _source(body, "", ("flow", "answer_url", "ncco"))
    if source == "ncco":
        sent["ncco"] = body["ncco"]
        return DialRequest(sent, (_as_in_ncco(endpoint),), body["ncco"], None)
    if source == "flow":
        sent["answer_url"] = [here.webhook("answer", flow=body["flow"])]
        sent["answer_method"] = "POST"
    return DialRequest(sent, (_as_in_ncco(endpoint),), [], sent["answer_url"][0])


def transfer(body: Mapping[str, Any], here: AppAddress) -> DialRequest:
    """Check PUT /calls/{uuid} with the action `transfer`.

    Exactly one of `flow`, `url` and `ncco` in the destination says what the leg hears now.

    Raises
    ------
    Invalid
        With the field that is wrong.
    """
    _only(body, {"action": _any, "destination": _object})
    if "destination" not in body:
        raise ValidationError("destination", "is missing")
    given = body["destination"]
    parts = {
        "type": value_rules.one_of("ncco"),
        "flow": _flow,
        "url": value_rules.one_url,
        "ncco": _ncco,
    }
    _only(given, parts, "destination.")
    source = _source(given, "destination.", ("flow", "url", "ncco"))
    destination: dict[str, Any] = {"type": "ncco"}
    if source == "ncco":
        destination["ncco"] = given["ncco"]
    elif source == "url":
        destination["url"] = given["url"]
    else:
        destination["url"] = [here.webhook("answer", flow=given["flow"])]
    sent = {"action": "transfer", "destination": destination}
    return DialRequest(sent, (), destination.get("ncco", []), destination.get("url", [None])[0])


def action(body: Mapping[str, Any]) -> str:
    """Give the action of PUT /calls/{uuid}; whatever else there is belongs to `transfer` alone.

    Raises
    ------
    Invalid
        With the field that is wrong.
    """
    if "action" not in body:
        raise ValidationError("action", "is missing")
    _check(value_rules.one_of(*SIMPLE_ACTIONS, "transfer"), "action", body["action"])
    if body["action"] != "transfer":
        _only(body, {"action": _any})
    named: str = body["action"]
    return named


def talk(body: Mapping[str, Any]) -> dict[str, Any]:
    """Check PUT /calls/{uuid}/talk (Voice API reference: startTalk)."""
    return _media(body, _TALK, "text")


def stream(body: Mapping[str, Any]) -> dict[str, Any]:
    """Check PUT /calls/{uuid}/stream (Voice API reference: startStream)."""
    return _media(body, _STREAM, "stream_url")


def digits(body: Mapping[str, Any]) -> dict[str, Any]:
    """Check PUT /calls/{uuid}/dtmf (Voice API reference: startDTMF)."""
    return _media(body, {"digits": value_rules.keys}, "digits")


def dtmf_event_url(body: Mapping[str, Any], here: AppAddress) -> str:
    """Check PUT /calls/{uuid}/input/dtmf, and give where each key is sent: `event_url`, or here."""
    _only(body, {"event_url": value_rules.one_url})
    urls: list[str] = body.get("event_url") or [here.webhook("event")]
    return urls[0]


# Queries, paths, headers


def query(text: str) -> dict[str, str]:
    """Read a query string.

    Raises
    ------
    Invalid
        If it names a parameter twice, or too many of them.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise ValidationError("query", f"has more than {_MOST_PARAMETERS} parameters") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValidationError("query", "names a parameter twice")
    return found


def call_filters(query: Mapping[str, str]) -> dict[str, str]:
    """Check GET /calls (Voice API reference: status, dates, page_size, record_index, order).

    Raises
    ------
    Invalid
        With the parameter that is wrong.
    """
    _known(query, _FILTERS)
    for name, text in query.items():
        _FILTERS[name](name, text)
    return dict(query)


def call_uuid(text: str) -> str:
    """Give the identifier of a leg as it was written.

    Raises
    ------
    Invalid
        If it is none.
    """
    if not _UUID.fullmatch(text):
        raise ValidationError("uuid", "must be 32 hexadecimal digits, with dashes or without")
    return text


def idempotency_key(text: str | None) -> str:
    """Give the key of POST /calls.

    It must be there: a key that this API made up would be lost with the answer that carries it, and
    whoever then asked again would have the telephone ring a second time.

    Raises
    ------
    Invalid
        If it is missing, empty, too long, or has other characters.
    """
    if text is None:
        raise ValidationError(
            "Idempotency-Key", "is missing: send a new one with each call, such as a UUID"
        )
    if not _KEY.fullmatch(text):
        raise ValidationError("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    return text


def history(query: Mapping[str, str]) -> tuple[str, int, str | None]:
    """Check GET /history: the day, how many entries, and the cursor of the page.

    Raises
    ------
    Invalid
        With the parameter that is wrong.
    """
    _known(query, ("day", "page_size", "cursor"))
    day = query.get("day", "")
    try:
        right = date.fromisoformat(day).isoformat() == day
    except ValueError:
        right = False
    if not right:
        raise ValidationError("day", "must be a day such as 2026-01-31 (UTC)")
    size = query.get("page_size", "100")
    _whole("page_size", size, 1, 1000)
    cursor = query.get("cursor")
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise ValidationError("cursor", "must be the `next` of an earlier page")
    return day, int(size), cursor


# Rules of single fields


def _any(_where: str, _value: object) -> None:
    """Allow what was looked at before."""


def _object(where: str, value: object) -> None:
    value_rules.as_object(where, value)


def _flow(where: str, value: object) -> None:
    if not isinstance(value, str) or value not in flow_names():
        value_rules.fail(where, f"must be a call flow: one of {', '.join(sorted(flow_names()))}")


def _ncco(where: str, value: object) -> None:
    try:
        actions = nccos.check(value)
    except NccoError as error:
        raise NccoError(f"{where}{'' if str(error).startswith('[') else ': '}{error}") from None
    if not actions:
        value_rules.fail(where, "must have an action")


def _caller(where: str, value: Any) -> None:
    value_rules.as_object(where, value)
    _only(
        value,
        {"type": value_rules.one_of("phone"), "number": value_rules.phone_number},
        f"{where}.",
    )
    for name in ("type", "number"):
        if name not in value:
            value_rules.fail(f"{where}.{name}", "is missing")


# Endpoints as the REST API has them, which is not quite as NCCOs have them.
_ENDPOINTS = {
    "phone": ("number", "dtmfAnswer", "shaken"),
    "sip": ("uri", "headers", "standard_headers"),
    "websocket": ("uri", "content-type", "headers", "authorization"),
    "vbc": ("extension",),
    "app": ("user",),
}


def _one_endpoint(where: str, value: Any) -> None:
    value_rules.array(_endpoint, 1, 1)(where, value)


def _endpoint(where: str, value: Any) -> None:
    value_rules.as_object(where, value)
    value_rules.one_of(*_ENDPOINTS)(f"{where}.type", value.get("type"))
    _known(value, ("type", *_ENDPOINTS[value["type"]]), f"{where}.")
    rules.endpoint(where, _as_in_ncco(value))


def _as_in_ncco(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    return {
        {"standard_headers": "standardHeaders"}.get(name, name): value
        for name, value in endpoint.items()
    }


_CALL: dict[str, Rule] = {
    "answer_url": value_rules.one_url,
    "answer_method": value_rules.one_of("GET", "POST"),
    "random_from_number": value_rules.flag,
    "machine_detection": value_rules.one_of("continue", "hangup"),
    "advanced_machine_detection": rules.advanced_machine_detection,
    "length_timer": value_rules.whole(1, 86400, "seconds"),
    "ringing_timer": value_rules.whole(1, 120, "seconds"),
}
_LOOP = value_rules.whole(0, value_rules.LARGEST_WHOLE)
_TALK: dict[str, Rule] = {
    "text": spoken,
    "language": value_rules.language,
    "style": value_rules.whole(0, value_rules.LARGEST_WHOLE),
    "premium": value_rules.flag,
    "loop": _LOOP,
    "level": value_rules.number(-1, 1),
}
_STREAM: dict[str, Rule] = {
    "stream_url": value_rules.one_url,
    "loop": _LOOP,
    "level": value_rules.number(-1, 1),
}


def _choice(name: str, text: str, *choices: str) -> None:
    if text not in choices:
        raise ValidationError(name, f"must be one of {', '.join(choices)}")


def _whole(name: str, text: str, low: int, high: int) -> None:
    if not re.fullmatch("[0-9]{1,10}", text) or not low <= int(text) <= high:
        raise ValidationError(name, f"must be a whole number between {low} and {high}")


def _moment(name: str, text: str) -> None:
    try:
        datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationError(name, "must be a time such as 2026-01-31T00:00:00Z") from None


_FILTERS: dict[str, Any] = {
    "status": lambda name, text: _choice(name, text, *STATUSES),
    "date_start": _moment,
    "date_end": _moment,
    "page_size": lambda name, text: _whole(name, text, 1, 100),
    "record_index": lambda name, text: _whole(name, text, 0, 1_000_000_000),
    "order": lambda name, text: _choice(name, text, "asc", "desc"),
    "conversation_uuid": lambda name, text: _check(value_rules.conversation_id, name, text),
}


# How fields are looked at


def _only(body: Mapping[str, Any], allowed: Mapping[str, Rule], before: str = "") -> None:
    """Refuse a field that is unknown, or not of its kind."""
    _known(body, allowed, before)
    for name, value in body.items():
        _check(allowed[name], f"{before}{name}", value)


def _known(fields: Mapping[str, Any], allowed: Any, before: str = "") -> None:
    for name in fields:
        if name not in allowed:
            raise ValidationError(
                f"{before}{value_rules.shown(name)}", f"is unknown; there are {', '.join(allowed)}"
            )


def _check(rule: Rule, where: str, value: Any) -> None:
    try:
        rule(where, value)
    except NccoError as error:
        field, _, what = str(error).partition(": ")
        raise ValidationError(field, what) from None


def _source(body: Mapping[str, Any], before: str, choices: tuple[str, ...]) -> str:
    given = [name for name in choices if name in body]
    if len(given) != 1:
        raise ValidationError(
            f"{before}{(given or choices)[0]}", f"give exactly one of {', '.join(choices)}"
        )
    return given[0]


def _from(body: Mapping[str, Any], here: AppAddress) -> dict[str, Any]:
    if body.get("random_from_number"):
        if "from" in body:
            raise ValidationError("random_from_number", "cannot be true together with from")
        return {}
    if "from" in body:
        return {"from": body["from"]}
    if not here.number:
        raise ValidationError("from", "is missing, and the stack's VonageNumber is not set")
    return {"from": {"type": "phone", "number": here.number}}


def _media(body: Mapping[str, Any], allowed: Mapping[str, Rule], needed: str) -> dict[str, Any]:
    _only(body, allowed)
    if needed not in body:
        raise ValidationError(needed, "is missing")
    return dict(body)
