"""Where every webhook but the fallback arrives: it is recognised, kept, and answered.

What came decides, not the door it came to: Vonage sends a recording to the event URL where the
action named none, and an input event likewise.
"""

from __future__ import annotations

import functools
import json
import os
import time
from typing import TYPE_CHECKING, Any

from reception.running import FlowFailed, apology, choose, run
from records.event import item, recognise
from records.keeping import keep
from voicekit import settings as settings_module
from voicekit import webhook as webhooks
from voicekit.aws import Aws, AwsError
from voicekit.call import event_of, from_webhook, input_of
from voicekit.secrets import SecretStore
from voicekit.webhook import BadRequest, Reply, TryAgain, Webhook

if TYPE_CHECKING:
    from collections.abc import Callable

    from records.event import Event
    from voicekit.call import Call
    from voicekit.settings import Settings

# Seconds that keeping an event may take in the table, and as long again on the overflow queue.
_WRITE_WHILE_A_CALLER_WAITS = 0.5
_WRITE = 2.0

# Doors at which a caller waits for the reply, and the kind of event that belongs there. Whether
# somebody waits is told by the kind, since it may come to another door as well.
_WAITING = {"dtmf": "input", "asr": "input", "notification": "notify"}


@functools.cache
def _settings() -> Settings:
    return settings_module.from_environment(os.environ)


@functools.cache
def _aws() -> Aws:
    return Aws(os.environ)


@functools.cache
def _secrets() -> SecretStore:
    return SecretStore(_aws(), _settings().signing_secret_id, time.monotonic)


def answering() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the handler of the answer webhook. It has no side effect, and nothing is kept of it."""
    return webhooks.handler(_answer, _settings, _secrets, tolerates_get_hash=True)


def receiving(door: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the handler of a webhook that reports something.

    Parameters
    ----------
    door
        ``dtmf``, ``asr``, ``notification``, ``event`` or ``recordings``.
    """
    return webhooks.handler(functools.partial(_receive, door), _settings, _secrets)


def _answer(webhook: Webhook) -> Reply:
    for name in ("uuid", "conversation_uuid", "to"):
        if not isinstance(webhook.fields.get(name), str) or not webhook.fields[name]:
            raise BadRequest(f"{name} is missing")
    return _ask(webhook, "answer")


def _receive(door: str, webhook: Webhook) -> Reply:
    event = recognise(webhook.fields)
    belongs = _WAITING.get(door)
    if belongs and event.kind == "unknown":
        raise BadRequest(f"this is no {belongs} event")
    if event.kind in ("record", "transcription"):
        return _ask_for_recording(webhook, event)
    outcome = _keep(webhook, event, waiting=event.kind in _WAITING.values())
    reply = _reply(door, webhook, event)
    noted = {"kind": event.kind, "event": event.status, "record": outcome, **reply.noted}
    return reply._replace(
        outcome=reply.outcome if reply.outcome == "apology" else outcome, noted=noted
    )


def _reply(door: str, webhook: Webhook, event: Event) -> Reply:
    """Ask the flow what to do, where this event can be answered."""
    if event.kind == "input":
        given = input_of(webhook.fields)
        hook = door if door in ("dtmf", "asr") else "asr" if given.speech else "dtmf"
        return _ask(webhook, hook, given, optional=door == "event")
    if event.kind == "notify":
        return _ask(webhook, "notification", webhook.fields["payload"], optional=door == "event")
    if event.kind == "status":
        return _ask(webhook, "event", event_of(webhook.fields), optional=True)
    return Reply(204)


def _ask(webhook: Webhook, hook: str, *arguments: object, optional: bool = False) -> Reply:
    config = _settings()
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


def _keep(webhook: Webhook, event: Event, *, waiting: bool) -> str:
    config = _settings()
    kept = item(
        event,
        webhook.request.text,
        webhook.request.method,
        webhook.request.received_at,
        config.keep_events_days,
    ) | {"signed_by": webhook.signed_by}
    limit = _WRITE_WHILE_A_CALLER_WAITS if waiting else _WRITE
    within = webhook.left(2 * limit) / 2  # the queue's turn comes in what is left as well
    try:
        return keep(_aws(), config.table_name, config.overflow_queue_url, kept, within=within)
    except AwsError as error:
        if waiting:
            return "unkept"  # a caller's answer matters more than the record of a key
        raise TryAgain(str(error)) from None


def _ask_for_recording(webhook: Webhook, event: Event) -> Reply:
    """Put a finished recording or transcript on the queue; whoever fetches it keeps the event.

    With 256 KiB of body, each byte escaped at its worst, it is within the megabyte that SQS takes.
    """
    job = {
        "method": webhook.request.method,
        "body": webhook.request.text,
        "own": sorted(webhook.state),
        "received_at": webhook.request.received_at,
    }
    try:
        _aws().send_message(
            _settings().recordings_queue_url,
            json.dumps(job, separators=(",", ":")),
            within=webhook.left(2 * _WRITE),
        )
    except AwsError as error:
        raise TryAgain(str(error)) from None
    return Reply(204, outcome="queued", noted={"kind": event.kind})
