"""Copy one recording from Vonage to the bucket, and describe it in the table.

Every step can be repeated::

    store the event → is the object stored? ─ no → download and store it → put the item
                          └ yes → is the item stored? ─ no → read the object ↗
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from fetch_recording import media
from fetch_recording.bucket import PART, RecordingBucket, StreamDigest
from fetch_recording.errors import OutOfTime, PermanentFailure
from records.recording_item import FileInfo, lost_item, recording_item
from vonage_client import DownloadTooLarge, NotFound, UntrustedUrl, VonageRefused, open_download

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from fetch_recording.job import Job, QueuedEvent
    from fetch_recording.media import Media
    from fetch_recording.settings import FetchSettings
    from records.recording_item import ArchiveKey
    from vonage_client import TokenSource, UrlAllowlist

_MEGABYTE = 1024 * 1024
# Seconds for one read from Vonage, then a part to S3 and the abort of the upload, with retries.
_SPARE = 95.0
_NOT_FOUND_PAUSES = 5  # times RETRY_SECONDS after the event, 404 means that the file is gone
_TEMPORARY = (401, 403, 408, 429)  # statuses that can change: a rotated key, a rate limit


class FetchClients(NamedTuple):
    """The settings, the clients of boto3, and what a download from Vonage needs."""

    settings: FetchSettings
    dynamodb: Any
    s3: Any
    http: requests.Session
    tokens: TokenSource
    allowlist: UrlAllowlist
    now: Callable[[], float] = time.time


class FetchResult(NamedTuple):
    """The outcome (``stored`` or ``repeat``), and the file if it was stored now."""

    outcome: str
    file: FileInfo | None


def fetch(
    clients: FetchClients, queued: QueuedEvent, time_left: Callable[[], float]
) -> FetchResult:
    """Fetch a recording or a transcript; skip the steps that an earlier attempt completed.

    The event is stored first, whatever it contains.

    Parameters
    ----------
    clients
        The clients and settings.
    queued
        The event of the recording.
    time_left
        Returns the seconds until the invocation times out.

    Raises
    ------
    PermanentFailure
        If a retry would not help.
    OutOfTime
        If the invocation has too little time left: the download is slow.
    Exception
        Any other exception can be temporary: a `VonageError`, or an error of botocore.
    """

    def check_time() -> None:
        if time_left() < _SPARE:
            raise OutOfTime(f"less than {_SPARE:.0f} seconds were left")

    check_time()
    _put_once(clients, queued.item)
    job = queued.job
    if job is None:
        raise PermanentFailure("malformed", f"the event (kind {queued.kind}) names no recording")
    bucket = RecordingBucket(clients.s3, clients.settings.bucket, check_time)
    stored = bucket.head(job.key)
    file = None
    if stored is None or not _has_item(clients, job.key):
        digest = bucket.read(job.key) if stored else _download(clients, queued, job, bucket)
        file = _file_info(job, digest)
        _put_once(
            clients,
            recording_item(
                job.key,
                file,
                job.times | job.labels,
                clients.now(),
                clients.settings.keep_recordings_days,
            ),
        )
    size = file.size if file else stored.size if stored else 0
    if size >= PART:  # a smaller file is never uploaded in parts
        bucket.abort_stale_uploads(job.key)
    return FetchResult("stored" if file else "repeat", file)


def store_lost(clients: FetchClients, job: Job, reason: str) -> None:
    """Record that a recording could not be fetched, so that its event and mail can say so."""
    if job.key.kind == "record":
        days = clients.settings.keep_recordings_days
        _put_once(clients, lost_item(job.key, reason, job.labels, clients.now(), days))


def _download(
    clients: FetchClients, queued: QueuedEvent, job: Job, bucket: RecordingBucket
) -> StreamDigest:
    limit = clients.settings.max_megabytes * _MEGABYTE
    if not job.url or job.size == 0:
        raise PermanentFailure("empty", "Vonage reports a recording without content")
    try:
        with open_download(
            clients.http,
            clients.tokens,
            clients.allowlist,
            job.url,
            max_bytes=limit,
            expected_bytes=job.size,
        ) as download:
            return bucket.store(
                job.key, download.chunks(), download.length, _recognizer(job), _metadata(job)
            )
    except UntrustedUrl as error:
        raise PermanentFailure(f"url_{error.kind}", str(error)) from None
    except DownloadTooLarge as error:
        text = f"{error}; the limit is MAX_RECORDING_MEGABYTES in template.yaml"
        raise PermanentFailure("too_large", text) from None
    except NotFound as error:
        age = clients.now() - queued.received_at
        if age > _NOT_FOUND_PAUSES * clients.settings.retry_seconds:
            raise PermanentFailure("gone", str(error)) from None
        raise
    except VonageRefused as error:
        if error.status in _TEMPORARY:
            raise
        reason = "gone" if error.status == 410 else "refused"
        raise PermanentFailure(reason, str(error)) from None


def _recognizer(job: Job) -> Callable[[bytes], Media]:
    """Return a function that detects the media type, and raises if it is not the expected one."""
    is_transcript = job.key.kind == "transcription"

    def recognize(head: bytes) -> Media:
        if not head:
            raise PermanentFailure("empty", "the file is empty")
        found = media.recognize(head)
        if found is None or (found.extension == "json") != is_transcript:
            if is_transcript:
                raise PermanentFailure("not_json", "the file is not a transcript")
            raise PermanentFailure("not_audio", "the file is not mp3, wav or ogg audio")
        return found

    return recognize


def _metadata(job: Job) -> dict[str, str]:
    ids = {"conversation": job.key.conversation, "recording": job.key.recording}
    return ids | {name.removesuffix("_time"): time for name, time in job.times.items()}


def _file_info(job: Job, digest: StreamDigest) -> FileInfo:
    found = _recognizer(job)(digest.head)
    return FileInfo(
        size=digest.size,
        sha256=digest.sha256,
        crc32=f"{digest.crc32:08x}",
        content_type=found.content_type,
        seconds=media.seconds(digest.head, digest.tail, digest.size),
        channels=found.channels,
    )


def _put_once(clients: FetchClients, item: Mapping[str, str | int | float]) -> None:
    """Write an item; if it exists already, leave it unchanged."""
    try:
        clients.dynamodb.put_item(
            TableName=clients.settings.table,
            Item={name: _attribute(value) for name, value in item.items()},
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def _has_item(clients: FetchClients, key: ArchiveKey) -> bool:
    response = clients.dynamodb.get_item(
        TableName=clients.settings.table,
        Key={name: _attribute(value) for name, value in key.item_key.items()},
        ConsistentRead=True,
        ProjectionExpression="pk",
    )
    return "Item" in response


def _attribute(value: str | float) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
