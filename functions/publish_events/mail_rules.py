"""Decide which mail follows from an event, and when: one for a voicemail, one for a missed call.

Nothing is stored about mails, so each rule reads only what is stored about the call. In doubt, two
mails are sent rather than none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from publish_events.call_events import parties
from records.outcome import caller_of
from records.recording_item import VOICEMAIL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from publish_events.clients import PublishClients
    from records.outcome import CallOutcome
    from records.timeline import LegSummary

    MailMessage = tuple[Mapping[str, Any], int]
    """A message about a mail, and the seconds until it can be received."""

LEAST_SECONDS = 2.0
"""The length of the shortest message; a shorter one is a caller who hung up at the tone."""

TRANSCRIPT_SECONDS = 120
"""How long the mail waits for a transcript."""

# A transcript that is stored within this time sends the mail, and a later one does not. The ten
# seconds in between are for a write that is slow: the waiting mail must see it.
_IN_TIME = timedelta(seconds=TRANSCRIPT_SECONDS - 10)


def after_missed_call(
    clients: PublishClients, outcome: CallOutcome, time: str
) -> MailMessage | None:
    """Return the mail about a missed call, None if the caller left a message or is blocked."""
    if not clients.settings.topic or clients.line(outcome.to).blocks(outcome.from_):
        return None
    for recording in outcome.recordings:
        items = clients.records.recording_items(recording)
        if _is_message(items.get("record") or items.get("lost")):
            return None
    body = {"about": "missed", "from": outcome.from_, "to": outcome.to, "time": time}
    return {"what": "mail", **body, "rung": outcome.rung, "leg": outcome.leg}, 0


def after_recording(
    clients: PublishClients, items: Mapping[str, Mapping[str, Any]]
) -> MailMessage | None:
    """Return the mail about a stored voicemail; it waits if the line wants the transcript."""
    item, transcript = items["record"], items.get("transcription")
    if not _is_message(item) or not _is_for_somebody(clients, item):
        return None
    mail = {"what": "mail", "about": "voicemail", "recording": item["recording"]}
    if "expects_transcript" not in item or (transcript and _delay(item, transcript) < timedelta()):
        return mail, 0
    return {**mail, "waited": True}, TRANSCRIPT_SECONDS


def after_transcript(
    clients: PublishClients, items: Mapping[str, Mapping[str, Any]]
) -> MailMessage | None:
    """Return the mail about a voicemail whose transcript is stored, if no other mail is sent."""
    item = items.get("record")
    if item is None or not sent_by_transcript(items):
        return None
    if not _is_message(item) or not _is_for_somebody(clients, item):
        return None
    return {"what": "mail", "about": "voicemail", "recording": item["recording"]}, 0


def after_lost(clients: PublishClients, item: Mapping[str, Any]) -> MailMessage | None:
    """Return the mail about a voicemail that could not be fetched."""
    if item.get("purpose") != VOICEMAIL or not _is_for_somebody(clients, item):
        return None
    return {"what": "mail", "about": "lost", "recording": item["recording"]}, 0


def sent_by_transcript(items: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether the transcript of a voicemail sends its mail, so that no other path does."""
    item, transcript = items["record"], items.get("transcription")
    if transcript is None or "expects_transcript" not in item:
        return False
    return timedelta() <= _delay(item, transcript) <= _IN_TIME


def caller_of_recording(clients: PublishClients, item: Mapping[str, Any]) -> LegSummary | None:
    """Return the leg that left a recording, None if its events are not stored."""
    events = clients.records.events_in(item["conversation"])
    return caller_of(events, item.get("start_time"))


def _is_message(item: Mapping[str, Any] | None) -> bool:
    """Return whether a caller left a message: a voicemail that is long enough, or of any length."""
    if item is None or item.get("purpose") != VOICEMAIL:
        return False
    return float(item.get("seconds", LEAST_SECONDS)) >= LEAST_SECONDS


def _is_for_somebody(clients: PublishClients, item: Mapping[str, Any]) -> bool:
    """Return whether mails are sent, and the caller is not blocked, as far as is known."""
    if not clients.settings.topic:
        return False
    caller = caller_of_recording(clients, item)
    from_, to = parties(item, caller)
    return caller is None or not clients.line(to).blocks(from_)


def _delay(item: Mapping[str, Any], transcript: Mapping[str, Any]) -> timedelta:
    """Return how long after the recording its transcript was stored."""
    stored, after = (datetime.fromisoformat(one["stored_at"]) for one in (item, transcript))
    return after - stored
