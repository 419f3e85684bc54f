"""What the table says of a recording or a transcript that is kept in the bucket.

It stands beside the events, under a partition of its own, so that it is found by the recording's
identifier alone; no index of events holds it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from records.event import CallEvent

SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""Identifiers that can be part of a key in the bucket."""

FOLDERS = {"record": "recordings", "transcription": "transcripts"}
"""Where the bucket stores each kind of event's file."""

UNKNOWN_CONVERSATION = "unknown"
"""The folder of recordings whose events name no usable conversation."""


class ArchiveKey(NamedTuple):
    """Where a recording or its transcript is kept: told by the event alone, always the same.

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
    """What is kept: ``size`` in bytes, ``sha256`` and ``crc32`` hexadecimal.

    ``seconds`` and ``channels`` are None where the file does not tell, as in a transcript.
    """

    size: int
    sha256: str
    crc32: str
    content_type: str
    seconds: float | None
    channels: int | None


def item_key(recording: str, kind: str = "record") -> dict[str, str]:
    """Give the key in the table of what is known of a recording, or of its transcript.

    Parameters
    ----------
    recording
        The ``recording_uuid`` of the event.
    kind
        ``record`` or ``transcription``.
    """
    return {"pk": f"recording#{recording}", "sk": kind}


def archive_key(event: CallEvent) -> ArchiveKey | None:
    """Say where the recording or the transcript that an event reports is kept.

    None if the event reports neither, or names no recording by an identifier that can be a key.
    """
    recording = event.fields.get("recording_uuid")
    if event.kind not in FOLDERS or not isinstance(recording, str):
        return None
    if not SAFE_NAME.fullmatch(recording):
        return None
    conversation = event.conversation or ""
    known = conversation if SAFE_NAME.fullmatch(conversation) else UNKNOWN_CONVERSATION
    return ArchiveKey(event.kind, known, recording)


def recording_item(
    place: ArchiveKey, content: FileInfo, told: dict[str, str], stored_at: float, keep_days: int
) -> dict[str, str | int | float]:
    """Give the item of the table that tells of what is kept.

    Parameters
    ----------
    place, content
        Where it is, and what it is.
    told
        What the event says of it: ``start_time`` and ``end_time``, where it does.
    stored_at
        When it was stored, in seconds since 1970.
    keep_days
        Days after which DynamoDB deletes the item, as the bucket deletes the object.
    """
    came = datetime.fromtimestamp(stored_at, UTC)
    made: dict[str, str | int | float | None] = {
        **place.item_key,
        "kind": "archive",
        "conversation": place.conversation,
        "recording": place.recording,
        "key": place.object_key,
        **told,
        **content._asdict(),
        "stored_at": came.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "expires_at": int(stored_at) + keep_days * 86400,
    }
    return {name: value for name, value in made.items() if value is not None}
