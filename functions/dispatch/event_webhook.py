"""Where every webhook arrives that reports something: it is recognised, kept, and answered.

What came decides, not the door it came to: Vonage sends a recording to the event URL where the
action named none, and an input event likewise.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from dispatch.flow_response import aws, respond, secrets, settings
from records.event import event_item, parse_event
from records.writer import store_event
from voicekit import webhook as webhooks
from voicekit.aws_client import AwsError
from voicekit.call import event_of, input_of
from voicekit.webhook import BadRequest, RetryLater, Webhook, WebhookResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from records.event import CallEvent

# Seconds that keeping an event may take in the table, and as long again on the overflow queue.
_WRITE_WHILE_A_CALLER_WAITS = 0.5
_WRITE = 2.0

# Doors at which a caller waits for the reply, and the kind of event that belongs there. Whether
# somebody waits is told by the kind, since it may come to another door as well.
_WAITING = {"dtmf": "input", "asr": "input", "notification": "notify"}


def make_event_handler(door: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Make the handler of a webhook that reports something.

    Parameters
    ----------
    door
        ``dtmf``, ``asr``, ``notification``, ``event`` or ``recordings``.
    """
    return webhooks.handler(functools.partial(_receive, door), settings, secrets)


def _receive(door: str, webhook: Webhook) -> WebhookResponse:
    event = parse_event(webhook.fields)
    belongs = _WAITING.get(door)
    if belongs and event.kind == "unknown":
        raise BadRequest(f"this is no {belongs} event")
    if event.kind in ("record", "transcription"):
        return _queue_recording(webhook, event)
    outcome = _store(webhook, event, waiting=event.kind in _WAITING.values())
    reply = _response(door, webhook, event)
    log_fields = {"kind": event.kind, "event": event.status, "record": outcome, **reply.log_fields}
    return reply._replace(
        outcome=reply.outcome if reply.outcome == "apology" else outcome, log_fields=log_fields
    )


def _response(door: str, webhook: Webhook, event: CallEvent) -> WebhookResponse:
    """Ask the flow what to do, where this event can be answered."""
    if event.kind == "input":
        given = input_of(webhook.fields)
        hook = door if door in ("dtmf", "asr") else "asr" if given.speech else "dtmf"
        return respond(webhook, hook, given, optional=door == "event")
    if event.kind == "notify":
        return respond(webhook, "notification", webhook.fields["payload"], optional=door == "event")
    if event.kind == "status":
        return respond(webhook, "event", event_of(webhook.fields), optional=True)
    return WebhookResponse(204)


def _store(webhook: Webhook, event: CallEvent, *, waiting: bool) -> str:
    config = settings()
    kept = event_item(
        event,
        webhook.request.text,
        webhook.request.method,
        webhook.request.received_at,
        config.keep_events_days,
    ) | {"signed_by": webhook.signed_by}
    limit = _WRITE_WHILE_A_CALLER_WAITS if waiting else _WRITE
    within = webhook.time_left(2 * limit) / 2  # the queue's turn comes in what is left as well
    try:
        return store_event(aws(), config.table_name, config.overflow_queue_url, kept, within=within)
    except AwsError as error:
        if waiting:
            return "not_stored"  # a caller's answer matters more than the record of a key
        raise RetryLater(str(error)) from None


def _queue_recording(webhook: Webhook, event: CallEvent) -> WebhookResponse:
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
        aws().send_message(
            settings().recordings_queue_url,
            json.dumps(job, separators=(",", ":")),
            within=webhook.time_left(2 * _WRITE),
        )
    except AwsError as error:
        raise RetryLater(str(error)) from None
    return WebhookResponse(204, outcome="queued", log_fields={"kind": event.kind})
