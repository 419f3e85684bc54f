"""Storing a stream in S3 exactly once, in constant memory, and looking at what is stored.

Whatever goes wrong in between: an object is there as a whole or not at all, and whoever comes
second finds that somebody else was first (412) and looks at what that was.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from fetch_recording import media
from fetch_recording.errors import PermanentFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fetch_recording.media import Media
    from records.recording_item import ArchiveKey

PART = 8 * 1024 * 1024
"""Bytes of a part, and so what is held in memory; S3 takes 10,000 parts of 5 MiB or more."""
_CHUNK = 256 * 1024
_NOT_THERE = ("404", "NoSuchKey", "NotFound")


class StreamDigest:
    """What is known of a stream so far: its size, its checksums, its first and last bytes."""

    def __init__(self) -> None:
        self.size = 0
        self.crc32 = 0
        self.head = b""
        self.tail = b""
        self._sha256 = hashlib.sha256()

    def add(self, piece: bytes | bytearray) -> None:
        """Count what came next."""
        self.size += len(piece)
        self.crc32 = zlib.crc32(piece, self.crc32)
        self._sha256.update(piece)
        if len(self.head) < media.HEAD:
            self.head = (self.head + piece[: media.HEAD])[: media.HEAD]
        self.tail = (self.tail + piece[-media.TAIL :])[-media.TAIL :]

    @property
    def sha256(self) -> str:
        """SHA-256 so far, hexadecimal."""
        return self._sha256.hexdigest()


class Stored(NamedTuple):
    """An object in the bucket; ``crc32`` is None where S3 has none of the whole object."""

    size: int
    crc32: int | None


class RecordingBucket:
    """The bucket of recordings.

    Parameters
    ----------
    client
        A boto3 client for S3.
    name
        The bucket's name.
    check_time
        Called with each piece that comes; raises when too little time is left.
    """

    def __init__(self, client: Any, name: str, check_time: Callable[[], None]) -> None:
        self._client = client
        self._name = name
        self._check_time = check_time

    def head(self, place: ArchiveKey) -> Stored | None:
        """Say what is stored there, None for nothing."""
        try:
            head = self._client.head_object(
                Bucket=self._name, Key=place.object_key, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if _code(error) in _NOT_THERE:
                return None
            raise
        whole = head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        text = head.get("ChecksumCRC32") if whole else None
        crc32 = int.from_bytes(base64.b64decode(text), "big") if text else None
        return Stored(head["ContentLength"], crc32)

    def read(self, place: ArchiveKey) -> StreamDigest:
        """Read what is stored there, and sum it up."""
        tally = StreamDigest()
        body = self._client.get_object(Bucket=self._name, Key=place.object_key)["Body"]
        with contextlib.closing(body):
            for chunk in body.iter_chunks(_CHUNK):
                self._check_time()
                tally.add(chunk)
        return tally

    def store(
        self,
        place: ArchiveKey,
        chunks: Iterable[bytes],
        recognise: Callable[[bytes], Media],
        metadata: dict[str, str],
    ) -> StreamDigest:
        """Store a stream, unless something is stored there already, and look at the outcome.

        Parameters
        ----------
        place
            Where.
        chunks
            The stream; what it raises comes through, and nothing is stored.
        recognise
            Gives the kind of file from its first bytes, or raises.
        metadata
            What stands on the object besides its channels.

        Raises
        ------
        Permanent
            If other bytes are stored there already.
        """
        tally = StreamDigest()
        parts = _parts(chunks, tally, self._check_time)
        first = next(parts, bytearray())
        kind = recognise(tally.head)
        headers = _headers(place, kind, metadata)
        if len(first) < PART:
            self._put(place, first, tally, headers)
        else:
            self._upload(place, first, parts, tally, headers)
        self._verify(place, tally)
        return tally

    def abort_stale_uploads(self, place: ArchiveKey) -> None:
        """Abort uploads that were left behind there; whoever still works on one finds it stored."""
        listed = self._client.list_multipart_uploads(Bucket=self._name, Prefix=place.object_key)
        for upload in listed.get("Uploads", []):
            if upload["Key"] == place.object_key:
                self._abort(place, upload["UploadId"])

    def _put(
        self, place: ArchiveKey, body: bytearray, tally: StreamDigest, headers: dict[str, Any]
    ) -> None:
        try:
            self._client.put_object(
                Bucket=self._name,
                Key=place.object_key,
                Body=body,
                ChecksumCRC32=_base64(tally.crc32),
                IfNoneMatch="*",
                **headers,
            )
        except ClientError as error:
            if not _already_stored(error):
                raise

    def _upload(
        self,
        place: ArchiveKey,
        first: bytearray,
        rest: Iterator[bytearray],
        tally: StreamDigest,
        headers: dict[str, Any],
    ) -> None:
        where = {"Bucket": self._name, "Key": place.object_key}
        where["UploadId"] = self._client.create_multipart_upload(
            **where, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT", **headers
        )["UploadId"]
        try:
            done = [self._part(where, 1, first)]
            for number, part in enumerate(rest, 2):
                done.append(self._part(where, number, part))
            completed = self._complete(where, done, tally)
        except BaseException:
            self._abort(place, where["UploadId"])
            raise
        if not completed:
            self._abort(place, where["UploadId"])

    def _complete(
        self, where: dict[str, str], done: list[dict[str, Any]], tally: StreamDigest
    ) -> bool:
        """Make the object of the parts; False if somebody else has stored it."""
        try:
            self._client.complete_multipart_upload(
                **where,
                MultipartUpload={"Parts": done},
                ChecksumType="FULL_OBJECT",
                ChecksumCRC32=_base64(tally.crc32),
                MpuObjectSize=tally.size,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if not _already_stored(error):
                raise
            return False
        return True

    def _part(self, where: dict[str, str], number: int, part: bytearray) -> dict[str, Any]:
        checksum = _base64(zlib.crc32(part))
        answer = self._client.upload_part(
            **where, PartNumber=number, Body=part, ChecksumCRC32=checksum
        )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": checksum}

    def _abort(self, place: ArchiveKey, upload_id: str) -> None:
        """Abort an upload. Where that fails, the bucket's own rule clears it after a day."""
        with contextlib.suppress(ClientError, BotoCoreError):
            self._client.abort_multipart_upload(
                Bucket=self._name, Key=place.object_key, UploadId=upload_id
            )

    def _verify(self, place: ArchiveKey, tally: StreamDigest) -> None:
        stored = self.head(place)
        if stored is None:
            raise RuntimeError("what was stored is not there")
        crc32 = stored.crc32 if stored.crc32 is not None else self.read(place).crc32
        if (stored.size, crc32) != (tally.size, tally.crc32):
            raise PermanentFailure(
                "differs", "other bytes are stored under the key of this recording"
            )


