"""Send the mail that a message is about, at a pace that Amazon SNS allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from publish_events import mail_text
from publish_events.call_events import parties
from publish_events.mail_rules import caller_of_recording, sent_by_transcript
from publish_events.mail_text import MailFacts
from voicekit.signed_token import make_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from publish_events.clients import PublishClients
    from publish_events.mail_text import MailContent

LINK_DAYS = 30
"""For how many days the link in a mail works."""

# SNS stops a subscription over 10 mails a second; two environments send at most four.
_PACE = 0.5
_SECRET_SECONDS = 3.0


def send_mail(clients: PublishClients, message: Mapping[str, Any]) -> str:
    """Send the mail that a message is about, and return ``mailed``, or ``ignored`` without one."""
    if not clients.settings.topic:
        return "ignored"
    mail = _mail(clients, message)
    if mail is None:
        return "ignored"
    attributes = {"line": mail.line, "id": _event_id(message)}
    clients.sleep(_PACE)
    clients.sns.publish(
        TopicArn=clients.settings.topic,
        Subject=mail.subject,
        Message=mail.text,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in attributes.items()
            if value
        },
    )
    return "mailed"


def _event_id(message: Mapping[str, Any]) -> str | None:
    """Return the id of the event that a mail follows, so that subscribers can tell repeats."""
    if "leg" in message:
        return f"{message['leg']}#completed"
    kind = "lost" if message.get("about") == "lost" else "recording"
    return f"{message['recording']}#{kind}" if "recording" in message else None


def _mail(clients: PublishClients, message: Mapping[str, Any]) -> MailContent | None:
    about = message.get("about")
    if about == "missed":
        zone = _zone(clients, message["to"])
        facts = MailFacts(message["from"], message["to"], message["time"], zone)
        return mail_text.missed(facts, message["rung"])
    if about is None:
        return mail_text.flow_failed(message["time"])
    items = clients.records.recording_items(message["recording"])
    if about == "lost":
        item = items.get("lost")
        return mail_text.lost(_facts(clients, item), item["reason"]) if item else None
    if "record" not in items or ("waited" in message and sent_by_transcript(items)):
        return None
    return _voicemail(clients, items)


def _voicemail(clients: PublishClients, items: Mapping[str, Mapping[str, Any]]) -> MailContent:
    item = items["record"]
    seconds = item.get("seconds")
    return mail_text.voicemail(
        _facts(clients, item),
        None if seconds is None else round(float(seconds)),
        _link(clients, item),
        clients.records.transcript(items.get("transcription")),
    )


def _facts(clients: PublishClients, item: Mapping[str, Any]) -> MailFacts:
    from_, to = parties(item, caller_of_recording(clients, item))
    time = item.get("start_time") or item.get("stored_at") or item["lost_at"]
    return MailFacts(from_, to, time, _zone(clients, to))


def _zone(clients: PublishClients, number: str | None) -> Any:
    opening = clients.line(number).opening
    return opening.zone if opening else UTC


def _link(clients: PublishClients, item: Mapping[str, Any]) -> str:
    stored = datetime.fromisoformat(item["stored_at"])
    expires_at = int((stored + timedelta(days=LINK_DAYS)).timestamp())
    secret = clients.secrets.get(_SECRET_SECONDS).secrets[0]
    token = make_token(secret, "listen", item["key"], {}, expires_at)
    return f"{clients.settings.base_url}/listen/{token}"
