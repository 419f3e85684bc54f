"""Store a stream in S3 exactly once and in constant memory.

After any failure, the object is stored completely or not at all. S3 compares the checksum of each
request with the bytes that arrive, so a success proves what is stored. Of two concurrent
invocations, the second gets 412 and verifies the object of the first.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from fetch_recording import media
from fetch_recording.errors import PermanentFailure
from fetch_recording.part import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from fetch_recording.media import Media
    from records.recording_item import ArchiveKey

PART = 5 * 1024 * 1024
"""Bytes of a part, of which two are in memory: the smallest that S3 accepts, up to 10,000 times."""
_CHUNK = 256 * 1024
_NOT_FOUND = ("404", "NoSuchKey", "NotFound")


class StreamDigest:
    """The size, checksums, first and last bytes of a stream so far."""

    def __init__(self) -> None:
        self.size = 0
        self.crc32 = 0
        self.head = b""
        self.tail = b""
        self._sha256 = hashlib.sha256()

    def add(self, piece: bytes | bytearray) -> None:
        """Add the next piece of the stream."""
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
    """An object in the bucket; ``crc32`` is None if S3 has no checksum of the whole object."""

    size: int
    crc32: int | None


class RecordingBucket:
    """The bucket of recordings.

    Parameters
    ----------
    client
        The S3 client of boto3.
    name
        The name of the bucket.
    check_time
        Called for each piece of a stream and before each part is sent; raises OutOfTime when too
        little time is left.
    """

    def __init__(self, client: Any, name: str, check_time: Callable[[], None]) -> None:
        self._client = client
        self._name = name
        self._check_time = check_time

    def head(self, key: ArchiveKey) -> Stored | None:
        """Return the stored object, or None."""
        try:
            head = self._client.head_object(
                Bucket=self._name, Key=key.object_key, ChecksumMode="ENABLED"
            )
        except ClientError as error:
            if _code(error) in _NOT_FOUND:
                return None
            raise
        whole = head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
        text = head.get("ChecksumCRC32") if whole else None
        crc32 = int.from_bytes(base64.b64decode(text), "big") if text else None
        return Stored(head["ContentLength"], crc32)

    def read(self, key: ArchiveKey) -> StreamDigest:
        """Read the stored object, and return its digest."""
        digest = StreamDigest()
        body = self._client.get_object(Bucket=self._name, Key=key.object_key)["Body"]
        with contextlib.closing(body):
            for chunk in body.iter_chunks(_CHUNK):
                self._check_time()
                digest.add(chunk)
        return digest

    def store(
        self,
        key: ArchiveKey,
        chunks: Iterable[bytes],
        length: int | None,
        recognize: Callable[[bytes], Media],
        metadata: dict[str, str],
    ) -> StreamDigest:
        """Store a stream unless the object exists already; verify an object that does.

        A thread sends the parts of a large stream. When this returns or raises, no part is being
        sent, and an upload that failed is aborted.

        Parameters
        ----------
        key
            The key of the recording.
        chunks
            The stream. Its exceptions are raised, and nothing is stored then. The next piece ends
            it if a part could not be sent.
        length
            How many bytes the stream has, unless it raises. Each part is sent while it arrives; if
            None, once it has arrived.
        recognize
            Returns the media type from the first bytes, or raises.
        metadata
            The metadata of the object, without its channels.

        Raises
        ------
        PermanentFailure
            If other bytes are stored under this key.
        """
        digest = StreamDigest()

        def digested() -> Iterator[bytes]:
            for chunk in chunks:
                self._check_time()
                digest.add(chunk)
                yield chunk

        stream = digested()
        is_large = length is not None and length >= PART
        begin = _take(stream, media.HEAD if is_large else PART)
        headers = _headers(key, recognize(digest.head), metadata)
        if is_large or len(begin) >= PART:
            accepted = self._upload(key, begin, stream, length, digest, headers)
        else:
            accepted = self._put(key, begin, digest, headers)
        if not accepted:
            self._verify(key, digest)
        return digest

    def abort_stale_uploads(self, key: ArchiveKey) -> None:
        """Abort open uploads of this key; an invocation that still uses one finds it stored.

        If that fails, the lifecycle rule of the bucket does it after a day.
        """
        with contextlib.suppress(ClientError, BotoCoreError):
            listed = self._client.list_multipart_uploads(Bucket=self._name, Prefix=key.object_key)
            for upload in listed.get("Uploads", []):
                if upload["Key"] == key.object_key:
                    self._abort(key, upload["UploadId"])

    def _put(
        self, key: ArchiveKey, body: bytearray, digest: StreamDigest, headers: dict[str, Any]
    ) -> bool:
        """Put the object; return False if one is stored already."""
        try:
            self._client.put_object(
                Bucket=self._name,
                Key=key.object_key,
                Body=body,
                ChecksumCRC32=_base64(digest.crc32),
                IfNoneMatch="*",
                **headers,
            )
        except ClientError as error:
            if not _already_stored(error):
                raise
            return False
        return True

    def _upload(
        self,
        key: ArchiveKey,
        begin: bytearray,
        stream: Iterable[bytes],
        length: int | None,
        digest: StreamDigest,
        headers: dict[str, Any],
    ) -> bool:
        """Upload the object in parts; return False if one is stored already."""
        where = {"Bucket": self._name, "Key": key.object_key}
        where["UploadId"] = self._client.create_multipart_upload(
            **where, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT", **headers
        )["UploadId"]
        try:
            sent = self._send_parts(where, itertools.chain([begin], stream), length)
            completed = self._complete(where, sent, digest)
        except BaseException:
            self._abort(key, where["UploadId"])
            raise
        if not completed:
            self._abort(key, where["UploadId"])
        return completed

    def _send_parts(
        self, where: dict[str, str], chunks: Iterable[bytes | bytearray], length: int | None
    ) -> list[dict[str, str | int]]:
        """Send a stream in parts, at most two of which are in memory."""
        sent: list[Future[dict[str, str | int]]] = []
        part = Part(0, is_exact=True)
        with ThreadPoolExecutor(1) as sender:  # its end waits for the part being sent
            try:
                for chunk in chunks:
                    for one in sent[-2:]:
                        if one.done():
                            one.result()  # raises if the part could not be sent
                    rest = memoryview(chunk)
                    while rest:
                        if part.is_full:
                            if len(sent) > 1:
                                sent[-2].result()
                            part = _next_part(length, len(sent))
                            sent.append(sender.submit(self._send, where, len(sent) + 1, part))
                        rest = part.add(rest)
                self._check_time()
                part.end()
                return [one.result() for one in sent]
            except BaseException:
                part.abandon()
                sender.shutdown(wait=False, cancel_futures=True)
                raise

    def _complete(
        self, where: dict[str, str], done: list[dict[str, str | int]], digest: StreamDigest
    ) -> bool:
        """Complete the upload; return False if another invocation has stored the object."""
        try:
            self._client.complete_multipart_upload(
                **where,
                MultipartUpload={"Parts": done},
                ChecksumType="FULL_OBJECT",
                ChecksumCRC32=_base64(digest.crc32),
                MpuObjectSize=digest.size,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if not _already_stored(error):
                raise
            return False
        return True

    def _send(self, where: dict[str, str], number: int, part: Part) -> dict[str, str | int]:
        response = self._client.upload_part(
            **where, PartNumber=number, Body=part, ChecksumAlgorithm="CRC32"
        )
        names = ("ETag", "ChecksumCRC32")
        return {"PartNumber": number} | {one: response[one] for one in names if one in response}

    def _abort(self, key: ArchiveKey, upload_id: str) -> None:
        """Abort an upload; if that fails, the lifecycle rule of the bucket does after a day."""
        with contextlib.suppress(ClientError, BotoCoreError):
            self._client.abort_multipart_upload(
                Bucket=self._name, Key=key.object_key, UploadId=upload_id
            )

    def _verify(self, key: ArchiveKey, digest: StreamDigest) -> None:
        stored = self.head(key)
        if stored is None:
            raise RuntimeError("the stored object is missing")
        crc32 = stored.crc32 if stored.crc32 is not None else self.read(key).crc32
        if (stored.size, crc32) != (digest.size, digest.crc32):
            raise PermanentFailure("differs", "another file is stored under the key")


def _take(stream: Iterator[bytes], size: int) -> bytearray:
    """Return at least this many bytes of a stream, or all if it has less."""
    taken = bytearray()
    while len(taken) < size and (chunk := next(stream, None)) is not None:
        taken += chunk
    return taken


def _next_part(length: int | None, before: int) -> Part:
    if length is None:
        return Part(PART, is_exact=False)
    return Part(min(PART, length - before * PART), is_exact=True)


def _headers(key: ArchiveKey, file_type: Media, metadata: dict[str, str]) -> dict[str, Any]:
    channels = {"channels": str(file_type.channels)} if file_type.channels else {}
    name = f"{key.recording}.{file_type.extension}"
    return {
        "ContentType": file_type.content_type,
        "ContentDisposition": f'attachment; filename="{name}"',
        "Metadata": metadata | channels,
    }


def _already_stored(error: ClientError) -> bool:
    """Return whether the error means that the object is stored already.

    NoSuchUpload has two causes. Another invocation stored the object and aborted this upload, or
    the upload was completed, the response was lost, and boto3 retried.
    """
    return _code(error) in ("PreconditionFailed", "412", "NoSuchUpload")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _base64(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()
