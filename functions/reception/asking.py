"""Asks a flow how to answer a webhook: all that the answer webhook needs, and no more than that.

It loads nothing that keeps events, since somebody listens to silence meanwhile.
"""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any

from reception.running import FlowFailed, apology, choose, names, run, without_dialling
from voicekit import webhook as webhooks
from voicekit.aws import Aws
from voicekit.call import from_webhook
from voicekit.dialling import rings
from voicekit.secrets import SecretStore
from voicekit.settings import from_environment
from voicekit.switchboard import READ_SECONDS, SwitchboardStore
from voicekit.webhook import BadRequest, Reply, Webhook, scrubbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.call import Call
    from voicekit.settings import Settings
    from voicekit.switchboard import Switchboard


@functools.cache
def settings() -> Settings:
    """Give the settings of the stack."""
    return from_environment(os.environ)


@functools.cache
def aws() -> Aws:
    """Give the way to AWS, with the connections that are kept."""
    return Aws(os.environ)


@functools.cache
def secrets() -> SecretStore:
    """Give the signature secrets."""
    return SecretStore(aws(), settings().signing_secret_id, time.monotonic)


@functools.cache
def switchboard() -> SwitchboardStore:
    """Give what the owner changes without a deployment."""
    return SwitchboardStore(aws(), settings().switchboard_secret_id, time.time, names)


def answering() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the handler of the answer webhook. It has no side effect, and nothing is kept of it."""
    return webhooks.handler(_answer, settings, secrets, tolerates_get_hash=True)


def _answer(webhook: Webhook) -> Reply:
    for name in ("uuid", "conversation_uuid", "to"):
        if not isinstance(webhook.fields.get(name), str) or not webhook.fields[name]:
            raise BadRequest(f"{name} is missing")
    # Where the URL names a flow, as that of a call of the owner's does, it answers at any hour.
    if webhook.state.get("flow"):
        return ask(webhook, "answer")
    noted: dict[str, Any] = {}
    board = _board(webhook, noted)
    if not board.is_closed(webhook.request.received_at):
        return ask(webhook, "answer")
    noted["closed"] = True
    if board.announcement is not None:
        return Reply(200, board.announcement, noted=noted)
    reply = ask(webhook, "answer", flow=board.closed_flow)
    return reply._replace(noted=reply.noted | noted)


def ask(
    webhook: Webhook,
    hook: str,
    *arguments: object,
    optional: bool = False,
    flow: str | None = None,
) -> Reply:
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
    noted: dict[str, Any] = {}
    flow = flow or webhook.state.get("flow")
    flow = flow or choose(_number_called(webhook), _board(webhook, noted), config)
    call: Call = from_webhook(webhook, flow, config)
    try:
        actions = run(
            hook,
            call,
            *arguments,
            within=webhook.left(config.flow_time_limit),
            optional=optional,
        )
    except FlowFailed as failure:
        reply = apology(failure, flow)
        return reply._replace(noted=reply.noted | noted)
    noted["flow"] = flow
    if actions is None:
        return Reply(204, noted=noted)
    if any(map(rings, actions)) and not _board(webhook, noted).dialling:
        noted["dialling"] = "off"
        actions = without_dialling(actions)
    return Reply(200, actions, noted=noted)


def _board(webhook: Webhook, noted: dict[str, Any]) -> Switchboard:
    """Give the switchboard; where it could not be read, the log line shall say so."""
    store = switchboard()
    board = store.get(webhook.left(READ_SECONDS))
    if store.trouble is not None:
        noted |= {"switchboard": "unread", "switchboard_detail": scrubbed(store.trouble)[:300]}
    return board


def _number_called(webhook: Webhook) -> str | None:
    number = webhook.fields.get("to")
    return number if isinstance(number, str) else None
