"""S3 key and DynamoDB item of a stored recording or transcript.

The item has a partition of its own in the event table, so the recording's UUID is enough to find
it. It is in no index of events, but a voicemail is in the index of days, by its month.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from voicekit.e164 import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from records.event import CallEvent

SAFE_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,128}")
"""Identifiers that can be part of a key in the bucket, as ``.`` and ``..`` of a path cannot."""

FOLDERS = {"record": "recordings", "transcription": "transcripts"}
"""Where the bucket stores each kind of event's file."""

VOICEMAIL = "voicemail"
"""The purpose of a recording that is a caller's message."""

_FLOW = re.compile(r"[a-z][a-z0-9_]{0,63}")

UNKNOWN_CONVERSATION = "unknown"
"""The folder of recordings whose events name no usable conversation."""


class ArchiveKey(NamedTuple):
    """The keys of a recording or its transcript, which depend only on its event.

    ``kind`` is ``record`` or ``transcription``.
    """

    kind: str
    conversation: str
    recording: str

    @property
    def object_key(self) -> str:
        """The key in the bucket."""
        return f"{FOLDERS[self.kind]}/{self.conversation}/{self.recording}"

    @property
    def item_key(self) -> dict[str, str]:
        """The key in the table."""
        return item_key(self.recording, self.kind)


class FileInfo(NamedTuple):
    """Metadata of a stored file: ``size`` in bytes, ``sha256`` and ``crc32`` in hexadecimal.

    ``seconds`` and ``channels`` are None if the file has none, as a transcript.
    """

    size: int
    sha256: str
    crc32: str
    content_type: str
    seconds: float | None
    channels: int | None


def item_key(recording: str, kind: str = "record") -> dict[str, str]:
    """Return the table key of the item of a recording or of its transcript.

    Parameters
    ----------
    recording
        The ``recording_uuid`` of the event.
    kind
        ``record`` or ``transcription``.
    """
    return {"pk": f"recording#{recording}", "sk": kind}


def archive_key(event: CallEvent) -> ArchiveKey | None:
    """Return the keys of the recording or transcript that an event reports.

    None if the event reports neither, or if its ``recording_uuid`` is not valid in a key.
    """
    recording = event.fields.get("recording_uuid")
    if event.kind not in FOLDERS or not isinstance(recording, str):
        return None
    if not SAFE_NAME.fullmatch(recording):
        return None
    conversation = event.conversation or ""
    safe = conversation if SAFE_NAME.fullmatch(conversation) else UNKNOWN_CONVERSATION
    return ArchiveKey(event.kind, safe, recording)


def labels_of(state: Mapping[str, str]) -> dict[str, str | int]:
    """Return what the URL that a flow gave a recording says about it, as attributes of its item.

    These are the ``purpose`` (only `VOICEMAIL` is known), the ``line`` (a phone number), the
    ``flow``, and ``expects_transcript`` (1) for a voicemail whose mail waits for the transcript.
    Vonage's signature does not cover the URL, so anything else is left out.

    Parameters
    ----------
    state
        The parameters of the URL by name.
    """
    found: dict[str, str | int] = {}
    if state.get("purpose") == VOICEMAIL:
        found["purpose"] = VOICEMAIL
    if is_number(state.get("line")):
        found["line"] = state["line"]
    if _FLOW.fullmatch(state.get("flow", "")):
        found["flow"] = state["flow"]
    if state.get("transcript") == "1":
        found["expects_transcript"] = 1
    return found


def lost_item(
    key: ArchiveKey, reason: str, labels: Mapping[str, str | int], lost_at: float, keep_days: int
) -> dict[str, str | int | float]:
    """Build the DynamoDB item of a recording that could not be fetched.

    Parameters
    ----------
    key
        Its keys.
    reason
        Why, as in the dead-letter queue.
    labels
        What its URL says about it, from `labels_of`.
    lost_at
        When the application gave up, in seconds since 1970.
    keep_days
        Days after which DynamoDB deletes the item.
    """
    return {
        **item_key(key.recording, "lost"),
        "kind": "lost",
        "conversation": key.conversation,
        "recording": key.recording,
        "reason": reason,
        **labels,
        "lost_at": _text(lost_at),
        "expires_at": int(lost_at) + keep_days * 86400,
    }


def recording_item(
    key: ArchiveKey,
    file: FileInfo,
    details: Mapping[str, str | int],
    stored_at: float,
    keep_days: int,
) -> dict[str, str | int | float]:
    """Build the DynamoDB item of a stored file.

    A voicemail is in index by-day as well, by the month in which it was stored.

    Parameters
    ----------
    key, file
        Its keys and metadata.
    details
        ``start_time`` and ``end_time`` from the event, if it has them, and what its URL says about
        it, from `labels_of`.
    stored_at
        When the file was stored, in seconds since 1970.
    keep_days
        Days after which DynamoDB deletes the item, and the bucket the object.
    """
    stored = _text(stored_at)
    month = f"{VOICEMAIL}#{stored[:7]}"
    listed = key.kind == "record" and details.get("purpose") == VOICEMAIL
    item: dict[str, str | int | float | None] = {
        **key.item_key,
        "kind": "archive",
        "conversation": key.conversation,
        "recording": key.recording,
        "key": key.object_key,
        **details,
        **file._asdict(),
        "stored_at": stored,
        "expires_at": int(stored_at) + keep_days * 86400,
        "day": month if listed else None,
    }
    return {name: value for name, value in item.items() if value is not None}


def _text(time: float) -> str:
    return (
        datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
