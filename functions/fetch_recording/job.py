"""Parse a queue message: the event of a finished recording, as the webhook function sent it."""

from __future__ import annotations

from typing import NamedTuple

from fetch_recording.errors import PermanentFailure
from records.event import CallEvent, event_item, parse_event
from records.recording_item import ArchiveKey, archive_key, labels_of
from voicekit.webhook_fields import BadRequest, json_object, parse_fields

_URLS = {"record": "recording_url", "transcription": "transcription_url"}
_TIMES = ("start_time", "end_time")


class Job(NamedTuple):
    """A recording or a transcript to fetch.

    ``url``, ``times`` (start and end) and ``size`` (bytes) are from its event, and ``labels`` from
    the URL that a flow gave it.
    """

    key: ArchiveKey
    url: object
    times: dict[str, str]
    size: int | None
    labels: dict[str, str | int]


class QueuedEvent(NamedTuple):
    """An event from the queue: its item, its kind, when it was received, and what to fetch.

    ``received_at`` is in seconds since 1970. ``job`` is None if the event names no recording. The
    event is stored all the same.
    """

    item: dict[str, str | int]
    kind: str
    received_at: float
    job: Job | None


def parse(body: str, keep_days: int) -> QueuedEvent:
    """Parse the body of a message.

    Raises
    ------
    PermanentFailure
        If it is not a message of the webhook functions.
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
            raise BadRequest("the message is not from a webhook function")
        event = parse_event(
            parse_fields(method, text, [one for one in own if isinstance(one, str)])
        )
    except BadRequest as error:
        raise PermanentFailure("malformed", str(error)) from None
    return QueuedEvent(
        event_item(event, text, method, received_at, keep_days),
        event.kind,
        received_at,
        _job(event, message.get("state")),
    )


def _job(event: CallEvent, state: object) -> Job | None:
    key = archive_key(event)
    if key is None:
        return None
    fields = event.fields
    return Job(
        key=key,
        url=fields.get(_URLS[event.kind]),
        times={name: fields[name] for name in _TIMES if _is_time(fields.get(name))},
        size=_whole(fields.get("size")),
        labels=labels_of(_texts(state)),
    )


def _texts(state: object) -> dict[str, str]:
    """Return the parameters of the URL; older messages have none."""
    if not isinstance(state, dict):
        return {}
    return {name: value for name, value in state.items() if isinstance(value, str)}


def _is_time(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= 40 and value.isascii() and value.isprintable()
    )


def _whole(value: object) -> int | None:
    """Return a whole number, also if it is text, as in a query string."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
