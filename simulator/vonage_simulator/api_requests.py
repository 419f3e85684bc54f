"""Validate Voice API requests: names, types and ranges. Each error names its parameter."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import endpoints, json_fields, ncco
from .account import Application, SimulatedAccount
from .endpoints import Endpoint
from .errors import InvalidNcco
from .json_fields import FieldError
from .ncco import MachineDetection, Step
from .settings import Method, WebhookTarget

CREATE_FIELDS = frozenset(
    {
        "to",
        "from",
        "random_from_number",
        "ncco",
        "answer_url",
        "answer_method",
        "event_url",
        "event_method",
        "machine_detection",
        "advanced_machine_detection",
        "length_timer",
        "ringing_timer",
    }
)
STATUSES = (
    "started",
    "ringing",
    "answered",
    "machine",
    "completed",
    "busy",
    "cancelled",
    "failed",
    "rejected",
    "timeout",
    "unanswered",
)
FILTERS = frozenset(
    {
        "status",
        "date_start",
        "date_end",
        "page_size",
        "record_index",
        "order",
        "conversation_uuid",
    }
)
LEG_ACTIONS = ("hangup", "mute", "unmute", "earmuff", "unearmuff", "transfer")
# SDKs send these in addition to the documented fields (node snippets: action; PHP: uuid).
TOLERATED = frozenset({"action", "uuid"})
TALK_FIELDS = frozenset({"text", "language", "style", "premium", "voice_name", "loop", "level"})
STREAM_FIELDS = frozenset({"stream_url", "loop", "level"})


@dataclass(frozen=True)
class NewCall:
    """A validated POST /v1/calls."""

    caller: Endpoint
    callee: Endpoint
    source: WebhookTarget | list[Step]
    event: WebhookTarget | None
    detection: MachineDetection | None
    limit: float
    ring_time: float


@dataclass(frozen=True)
class Filter:
    """A validated query of GET /v1/calls."""

    status: str | None
    since: float | None
    until: float | None
    page_size: int
    record_index: int
    descending: bool
    conversation_uuid: str | None


def new_call(
    fields: dict[str, Any], application: Application, account: SimulatedAccount, choose_number: Any
) -> NewCall:
    """Validate POST /v1/calls.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    reject_unknown(fields, CREATE_FIELDS)
    to = fields.get("to")
    if not isinstance(to, list) or len(to) != 1:
        raise FieldError("to", "must be an array of exactly one endpoint")
    callee = endpoints.parse(to[0])
    caller = _caller(fields, application, account, choose_number)
    source = _source(fields)
    event_url = json_fields.single_url(fields, "event_url")
    event_method = _method(fields, "event_method", "POST")
    event = application.event
    if event_url is not None:
        event = WebhookTarget(event_url, event_method, read_ms=10_000)
    if event is None:
        raise FieldError("event_url", "is required")
    return NewCall(
        caller=caller,
        callee=callee,
        source=source,
        event=event,
        detection=ncco.parse_machine_detection(
            fields, "machine_detection", "advanced_machine_detection"
        ),
        limit=_strict_integer(fields, "length_timer", 7200, 1, 86_400),
        ring_time=_strict_integer(fields, "ringing_timer", 60, 1, 120),
    )


def _caller(
    fields: dict[str, Any], application: Application, account: SimulatedAccount, choose_number: Any
) -> Endpoint:
    sender = fields.get("from")
    if _strict_boolean(fields, "random_from_number"):
        if sender is not None:
            raise FieldError("random_from_number", "cannot be used together with from")
        numbers = account.numbers_of(application)
        if not numbers:
            raise FieldError("random_from_number", "the application has no number")
        return Endpoint("phone", choose_number(numbers))
    if sender is None:
        raise FieldError("from", "is required")
    if not isinstance(sender, dict):
        raise FieldError("from", "Invalid type parameter provided")
    if sender.get("type") != "phone":
        raise FieldError("type", "Invalid type parameter provided")
    number = sender.get("number")
    if isinstance(number, str) and number.startswith(("sip:", "sips:")):
        return Endpoint("sip", number)
    return Endpoint("phone", endpoints.phone_number(sender, "number"))


