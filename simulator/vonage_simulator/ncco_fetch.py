"""Fetch NCCOs from an answer URL, from the response to an event, and from the fallback URL."""

import asyncio
from collections.abc import Sequence
from typing import Any

from . import ncco, webhook_payloads
from .errors import InvalidNcco
from .legs import Leg
from .ncco import Step
from .settings import WebhookTarget
from .state import SentWebhook, SimulatorState
from .webhook_sender import DeliveryResult

NO_ANSWER_URL = "the application has no answer URL; set one, such as with --answer-url"


async def fetch(state: SimulatorState, leg: Leg, target: WebhookTarget | None) -> list[Step] | None:
    """Fetch the NCCO of an answer URL, or else of the fallback URL; None ends the call."""
    fields = webhook_payloads.answer_fields(leg, state.base_url)
    sent = state.report(leg, target, fields, "answer")
    if sent is None:
        state.journal.write("error", uuid=leg.uuid, reason=NO_ANSWER_URL)
        return None
    result = await sent.result()
    try:
        return _answer_ncco(state, result)
    except InvalidNcco as error:
        problem = error
    fallback_result = await _ask_fallback(state, leg, sent, result)
    if fallback_result is not None:
        try:
            return _answer_ncco(state, fallback_result)
        except InvalidNcco as error:
            problem = error
    if (fallback_result or result).status == 200:
        state.report_error(leg, ncco.SYNTAX_ERROR, str(problem))
    return None


async def send_event(
    state: SimulatorState,
    leg: Leg,
    target: WebhookTarget | None,
    fields: dict[str, Any],
    kind: str,
    faults: Sequence[str] = (),
) -> list[Step] | None:
    """Send an event that accepts an NCCO in response; None continues the running NCCO."""
    return await event_ncco(state, leg, state.report(leg, target, fields, kind, faults))


async def event_ncco(
    state: SimulatorState, leg: Leg, sent: SentWebhook | None
) -> list[Step] | None:
    """Return the NCCO in the response to an event; None continues what runs, if anything does.

    An event that isn't delivered, and an invalid NCCO in response, go to the fallback URL. The
    latter is also reported as an error, and isn't retried (nexmo-developer pull request 2415).
    """
    if sent is None:
        return None
    result = await sent.result()
    if leg.is_over:
        return None
    if result.is_received:
        try:
            return _event_ncco(state, result)
        except InvalidNcco as error:
            state.report_error(leg, ncco.SYNTAX_ERROR, str(error))
    fallback_result = await _ask_fallback(state, leg, sent, result)
    if fallback_result is None or not fallback_result.is_received:
        return None
    try:
        return _event_ncco(state, fallback_result)
    except InvalidNcco as error:
        state.report_error(leg, ncco.SYNTAX_ERROR, str(error))
        return None


async def _ask_fallback(
    state: SimulatorState, leg: Leg, sent: SentWebhook, result: DeliveryResult
) -> DeliveryResult | None:
    """Request an NCCO from the fallback URL after a failure; None if there is no such URL."""
    task: asyncio.Task[DeliveryResult | None] = state.spawn(
        state.sender.deliver_to_fallback(
            leg, sent.target, result, sent.fields, sent.kind, sent.faults
        )
    )
    return await asyncio.shield(task)


def _answer_ncco(state: SimulatorState, result: DeliveryResult) -> list[Step]:
    if result.status != 200:
        raise InvalidNcco(result.reason)
    try:
        content = result.ncco()
    except (ValueError, RecursionError) as error:
        raise InvalidNcco(str(error)) from error
    return _parse(state, content)


def _event_ncco(state: SimulatorState, result: DeliveryResult) -> list[Step] | None:
    """Parse the response to an event; only an array with content is an NCCO."""
    try:
        content = result.ncco()
    except (ValueError, RecursionError):
        return None
    return _parse(state, content) if isinstance(content, list) and content else None


def _parse(state: SimulatorState, content: Any) -> list[Step]:
    try:
        return ncco.parse(content, state.settings.websocket_header_bytes)
    except RecursionError as error:
        raise InvalidNcco(str(error)) from error
