"""S3 key and DynamoDB item of a stored recording or transcript.

The item has a partition of its own in the event table, so the recording's UUID is enough to find
it. It is in no index of events.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from records.event import CallEvent

SAFE_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,128}")
"""Identifiers that can be part of a key in the bucket, as ``.`` and ``..`` of a path cannot."""

FOLDERS = {"record": "recordings", "transcription": "transcripts"}
"""Where the bucket stores each kind of event's file."""

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


def recording_item(
    key: ArchiveKey, file: FileInfo, times: dict[str, str], stored_at: float, keep_days: int
) -> dict[str, str | int | float]:
    """Build the DynamoDB item of a stored file.

    Parameters
    ----------
    key, file
        Its keys and metadata.
    times
        ``start_time`` and ``end_time`` from the event, if it has them.
    stored_at
        When the file was stored, in seconds since 1970.
    keep_days
        Days after which DynamoDB deletes the item, and the bucket the object.
    """
    stored = datetime.fromtimestamp(stored_at, UTC)
    item: dict[str, str | int | float | None] = {
        **key.item_key,
        "kind": "archive",
        "conversation": key.conversation,
        "recording": key.recording,
        "key": key.object_key,
        **times,
        **file._asdict(),
        "stored_at": stored.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "expires_at": int(stored_at) + keep_days * 86400,
    }
    return {name: value for name, value in item.items() if value is not None}
