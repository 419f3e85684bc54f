"""Publish what a message of the queue is about, and queue the mails that follow from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from publish_events import call_events, message_queue
from publish_events.stream import messages_of
from records.outcome import call_outcome, caller_of
from records.reader import RecordNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from publish_events.call_events import BusEvent
    from publish_events.clients import PublishClients


class NotPublished(Exception):
    """The event bus refused an event."""


class UnknownMessage(Exception):
    """A message that this version of the function does not know."""


def publish(clients: PublishClients, message: Mapping[str, Any]) -> str:
    """Publish what a message is about.

    Returns
    -------
    str
        ``published``, ``queued`` if it became other messages, or ``ignored`` if it is not the end
        of a call, or if what it is about was deleted.

    Raises
    ------
    UnknownMessage
        If it is not a message of this function.
    NotPublished
        If the event bus refused the event.
    """
    what = message.get("what")
    stage = clients.settings.stage
    if what == "started":
        return put(clients, call_events.started(message, stage))
    if what == "emitted":
        return put(clients, call_events.emitted(message, stage))
    if what == "ended":
        return _ended(clients, message)
    if what in ("recording", "transcript", "lost"):
        return _recording(clients, what, message["recording"])
    if what == "item":
        return _item(clients, message)
    raise UnknownMessage("the message has an unknown type")


def put(clients: PublishClients, event: BusEvent) -> str:
    """Put one event on the bus, so that a refused event repeats no other."""
    entry = {
        "EventBusName": clients.settings.bus,
        "Source": event.source,
        "DetailType": event.detail_type,
        "Time": event.detail["time"],
        "Detail": json.dumps(event.detail, separators=(",", ":")),
    }
    response = clients.events.put_events(Entries=[entry])
    if response.get("FailedEntryCount"):
        raise NotPublished(f"the event bus refused it: {response['Entries'][0].get('ErrorCode')}")
    return "published"


def _ended(clients: PublishClients, message: Mapping[str, Any]) -> str:
    try:
        events = [entry.event for entry in clients.records.events_of(message["leg"])]
    except RecordNotFound:
        return "ignored"
    outcome = call_outcome(events, message["leg"])
    if outcome is None:
        return "ignored"
    missed = outcome.is_missed(has_line=False)
    time = outcome.ended_at or message["time"]
    return put(clients, call_events.completed(outcome, missed, time, clients.settings.stage))


def _recording(clients: PublishClients, what: str, recording: str) -> str:
    items = clients.records.recording_items(recording)
    stage = clients.settings.stage
    item = items.get({"recording": "record", "transcript": "transcription"}.get(what, what))
    if item is None:
        return "ignored"
    if what == "lost":
        return put(clients, call_events.lost(recording, item, stage))
    if what == "transcript":
        return put(clients, call_events.transcribed(item, stage))
    caller = caller_of(clients.records.events_in(item["conversation"]), item.get("start_time"))
    return put(clients, call_events.recorded(item, caller, stage))


def _item(clients: PublishClients, message: Mapping[str, Any]) -> str:
    """Turn an item into messages again, once a newer version of the function understands it."""
    item = clients.records.item(message["pk"], message["sk"])
    if item is None:
        return "ignored"
    bodies = [(one.body, 0) for one in messages_of(item)]
    message_queue.send(clients.sqs, clients.settings.queue_url, bodies)
    return "queued"
