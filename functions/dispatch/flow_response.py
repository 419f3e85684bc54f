"""Asks a flow how to answer a webhook: all that the answer webhook needs, and no more than that.

It loads nothing that keeps events, since somebody listens to silence meanwhile.
"""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any

from dispatch.flow_runner import (
    FlowFailed,
    apology,
    flow_names,
    replace_dial_actions,
    run,
    select_flow,
)
from voicekit import webhook as webhooks
from voicekit.aws_client import AwsClient
from voicekit.call import from_webhook
from voicekit.dial_policy import calls_phone
from voicekit.settings import from_environment
from voicekit.signing_secrets import SigningSecretCache
from voicekit.switchboard import READ_SECONDS, SwitchboardCache
from voicekit.webhook import BadRequest, Webhook, WebhookResponse, redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.call import Call
    from voicekit.settings import StackSettings
    from voicekit.switchboard import Switchboard


@functools.cache
def settings() -> StackSettings:
    """Give the settings of the stack."""
    return from_environment(os.environ)


@functools.cache
def aws() -> AwsClient:
    """Give the way to AWS, with the connections that are kept."""
    return AwsClient(os.environ)


@functools.cache
def secrets() -> SigningSecretCache:
    """Give the signature secrets."""
    return SigningSecretCache(aws(), settings().signing_secret_id, time.monotonic)


@functools.cache
def switchboard() -> SwitchboardCache:
    """Give what the owner changes without a deployment."""
    return SwitchboardCache(aws(), settings().switchboard_secret_id, time.time, flow_names)


def make_answer_handler() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the handler of the answer webhook. It has no side effect, and nothing is kept of it."""
    return webhooks.handler(_answer, settings, secrets, tolerates_get_hash=True)


def _answer(webhook: Webhook) -> WebhookResponse:
    for name in ("uuid", "conversation_uuid", "to"):
        if not isinstance(webhook.fields.get(name), str) or not webhook.fields[name]:
            raise BadRequest(f"{name} is missing")
    # Where the URL names a flow, as that of a call of the owner's does, it answers at any hour.
    if webhook.state.get("flow"):
        return respond(webhook, "answer")
    log_fields: dict[str, Any] = {}
    board = _board(webhook, log_fields)
    if not board.is_closed(webhook.request.received_at):
        return respond(webhook, "answer")
    log_fields["closed"] = True
    if board.announcement is not None:
        return WebhookResponse(200, board.announcement, log_fields=log_fields)
    reply = respond(webhook, "answer", flow=board.closed_flow)
    return reply._replace(log_fields=reply.log_fields | log_fields)


def respond(
    webhook: Webhook,
    hook: str,
    *arguments: object,
    optional: bool = False,
    flow: str | None = None,
) -> WebhookResponse:
    """Give a flow's answer to a webhook, and an apology where it has none.

    Parameters
    ----------
    webhook
        What came.
    hook, arguments
        The flow's function, and what it is given beside the call.
    optional
        Whether the flow may lack it, or leave the webhook without an NCCO: 204.
    flow
        Which flow; without it the one that the URL names, or else that of the number called.
    """
    config = settings()
    log_fields: dict[str, Any] = {}
    flow = flow or webhook.state.get("flow")
    flow = flow or select_flow(_number_called(webhook), _board(webhook, log_fields), config)
    call: Call = from_webhook(webhook, flow, config)
    try:
        actions = run(
            hook,
            call,
            *arguments,
            within=webhook.time_left(config.flow_time_limit),
            optional=optional,
        )
    except FlowFailed as failure:
        reply = apology(failure, flow)
        return reply._replace(log_fields=reply.log_fields | log_fields)
    log_fields["flow"] = flow
    if actions is None:
        return WebhookResponse(204, log_fields=log_fields)
    if any(map(calls_phone, actions)) and not _board(webhook, log_fields).dialling:
        log_fields["dialling"] = "off"
        actions = replace_dial_actions(actions)
    return WebhookResponse(200, actions, log_fields=log_fields)


def _board(webhook: Webhook, log_fields: dict[str, Any]) -> Switchboard:
    """Give the switchboard; where it could not be read, the log line shall say so."""
    store = switchboard()
    board = store.get(webhook.time_left(READ_SECONDS))
    if store.last_error is not None:
        log_fields |= {
            "switchboard": "unread",
            "switchboard_detail": redact(store.last_error)[:300],
        }
    return board


def _number_called(webhook: Webhook) -> str | None:
    number = webhook.fields.get("to")
    return number if isinstance(number, str) else None