def _parts(
    chunks: Iterable[bytes], tally: StreamDigest, check_time: Callable[[], None]
) -> Iterator[bytearray]:
    """Gather chunks to parts of `PART` bytes, counted; the last may be smaller.

    A part is to be used before the next one is asked for: they share one piece of memory.
    """
    part, filled = bytearray(PART), 0
    with memoryview(part) as room:  # assigned to without a copy in between
        for chunk in chunks:
            check_time()
            rest = chunk
            while rest:
                taken = rest if len(rest) <= PART - filled else rest[: PART - filled]
                room[filled : filled + len(taken)] = taken
                filled += len(taken)
                rest = rest[len(taken) :]
                if filled == PART:
                    tally.add(part)
                    yield part
                    filled = 0
    if filled:
        del part[filled:]
        tally.add(part)
        yield part


def _headers(place: ArchiveKey, kind: Media, metadata: dict[str, str]) -> dict[str, Any]:
    channels = {"channels": str(kind.channels)} if kind.channels else {}
    name = f"{place.recording}.{kind.extension}"
    return {
        "ContentType": kind.content_type,
        "ContentDisposition": f'attachment; filename="{name}"',
        "Metadata": metadata | channels,
    }


def _already_stored(error: ClientError) -> bool:
    """Say whether somebody else has stored the object: the caller looks at what is there.

    An upload is gone where somebody stored the object and cleared up, and where the answer to its
    completion got lost and it was asked for again.
    """
    return _code(error) in ("PreconditionFailed", "412", "NoSuchUpload")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _base64(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()
