"""One recording from Vonage to the bucket and into the table, each step safe to do again.

keep the event → is it stored? ─ no → download and store → write the archive record
                      └ yes → is the record there? ─ no → read what is stored ↗
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from fetch_recording import media
from fetch_recording.bucket import PART, RecordingBucket, StreamDigest
from fetch_recording.errors import OutOfTime, PermanentFailure
from records.recording_item import FileInfo, recording_item
from vonage_client import DownloadTooLarge, NotFound, UntrustedUrl, VonageRefused, open_download

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from fetch_recording.job import Job
    from fetch_recording.media import Media
    from fetch_recording.settings import FetchSettings
    from records.recording_item import ArchiveKey
    from vonage_client import TokenSource, UrlAllowlist

_MEGABYTE = 1024 * 1024
_SPARE = 45.0  # seconds: one read from Vonage, one part to S3 with its repeats, and clearing up
_NOT_YET = 2  # attempts after which a file that Vonage does not know is gone
_WORTH_WAITING = (401, 403, 408, 429)  # refusals that pass: a key is changed, a limit is over


class FetchClients(NamedTuple):
    """What fetching needs from outside: clients of boto3, the session, tokens and the guard."""

    settings: FetchSettings
    dynamodb: Any
    s3: Any
    http: requests.Session
    tokens: TokenSource
    guard: UrlAllowlist
    now: Callable[[], float] = time.time


class FetchResult(NamedTuple):
    """What came of a message: ``stored`` or ``repeat``, and the content that is in the bucket."""

    outcome: str
    content: FileInfo | None


def fetch(
    tools: FetchClients, job: Job, attempt: int, time_left: Callable[[], float]
) -> FetchResult:
    """Fetch a recording or a transcript, or what of that is still to be done.

    Parameters
    ----------
    tools
        What it needs from outside.
    job
        What to fetch.
    attempt
        How often the message came, 1 for the first time.
    time_left
        Gives the seconds until the invocation is stopped.

    Raises
    ------
    Permanent
        If it will not get better.
    NoTime
        If the invocation is nearly over.
    Exception
        Anything else may pass: an `VonageError`, or an error of botocore.
    """

    def check_time() -> None:
        if time_left() < _SPARE:
            raise OutOfTime(f"less than {_SPARE:.0f} seconds were left")

    check_time()
    _put_once(tools, job.item)
    bucket = RecordingBucket(tools.s3, tools.settings.bucket, check_time)
    stored = bucket.head(job.place)
    content = None
    if stored is None or not _is_recorded(tools, job.place):
        tally = bucket.read(job.place) if stored else _download(tools, job, attempt, bucket)
        content = _content(job, tally)
        _put_once(
            tools,
            recording_item(
                job.place, content, job.told, tools.now(), tools.settings.keep_recordings_days
            ),
        )
    size = content.size if content else stored.size if stored else 0
    if size >= PART:  # what is smaller is never uploaded in parts
        bucket.abort_stale_uploads(job.place)
    return FetchResult("stored" if content else "repeat", content)


def _download(tools: FetchClients, job: Job, attempt: int, bucket: RecordingBucket) -> StreamDigest:
    limit = tools.settings.max_megabytes * _MEGABYTE
    if not job.url or job.size == 0:
        raise PermanentFailure("empty", "Vonage reports a recording without content")
    try:
        with open_download(
            tools.http, tools.tokens, tools.guard, job.url, max_bytes=limit
        ) as download:
            return bucket.store(job.place, download.chunks(), _recogniser(job), _metadata(job))
    except UntrustedUrl as error:
        raise PermanentFailure(f"url_{error.kind}", str(error)) from None
    except DownloadTooLarge as error:
        text = f"{error}: MAX_RECORDING_MEGABYTES in template.yaml allows no more"
        raise PermanentFailure("too_large", text) from None
    except NotFound as error:
        if attempt > _NOT_YET:
            raise PermanentFailure("gone", str(error)) from None
        raise
    except VonageRefused as error:
        if error.status in _WORTH_WAITING:
            raise
        reason = "gone" if error.status == 410 else "refused"
        raise PermanentFailure(reason, str(error)) from None


def _recogniser(job: Job) -> Callable[[bytes], Media]:
    """Give what tells a file's kind, or that it is not what the event promised."""
    wants_text = job.place.kind == "transcription"

    def recognise(head: bytes) -> Media:
        if not head:
            raise PermanentFailure("empty", "the file has no bytes")
        found = media.recognise(head)
        if found is None or (found.extension == "json") != wants_text:
            wanted = "a transcript" if wants_text else "mp3, wav or ogg audio"
            raise PermanentFailure("not_audio" if not wants_text else "not_json", f"not {wanted}")
        return found

    return recognise


def _metadata(job: Job) -> dict[str, str]:
    names = {"conversation": job.place.conversation, "recording": job.place.recording}
    return names | {name.removesuffix("_time"): time for name, time in job.told.items()}


def _content(job: Job, tally: StreamDigest) -> FileInfo:
    kind = _recogniser(job)(tally.head)
    return FileInfo(
        size=tally.size,
        sha256=tally.sha256,
        crc32=f"{tally.crc32:08x}",
        content_type=kind.content_type,
        seconds=media.seconds(tally.head, tally.tail, tally.size),
        channels=kind.channels,
    )


def _put_once(tools: FetchClients, item: Mapping[str, str | int | float]) -> None:
    """Write an item unless it stands there already, which then stays as it came first."""
    try:
        tools.dynamodb.put_item(
            TableName=tools.settings.table,
            Item={name: _attribute(value) for name, value in item.items()},
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def _is_recorded(tools: FetchClients, place: ArchiveKey) -> bool:
    answer = tools.dynamodb.get_item(
        TableName=tools.settings.table,
        Key={name: _attribute(value) for name, value in place.item_key.items()},
        ConsistentRead=True,
        ProjectionExpression="pk",
    )
    return "Item" in answer


def _attribute(value: str | float) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
