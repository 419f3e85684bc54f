"""What a message asks for: the event of a finished recording, as its webhook put it there."""

from __future__ import annotations

from typing import NamedTuple

from fetch_recording.errors import PermanentFailure
from records.event import event_item, parse_event
from records.recording_item import ArchiveKey, archive_key
from voicekit.webhook import BadRequest, json_object, parse_fields

_URLS = {"record": "recording_url", "transcription": "transcription_url"}
_TIMES = ("start_time", "end_time")


class Job(NamedTuple):
    """A recording or a transcript to fetch.

    ``item`` is the event as the table keeps it, ``url`` the address as Vonage gave it, ``told``
    what the event says of when it was recorded, ``size`` the bytes that it is said to have.
    """

    item: dict[str, str | int]
    place: ArchiveKey
    url: object
    told: dict[str, str]
    size: int | None


def read(body: str, keep_days: int) -> Job:
    """Read a message.

    Raises
    ------
    Permanent
        If it is not what the webhook puts on the queue.
    """
    try:
        message = json_object(body, "the message")
        method, text, own, received_at = (
            message.get(name) for name in ("method", "body", "own", "received_at")
        )
        if not (
            isinstance(method, str)
            and isinstance(text, str)
            and isinstance(own, list)
            and isinstance(received_at, int | float)
        ):
            raise BadRequest("the message lacks what the webhook puts there")
        event = parse_event(
            parse_fields(method, text, [one for one in own if isinstance(one, str)])
        )
    except BadRequest as error:
        raise PermanentFailure("malformed", str(error)) from None
    place = archive_key(event)
    if place is None:
        raise PermanentFailure("malformed", f"an event of the kind {event.kind} names no recording")
    fields = event.fields
    return Job(
        item=event_item(event, text, method, received_at, keep_days),
        place=place,
        url=fields.get(_URLS[event.kind]),
        told={name: fields[name] for name in _TIMES if _is_time(fields.get(name))},
        size=_whole(fields.get("size")),
    )


def _is_time(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= 40 and value.isascii() and value.isprintable()
    )


def _whole(value: object) -> int | None:
    """Give a whole number, which a query string holds as text."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
