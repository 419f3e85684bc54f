"""Handler factory for webhooks that report an event: parse it, run the flow, store it, respond.

The flow runs first, so that one write stores the event together with what the flow emits.

The event decides, not the route: if an action names no URL, Vonage sends its record or input event
to the event URL.
"""

from __future__ import annotations

import functools
import json

from dispatch.flow_response import aws, respond, secrets, settings
from dispatch.flow_runner import apology
from records.event import event_item, parse_event
from records.writer import store_event
from voicekit import webhook as webhooks
from voicekit.aws_client import AwsError
from voicekit.call import event_of, input_of
from voicekit.redaction import without_socket_queries
from voicekit.webhook import RetryLater, Webhook, WebhookResponse
from voicekit.webhook_fields import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from records.event import CallEvent

# Seconds to write an event to the table, and as many to write it to the overflow queue.
_WRITE_WHILE_A_CALLER_WAITS = 0.5
_WRITE = 2.0

# Seconds of a flow's time limit reserved for storing the event, if there is little time left.
_RESERVE = 2 * _WRITE_WHILE_A_CALLER_WAITS

# The routes where a caller waits for the response, and the kind of event of each. An event of this
# kind can also arrive at another route, so the kind decides whether a caller waits.
_WAITING = {"dtmf": "input", "asr": "input", "notification": "notify"}


class EventsNotStored(Exception):
    """Neither the table nor the overflow queue accepted the events that a flow emitted."""


def make_event_handler(route: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the Lambda handler of a webhook that reports an event.

    Parameters
    ----------
    route
        ``dtmf``, ``asr``, ``notification``, ``event`` or ``recordings``.
    """
    return webhooks.handler(functools.partial(_receive, route), settings, secrets)


def _receive(route: str, webhook: Webhook) -> WebhookResponse:
    stored = _without_socket_queries(_without_secret_input(webhook))
    event = parse_event(stored.fields)
    expected_kind = _WAITING.get(route)
    if expected_kind and event.kind == "unknown":
        raise BadRequest(f"unknown event; expected kind {expected_kind}")
    if event.kind == "record" or webhook.fields.get("transcription_url"):
        return _queue_recording(stored, event)
    waiting = event.kind in _WAITING.values()
    try:
        response = _response(route, webhook, event)
    except Exception:
        _store(stored, event, waiting=waiting)
        raise
    outcome = _store(stored, event, response.emitted, waiting=waiting)
    if outcome == "not_stored" and response.emitted:
        failure = EventsNotStored("neither table nor queue took what the flow emitted")
        response = apology(failure, response.log_fields["flow"])
    log_fields = {
        "kind": event.kind,
        "event": event.status,
        "record": outcome,
        **response.log_fields,
    }
    return response._replace(
        outcome="apology" if response.outcome == "apology" else outcome, log_fields=log_fields
    )


def _without_secret_input(webhook: Webhook) -> Webhook:
    """Return what may be stored of a webhook: everything but an input that its URL calls secret."""
    if "secret" not in webhook.state:
        return webhook
    from voicekit.secret_input import without_input

    return without_input(webhook)


def _without_socket_queries(webhook: Webhook) -> Webhook:
    """Return what may be stored of a webhook: the `to` of an agent's leg is its presigned URL."""
    fields = without_socket_queries(webhook.fields)
    return webhook if fields == webhook.fields else webhook.with_fields(fields)


def _response(route: str, webhook: Webhook, event: CallEvent) -> WebhookResponse:
    """Run the function of the flow for this kind of event, or respond without an NCCO."""
    optional = route == "event"
    if event.kind == "input":
        caller_input = input_of(webhook.fields)
        hook = route if route in ("dtmf", "asr") else "asr" if caller_input.speech else "dtmf"
        return respond(webhook, hook, caller_input, optional=optional, reserve=_RESERVE)
    if event.kind == "notify":
        payload = webhook.fields["payload"]
        return respond(webhook, "notification", payload, optional=optional, reserve=_RESERVE)
    if event.kind == "status":
        reported = event_of(webhook.fields)
        return respond(webhook, "event", reported, optional=True, reserve=_RESERVE)
    return WebhookResponse(204)


def _store(
    webhook: Webhook, event: CallEvent, emitted: Sequence[dict[str, Any]] = (), *, waiting: bool
) -> str:
    """Store the event, and return the outcome; while a caller waits, failing is an outcome too."""
    config = settings()
    item = event_item(
        event,
        webhook.request.text,
        webhook.request.method,
        webhook.request.received_at,
        config.keep_events_days,
    ) | {"signed_by": webhook.signed_by}
    if emitted:
        from voicekit.emitted_events import emits_attribute

        item["emits"] = emits_attribute(emitted, event.digest)
    limit = _WRITE_WHILE_A_CALLER_WAITS if waiting else _WRITE
    within = webhook.time_left(2 * limit) / 2  # the other half is for the overflow queue
    try:
        return store_event(aws(), config.table_name, config.overflow_queue_url, item, within=within)
    except AwsError as error:
        if waiting:
            return "not_stored"  # the response to the caller is more important
        raise RetryLater(str(error)) from None


def _queue_recording(webhook: Webhook, event: CallEvent) -> WebhookResponse:
    """Queue a finished recording or transcript; `fetch_recording` stores its event.

    A failed transcription has no transcript to fetch, so it is stored like any other event.
    Even a body of 256 KiB with every byte escaped fits into an SQS message (1 MiB).
    """
    message = {
        "method": webhook.request.method,
        "body": webhook.request.text,
        "own": sorted(webhook.state),
        "state": webhook.state,
        "received_at": webhook.request.received_at,
    }
    try:
        aws().send_message(
            settings().recordings_queue_url,
            json.dumps(message, separators=(",", ":")),
            within=webhook.time_left(2 * _WRITE),
        )
    except AwsError as error:
        raise RetryLater(str(error)) from None
    return WebhookResponse(204, outcome="queued", log_fields={"kind": event.kind})
