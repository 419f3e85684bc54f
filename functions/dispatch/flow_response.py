"""Run a flow for a webhook, and wrap its NCCO in a response.

The answer webhook needs only this module. It imports no storage code, because a caller hears
silence during a cold start.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time

from dispatch.flow_runner import (
    FlowFailed,
    apology,
    flow_names,
    preload,
    replace_dial_actions,
    run,
    select_flow,
)
from voicekit import webhook as webhooks
from voicekit.aws_client import AwsClient
from voicekit.call import FlowContext, InvalidState, from_webhook
from voicekit.dial_policy import calls_phone
from voicekit.redaction import redact
from voicekit.settings import from_environment
from voicekit.signature import fingerprint
from voicekit.signing_secrets import SigningSecretCache
from voicekit.switchboard import READ_SECONDS, SwitchboardCache
from voicekit.webhook import Webhook, WebhookResponse
from voicekit.webhook_fields import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from voicekit.call import Call
    from voicekit.lines import Line
    from voicekit.settings import StackSettings
    from voicekit.switchboard import Switchboard

_PREFETCH_SECONDS = 1.0  # limit for reading the signature secrets, and for loading a flow


@functools.cache
def settings() -> StackSettings:
    """Return the settings of the stack."""
    return from_environment(os.environ)


@functools.cache
def aws() -> AwsClient:
    """Return the AWS client, which reuses its connections."""
    return AwsClient(os.environ)


@functools.cache
def secrets() -> SigningSecretCache:
    """Return the cache of the signature secrets."""
    return SigningSecretCache(aws(), settings().signing_secret_id, time.time)


@functools.cache
def _switchboard_cache() -> SwitchboardCache:
    """Return the cache of the switchboard."""
    return SwitchboardCache(aws(), settings().switchboard_secret_id, time.time, flow_names)


def prefetch(*, switchboard: bool = False) -> None:
    """Read the signature secrets before the first webhook; if asked, the switchboard as well.

    With the switchboard, the default flow is loaded if no number has another one. An environment
    that Lambda initializes ahead of demand then responds without waiting for anything. A failure
    costs at most 2.5 seconds: the first webhook repeats what failed, and reports what is wrong.
    """
    with contextlib.suppress(Exception):
        secrets().prefetch(_PREFETCH_SECONDS)
        current = _switchboard_cache().prefetch(READ_SECONDS) if switchboard else None
        if current and not (settings().number_flows or current.numbers or current.lines):
            preload(settings().default_flow, within=_PREFETCH_SECONDS)


def make_answer_handler() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the handler of the answer webhook, which has no side effects and stores nothing."""
    return webhooks.handler(_answer, settings, secrets, tolerates_get_hash=True)


def _answer(webhook: Webhook) -> WebhookResponse:
    # A call of a Client SDK may have no `to`, and old reports have no `uuid` (Vonage Webhook
    # reference: answer webhook; guide to in-app voice).
    conversation = webhook.fields.get("conversation_uuid")
    if not isinstance(conversation, str) or not conversation:
        raise BadRequest("conversation_uuid is missing")
    # A flow named in the URL, as in calls of the admin API, answers at any hour.
    if webhook.state.get("flow"):
        return respond(webhook, "answer")
    log_fields: dict[str, Any] = {}
    current = _switchboard(webhook, log_fields)
    if not current.is_closed(webhook.request.received_at, _called_number(webhook)):
        return respond(webhook, "answer")
    log_fields["closed"] = True
    if current.announcement is not None:
        return WebhookResponse(200, current.announcement, log_fields=log_fields)
    response = respond(webhook, "answer", flow=current.closed_flow)
    return response._replace(log_fields=response.log_fields | log_fields)


def respond(
    webhook: Webhook,
    hook: str,
    *arguments: object,
    optional: bool = False,
    flow: str | None = None,
    reserve: float = 0.0,
) -> WebhookResponse:
    """Run a function of a flow, and return its NCCO, or an apology if it fails.

    Parameters
    ----------
    webhook
        The verified webhook.
    hook, arguments
        The name of the function, and its arguments after the call.
    optional
        Whether the function may be missing or return None; the status is 204 then.
    flow
        The name of the flow. The default is the flow in the URL, then the flow of the called
        number.
    reserve
        Seconds of the time left that the flow must not use.
    """
    config = settings()
    log_fields: dict[str, Any] = {}
    flow = flow or webhook.state.get("flow")
    flow = flow or select_flow(_called_number(webhook), _switchboard(webhook, log_fields), config)
    context = FlowContext(
        hook,
        functools.partial(_signing_secrets, webhook),
        webhook.request.received_at,
        [],
        functools.partial(_read_line, webhook, log_fields),
        log_fields,
    )
    try:
        call: Call = from_webhook(webhook, flow, config, context)
        within = webhook.time_left(config.flow_time_limit + reserve) - reserve
        actions = run(hook, call, *arguments, within=within, optional=optional)
    except (FlowFailed, InvalidState) as failure:
        response = apology(failure, flow)
        if "secret" in webhook.state and isinstance(failure, FlowFailed):
            # the text of the exception may repeat what the caller entered
            response.log_fields.pop("detail", None)
        return response._replace(log_fields=response.log_fields | log_fields)
    log_fields["flow"] = flow
    emitted = tuple(context.emitted)
    if actions is None:
        return WebhookResponse(204, log_fields=log_fields, emitted=emitted)
    if any(map(calls_phone, actions)) and not _switchboard(webhook, log_fields).dialing:
        log_fields["dialling"] = "off"
        actions = replace_dial_actions(actions)
    return WebhookResponse(200, actions, log_fields=log_fields, emitted=emitted)


def _signing_secrets(webhook: Webhook) -> list[str]:
    """Return the signature secrets, first the one that signed this webhook.

    Any environment that verifies the next webhook of the call knows it, during a rotation too. The
    webhook has just been verified, so this reads a copy.
    """
    ours = secrets().get(0.0).for_tokens
    return sorted(ours, key=lambda secret: fingerprint(secret) != webhook.signed_by)


def _switchboard(webhook: Webhook, log_fields: dict[str, Any]) -> Switchboard:
    """Return the switchboard; if it could not be read, add that to the log fields."""
    cache = _switchboard_cache()
    current = cache.get(webhook.time_left(READ_SECONDS))
    if cache.last_error is not None:
        log_fields |= {
            "switchboard": "unread",
            "switchboard_detail": redact(cache.last_error)[:300],
        }
    return current


def _read_line(webhook: Webhook, log_fields: dict[str, Any], number: str | None) -> Line:
    """Return a business line; add what is wrong with it to the log fields.

    While dialing is off, a line rings nobody, so that callers can leave a message at once.
    """
    from voicekit.lines import read_line  # only flows that use a line pay for this import

    current = _switchboard(webhook, log_fields)
    document = current.lines.get(number or "")
    line, problems = read_line(number, document, settings(), dials=current.dialing)
    if problems:
        text = "; ".join(f"{where}: {what}" for where, what in problems)
        log_fields |= {"switchboard": "unread", "switchboard_detail": redact(text)[:300]}
    if line.skipped:
        log_fields["skipped"] = redact("; ".join(line.skipped))[:300]
    return line


def _called_number(webhook: Webhook) -> str | None:
    number = webhook.fields.get("to")
    return number if isinstance(number, str) else None
