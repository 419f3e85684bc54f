"""Handle a message of the queue: publish what it is about, and queue the mail that follows from it.

A mail is a message of its own, so that a failing mail never repeats an event.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from publish_events import call_events, mail_rules, message_queue
from publish_events.send_mail import send_mail
from publish_events.stream import messages_of
from records.outcome import call_outcome, caller_of
from records.reader import RecordNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from publish_events.call_events import BusEvent
    from publish_events.clients import PublishClients
    from publish_events.mail_rules import MailMessage

_SORT_KEYS = {"recording": "record", "transcript": "transcription", "lost": "lost"}


class NotPublished(Exception):
    """The event bus refused an event."""


class UnknownMessage(Exception):
    """A message that this version of the function does not know."""


def publish(clients: PublishClients, message: Mapping[str, Any]) -> str:
    """Handle a message of the queue.

    Returns
    -------
    str
        ``published``, ``mailed``, ``queued`` if it became other messages, or ``ignored`` if there
        is nothing to send, such as after the data was deleted.

    Raises
    ------
    UnknownMessage
        If it is not a message of this function.
    NotPublished
        If the event bus refused the event.
    """
    what, stage = message.get("what"), clients.settings.stack.stage
    if what == "started":
        return _put(clients, call_events.started(message, stage))
    if what == "emitted":
        return _put(clients, call_events.emitted(message, stage))
    if what == "ended":
        return _ended(clients, message)
    if what in _SORT_KEYS:
        return _recording(clients, what, message["recording"])
    if what == "item":
        return _item(clients, message)
    if what == "mail" or message.get("source") == "aws.cloudwatch":
        return send_mail(clients, message)
    raise UnknownMessage("the message has an unknown type")


def _put(clients: PublishClients, event: BusEvent) -> str:
    """Put one event on the bus, so that a refused one repeats no other."""
    entry = {
        "EventBusName": clients.settings.bus,
        "Source": event.source,
        "DetailType": event.detail_type,
        "Detail": json.dumps(event.detail, separators=(",", ":")),
    }
    response = clients.events.put_events(Entries=[entry])
    if response.get("FailedEntryCount"):
        raise NotPublished(f"the event bus refused it: {response['Entries'][0].get('ErrorCode')}")
    return "published"


def _ended(clients: PublishClients, message: Mapping[str, Any]) -> str:
    try:
        entries = clients.records.events_of(message["leg"], known=message.get("conversation"))
        events = [entry.event for entry in entries]
    except RecordNotFound:
        return "ignored"
    outcome = call_outcome(events, message["leg"])
    if outcome is None:
        return "ignored"
    missed = outcome.is_missed(has_line=clients.has_line(outcome.to))
    time = outcome.ended_at or message["time"]
    event = call_events.completed(outcome, missed, time, clients.settings.stack.stage)
    published = _put(clients, event)
    if missed:
        _queue_mail(clients, mail_rules.after_missed_call(clients, outcome, time))
    return published


def _recording(clients: PublishClients, what: str, recording: str) -> str:
    items, stage = clients.records.recording_items(recording), clients.settings.stack.stage
    item = items.get(_SORT_KEYS[what])
    if item is None:
        return "ignored"
    if what == "transcript":
        published = _put(clients, call_events.transcribed(item, stage))
        _queue_mail(clients, mail_rules.after_transcript(clients, items))
    elif what == "lost":
        published = _put(clients, call_events.lost(item, stage))
        _queue_mail(clients, mail_rules.after_lost(clients, item))
    else:
        caller = caller_of(clients.records.events_in(item["conversation"]), item.get("start_time"))
        published = _put(clients, call_events.recorded(item, caller, stage))
        _queue_mail(clients, mail_rules.after_recording(clients, items))
    return published


def _queue_mail(clients: PublishClients, mail: MailMessage | None) -> None:
    if mail is not None:
        message_queue.send(clients.sqs, clients.settings.queue_url, [mail])


def _item(clients: PublishClients, message: Mapping[str, Any]) -> str:
    """Turn an item into messages again, once a newer version of the function understands it."""
    item = clients.records.item(message["pk"], message["sk"])
    if item is None:
        return "ignored"
    bodies = [(one.body, 0) for one in messages_of(item)]
    message_queue.send(clients.sqs, clients.settings.queue_url, bodies)
    return "queued"
