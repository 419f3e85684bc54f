"""Asks a flow how to answer a webhook: all that the answer webhook needs, and no more than that.

It loads nothing that keeps events, since somebody listens to silence meanwhile.
"""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any

from reception.running import FlowFailed, apology, choose, run
from voicekit import webhook as webhooks
from voicekit.aws import Aws
from voicekit.call import from_webhook
from voicekit.secrets import SecretStore
from voicekit.settings import from_environment
from voicekit.webhook import BadRequest, Reply, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicekit.call import Call
    from voicekit.settings import Settings


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


def answering() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the handler of the answer webhook. It has no side effect, and nothing is kept of it."""
    return webhooks.handler(_answer, settings, secrets, tolerates_get_hash=True)


def _answer(webhook: Webhook) -> Reply:
    for name in ("uuid", "conversation_uuid", "to"):
        if not isinstance(webhook.fields.get(name), str) or not webhook.fields[name]:
            raise BadRequest(f"{name} is missing")
    return ask(webhook, "answer")


def ask(webhook: Webhook, hook: str, *arguments: object, optional: bool = False) -> Reply:
    """Give a flow's answer to a webhook, and an apology where it has none.

    Parameters
    ----------
    webhook
        What came.
    hook, arguments
        The flow's function, and what it is given beside the call.
    optional
        Whether the flow may lack it, or leave the webhook without an NCCO: 204.
    """
    config = settings()
    flow = choose(webhook.state, _number_called(webhook), config)
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
        return apology(failure, flow)
    noted = {"flow": flow}
    return Reply(204, noted=noted) if actions is None else Reply(200, actions, noted=noted)


def _number_called(webhook: Webhook) -> str | None:
    number = webhook.fields.get("to")
    return number if isinstance(number, str) else None
