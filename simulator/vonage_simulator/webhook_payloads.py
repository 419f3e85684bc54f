"""Webhook bodies, field by field (webhook reference), and call pricing."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .legs import Conversation, Leg
from .settings import SimulatorSettings

MONEY = Decimal("0.00000001")


def with_milliseconds(at: float) -> str:
    """Format a time as most webhooks do: `2021-03-29T21:20:05.582Z`."""
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def without_milliseconds(at: float) -> str:
    """Format a time as record events do: `2020-05-06T13:34:21Z`."""
    return datetime.fromtimestamp(rounded(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rounded(at: float) -> int:
    """Round a time to whole seconds, halves up."""
    return int(at + 0.5)


def caller_of(leg: Leg) -> str:
    """Return the `from` of a leg's events."""
    return leg.caller.address if leg.shown_caller is None else leg.shown_caller


def parties_of(leg: Leg) -> dict[str, str]:
    """Return `from` and `to` of a leg's webhooks.

    A withheld number has no `from`, and a Client SDK user who calls no one has no `to`.
    """
    return _without_blanks({"from": caller_of(leg), "to": leg.callee.address})


def _without_blanks(parties: dict[str, str]) -> dict[str, str]:
    return {name: address for name, address in parties.items() if address}


def status_event(leg: Leg, status: str, at: float, **extra: Any) -> dict[str, Any]:
    """Build a status event of a leg."""
    detected = status in ("human", "machine")
    body: dict[str, Any] = {
        "headers": leg.callee.headers if status == "disconnected" else {},
        **parties_of(leg),
        "call_uuid" if detected else "uuid": leg.uuid,
        "conversation_uuid": leg.conversation.uuid,
        "status": status,
    }
    if not detected and status != "disconnected":
        body["direction"] = leg.direction
    if status == "answered":
        body |= {"start_time": None, "rate": None, "network": None}
    return body | extra | {"timestamp": with_milliseconds(at)}


def price_of(leg: Leg, settings: SimulatorSettings, ended_at: float) -> dict[str, Any]:
    """Return start_time to network of a completed leg: price = rate * whole seconds / 60."""
    began = rounded(ended_at if leg.answered_at is None else leg.answered_at)
    seconds = max(0, rounded(ended_at) - began)
    far_end = leg.caller if leg.direction == "inbound" else leg.callee
    inbound = leg.direction == "inbound"
    money: dict[str, Any] = {"rate": "0.00", "price": "0", "network": None}
    if not far_end.is_free:
        rate = settings.inbound_rate if inbound else settings.outbound_rate
        price = (Decimal(rate) * seconds / 60).quantize(MONEY, ROUND_HALF_UP)
        network = settings.inbound_network if inbound else settings.outbound_network
        money = {"rate": rate, "price": f"{price:f}", "network": network}
    return {
        "start_time": with_milliseconds(began),
        "end_time": with_milliseconds(rounded(ended_at)),
        "duration": str(seconds),
        **money,
    }


def answer_fields(leg: Leg, region_url: str) -> dict[str, Any]:
    """Build the fields of an answer webhook."""
    user = leg.direction == "inbound" and leg.caller.kind == "app"
    parties = {"to": leg.callee.address, "from_user" if user else "from": caller_of(leg)}
    return {
        **_without_blanks(parties),
        "endpoint_type": leg.caller.kind if leg.direction == "inbound" else leg.callee.kind,
        "uuid": leg.uuid,
        "conversation_uuid": leg.conversation.uuid,
        "region_url": region_url,
        **leg.answer_extra,
    }


def input_event(
    leg: Leg, at: float, speech: dict[str, Any] | None, dtmf: dict[str, Any]
) -> dict[str, Any]:
    """Build the event of an input action."""
    heard = {} if speech is None else {"speech": speech}
    return {
        **heard,
        "dtmf": dtmf,
        **parties_of(leg),
        "uuid": leg.uuid,
        "conversation_uuid": leg.conversation.uuid,
        "timestamp": with_milliseconds(at),
    }


def flat_input_event(leg: Leg, at: float, digits: str, timed_out: bool) -> dict[str, Any]:
    """Build the event of an input action without `type`."""
    return {
        "dtmf": digits,
        "timed_out": timed_out,
        "uuid": leg.uuid,
        "conversation_uuid": leg.conversation.uuid,
        "timestamp": with_milliseconds(at),
    }


def notify_event(leg: Leg, at: float, payload: dict[str, Any]) -> dict[str, Any]:
    """Build the event of a notify action."""
    return {
        "payload": payload,
        "conversation_uuid": leg.conversation.uuid,
        "timestamp": with_milliseconds(at),
    }


def transfer_event(leg: Leg, left: Conversation, at: float) -> dict[str, Any]:
    """Build the event of a leg that moved to another conversation."""
    return {
        "conversation_uuid_from": left.uuid,
        "conversation_uuid_to": leg.conversation.uuid,
        "uuid": leg.uuid,
        "type": "transfer",
        "timestamp": with_milliseconds(at),
    }


def error_event(leg: Leg, at: float, reason: str) -> dict[str, Any]:
    """Build an error event."""
    return {
        "reason": reason,
        "conversation_uuid": leg.conversation.uuid,
        "timestamp": with_milliseconds(at),
    }