def _source(fields: dict[str, Any]) -> WebhookTarget | list[Step]:
    if ("ncco" in fields) == ("answer_url" in fields):
        raise FieldError("ncco", "exactly one of ncco and answer_url is required")
    if "ncco" in fields:
        return inline_ncco(fields)
    url = json_fields.single_url(fields, "answer_url")
    if url is None:
        raise FieldError("answer_url", "is required")
    return WebhookTarget(url, _method(fields, "answer_method", "GET"))


def inline_ncco(fields: dict[str, Any]) -> list[Step]:
    """Parse the NCCO in a request.

    Raises
    ------
    FieldError
        If it is not a valid NCCO.
    """
    try:
        return ncco.parse(fields.get("ncco"))
    except InvalidNcco as error:
        raise FieldError("ncco", str(error)) from error


def transfer_source(fields: dict[str, Any]) -> WebhookTarget | list[Step]:
    """Return the destination of a transfer: an answer URL or an NCCO.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    reject_unknown(fields, frozenset({"destination"}))
    destination = fields.get("destination")
    if not isinstance(destination, dict):
        raise FieldError("destination", "is required")
    if destination.get("type") != "ncco":
        raise FieldError("type", "Invalid type parameter provided")
    reject_unknown(destination, frozenset({"type", "url", "ncco"}))
    if ("ncco" in destination) == ("url" in destination):
        raise FieldError("destination", "exactly one of url and ncco is required")
    if "ncco" in destination:
        return inline_ncco(destination)
    url = json_fields.single_url(destination, "url")
    if url is None:
        raise FieldError("url", "is required")
    return WebhookTarget(url, "GET")


def check_playback(fields: dict[str, Any], allowed: frozenset[str]) -> int:
    """Validate the options that talk and stream share; return the loop count.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    reject_unknown(fields, allowed | TOLERATED)
    json_fields.number(fields, "level", 0, -1, 1)
    return _strict_integer(fields, "loop", 1, 0, 1_000_000)


def check_style(fields: dict[str, Any]) -> None:
    """Validate the voice options of a talk request.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    _strict_integer(fields, "style", 0, 0, 1000)
    _strict_boolean(fields, "premium")
    json_fields.string(fields, "voice_name")


def dtmf_digits(fields: dict[str, Any]) -> str:
    """Validate PUT …/dtmf; the curl snippet sends a bare number.

    Raises
    ------
    FieldError
        If there are none, or if they contain other characters.
    """
    reject_unknown(fields, frozenset({"digits"}) | TOLERATED)
    value = fields.get("digits")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not json_fields.DIGITS.fullmatch(value) or len(value) > 500:
        raise FieldError("digits", "can contain the digits 0-9, * and #, and p")
    return value


def list_filter(query: dict[str, str]) -> Filter:
    """Validate the query of GET /v1/calls.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    reject_unknown(query, FILTERS)
    return Filter(
        status=json_fields.choice(query, "status", None, STATUSES),
        since=_timestamp(query, "date_start"),
        until=_timestamp(query, "date_end"),
        page_size=json_fields.integer(query, "page_size", 10, 1, 100) or 10,
        record_index=json_fields.integer(query, "record_index", 0, 0, 1_000_000_000) or 0,
        descending=json_fields.choice(query, "order", "asc", ("asc", "desc")) == "desc",
        conversation_uuid=json_fields.string(query, "conversation_uuid"),
    )


def reject_unknown(fields: dict[str, Any], allowed: frozenset[str]) -> None:
    """Raise FieldError for the first name that is not allowed.

    Raises
    ------
    FieldError
        With the first unknown name.
    """
    for name in fields:
        if name not in allowed:
            raise FieldError(str(name)[:100], "Unknown parameter")


def _timestamp(query: dict[str, str], name: str) -> float | None:
    value = query.get(name)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value.strip().replace(" ", "T"))
    except ValueError:
        raise FieldError(name, "must be a date and time in ISO 8601") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return time.timestamp()


def _method(fields: dict[str, Any], name: str, default: Method) -> Method:
    return "GET" if json_fields.method(fields, name, default) == "GET" else "POST"


def _strict_integer(fields: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
    """Return a JSON integer; for these fields, the REST API does not accept numbers as text."""
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FieldError(name, f"must be an integer between {low} and {high}")
    return value


def _strict_boolean(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise FieldError(name, "must be true or false")
    return value
