"""Validate Voice API requests: types and ranges. Each error names its parameter.

Unknown members are ignored, as Vonage does: SDKs and samples send some, such as `id` and `limit`.
"""

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
LEG_ACTIONS = ("hangup", "mute", "unmute", "earmuff", "unearmuff", "transfer")


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
    fields: dict[str, Any],
    application: Application,
    account: SimulatedAccount,
    choose_number: Any,
    websocket_header_bytes: int,
) -> NewCall:
    """Validate POST /v1/calls; `websocket_header_bytes` limits an endpoint's headers.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    to = fields.get("to")
    if not isinstance(to, list) or len(to) != 1:
        raise FieldError("to", "must be an array of exactly one endpoint")
    callee = endpoints.parse(to[0])
    callee.check_headers(websocket_header_bytes)
    caller = _caller(fields, application, account, choose_number)
    source = _source(fields, websocket_header_bytes)
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
        limit=json_fields.integer(fields, "length_timer", 7200, 1, 86_400) or 7200,
        ring_time=json_fields.integer(fields, "ringing_timer", 60, 1, 120) or 60,
    )


def _caller(
    fields: dict[str, Any], application: Application, account: SimulatedAccount, choose_number: Any
) -> Endpoint:
    sender = fields.get("from")
    if json_fields.boolean(fields, "random_from_number"):
        if sender is not None:
            raise FieldError("random_from_number", "cannot be used together with from")
        numbers = account.numbers_of(application)
        if not numbers:
            raise FieldError("random_from_number", "the application has no number")
        return Endpoint("phone", choose_number(numbers))
    if sender is None:
        raise FieldError("from", "is required")
    if isinstance(sender, dict):
        if sender.get("type") != "phone":
            raise FieldError("type", "Invalid type parameter provided")
        name = "number"
    else:  # samples send the number itself
        sender, name = fields, "from"
    text = json_fields.numeral(sender, name) or ""
    if text.startswith(("sip:", "sips:")):
        return Endpoint("sip", text)
    return Endpoint("phone", endpoints.phone_number(sender, name))


def _source(fields: dict[str, Any], websocket_header_bytes: int) -> WebhookTarget | list[Step]:
    if ("ncco" in fields) == ("answer_url" in fields):
        raise FieldError("ncco", "exactly one of ncco and answer_url is required")
    if "ncco" in fields:
        return inline_ncco(fields, websocket_header_bytes)
    url = json_fields.single_url(fields, "answer_url")
    if url is None:
        raise FieldError("answer_url", "is required")
    return WebhookTarget(url, _method(fields, "answer_method", "GET"))


def inline_ncco(fields: dict[str, Any], websocket_header_bytes: int) -> list[Step]:
    """Parse the NCCO in a request.

    Raises
    ------
    FieldError
        If it is not a valid NCCO.
    """
    try:
        return ncco.parse(fields.get("ncco"), websocket_header_bytes)
    except InvalidNcco as error:
        raise FieldError("ncco", str(error)) from error


def transfer_source(
    fields: dict[str, Any], websocket_header_bytes: int
) -> WebhookTarget | list[Step]:
    """Return the destination of a transfer: an answer URL or an NCCO.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    destination = fields.get("destination")
    if not isinstance(destination, dict):
        raise FieldError("destination", "is required")
    if destination.get("type") != "ncco":
        raise FieldError("type", "Invalid type parameter provided")
    if ("ncco" in destination) == ("url" in destination):
        raise FieldError("destination", "exactly one of url and ncco is required")
    if "ncco" in destination:
        return inline_ncco(destination, websocket_header_bytes)
    url = json_fields.single_url(destination, "url")
    if url is None:
        raise FieldError("url", "is required")
    return WebhookTarget(url, "GET")


def check_playback(fields: dict[str, Any]) -> int:
    """Validate the options that talk and stream share; return the loop count.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    json_fields.number(fields, "level", 0, -1, 1)
    return ncco.loop_count(fields)


def check_style(fields: dict[str, Any]) -> None:
    """Validate the voice options of a talk request.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    json_fields.integer(fields, "style", 0, 0, 1000)
    json_fields.boolean(fields, "premium")
    json_fields.string(fields, "voice_name")


def dtmf_digits(fields: dict[str, Any]) -> str:
    """Validate PUT …/dtmf.

    Raises
    ------
    FieldError
        If there are none, or if they contain other characters.
    """
    digits = json_fields.digits(fields, "digits")
    if not digits:
        raise FieldError("digits", "is required")
    return digits


def list_filter(query: dict[str, str]) -> Filter:
    """Validate the query of GET /v1/calls.

    Raises
    ------
    FieldError
        With the invalid parameter.
    """
    return Filter(
        status=json_fields.choice(query, "status", None, STATUSES),
        since=_timestamp(query, "date_start"),
        until=_timestamp(query, "date_end"),
        page_size=json_fields.integer(query, "page_size", 10, 1, 100) or 10,
        record_index=json_fields.integer(query, "record_index", 0, 0, 1_000_000_000) or 0,
        descending=json_fields.choice(query, "order", "asc", ("asc", "desc")) == "desc",
        conversation_uuid=json_fields.string(query, "conversation_uuid"),
    )


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
