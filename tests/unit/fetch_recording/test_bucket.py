"""Storing a stream: parts that are sent while they arrive, failures, time, and the digest."""

from __future__ import annotations

import hashlib
import threading
import zlib
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as some

from fetch_recording import media
from fetch_recording.bucket import PART, RecordingBucket, StreamDigest
from fetch_recording.errors import OutOfTime
from records.recording_item import ArchiveKey
from vonage_client import DownloadInterrupted

from .conftest import wav

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.recording_stack import RecordingStack
    from tests.support.vonage_files import VonageFiles

KEY = ArchiveKey("record", "CON-1", "recording-1")


class TimeCheck:
    """Raises OutOfTime after a number of calls."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OutOfTime("no time left")


def endless_wav() -> Iterator[bytes]:
    """Yield the pieces of a wav file without end."""
    yield wav(1000)
    while True:
        yield bytes(64 * 1024)


@pytest.mark.parametrize("pieces", [0, 1, 10, PART // 65536 + 10, 3 * PART // 65536])
def test_a_stream_is_aborted_and_cleaned_up_when_time_runs_out(
    storage: RecordingStack, pieces: int
) -> None:
    bucket = RecordingBucket(storage.clients["s3"], storage.bucket, TimeCheck(pieces))
    with pytest.raises(OutOfTime):
        bucket.store(KEY, endless_wav(), None, lambda head: media.Media("audio/wav", "wav", 1), {})
    assert not storage.objects(KEY.recording)
    assert not storage.uploads()


class PartInFlight:
    """S3 behind a proxy that holds the first part until a test releases it.

    Attributes
    ----------
    held, released
        Set when S3 is asked to store the part, and when it does.
    fault
        What happens to the part then.
    requests
        The S3 operations, in the order of their responses.
    """

    def __init__(self, storage: RecordingStack, files: VonageFiles) -> None:
        self.held, self.released = threading.Event(), threading.Event()
        self.fault: Any = None
        self.requests: list[str] = []
        self.storage = storage
        storage.aws.reset()
        storage.aws.watch = self._watch
        self.client = boto3.client(
            "s3",
            endpoint_url=storage.aws.url,
            verify=str(files.ca_file),
            region_name="eu-west-2",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-a-key",
            config=Config(retries={"total_max_attempts": 2, "mode": "standard"}),
        )

    def store(
        self,
        chunks: Iterator[bytes],
        check_time: Callable[[], None] = lambda: None,
        length: int | None = None,
    ) -> StreamDigest:
        """Store a stream."""
        bucket = RecordingBucket(self.client, self.storage.bucket, check_time)
        wav_file = media.Media("audio/wav", "wav", 1)
        return bucket.store(KEY, chunks, length, lambda head: wav_file, {})

    def assert_aborted(self) -> None:
        """Assert that the upload was aborted after the part, and that no thread is left."""
        assert self.requests == ["CreateMultipartUpload", "UploadPart", "AbortMultipartUpload"]
        assert not self.storage.objects(KEY.recording)
        assert not self.storage.uploads()
        assert not [one for one in threading.enumerate() if "ThreadPool" in one.name]

    def _watch(self, operation: str, count: int, when: str) -> Any:
        if when == "after":
            self.requests.append(operation)
        elif (operation, count) == ("UploadPart", 1):
            self.held.set()
            # Long enough for any machine; a function that waits for the part fails its test.
            if not self.released.wait(20):
                return "refuse"
            return self.fault
        return None


@pytest.fixture
def part(storage: RecordingStack, files: VonageFiles) -> Iterator[PartInFlight]:
    """Yield S3 with one part held; afterwards, nothing of it is left."""
    part = PartInFlight(storage, files)
    yield part
    part.released.set()
    part.client.close()
    storage.aws.reset()
    storage.clients["s3"].delete_object(Bucket=storage.bucket, Key=KEY.object_key)


def test_the_next_part_arrives_while_a_part_is_sent(part: PartInFlight) -> None:
    content = wav(2 * PART + 100_000)

    def source() -> Iterator[bytes]:
        yield content[:PART]
        assert part.held.wait(20)
        yield content[PART : PART + 1000]
        part.released.set()
        yield content[PART + 1000 :]

    digest = part.store(source())
    assert digest.sha256 == hashlib.sha256(content).hexdigest()
    (stored,) = part.storage.objects(KEY.recording).values()
    assert stored.body == content
    assert part.requests == [
        "CreateMultipartUpload",
        *["UploadPart"] * 3,
        "CompleteMultipartUpload",
    ]


def test_a_part_is_sent_while_it_arrives(part: PartInFlight) -> None:
    content = wav(PART + 500_000)
    part.released.set()
    begun = threading.Event()
    part.storage.aws.arrived = lambda size: begun.set()

    def source() -> Iterator[bytes]:
        for start in (0, PART):
            begun.clear()
            yield content[start : start + 200_000]
            assert begun.wait(20), "nothing of the part was sent"
            yield content[start + 200_000 : start + PART]

    digest = part.store(source(), length=len(content))
    assert digest.sha256 == hashlib.sha256(content).hexdigest()
    (stored,) = part.storage.objects(KEY.recording).values()
    assert stored.body == content


@pytest.mark.parametrize("is_announced", [True, False])
def test_over_http_as_on_the_local_platform_the_object_is_stored_too(
    storage: RecordingStack, is_announced: bool
) -> None:
    content = wav(2 * PART + 500_000)
    s3 = storage.clients["s3"]
    assert s3.meta.endpoint_url.startswith("http:")
    RecordingBucket(s3, storage.bucket, lambda: None).store(
        KEY,
        iter([content]),
        len(content) if is_announced else None,
        lambda head: media.Media("audio/wav", "wav", 1),
        {},
    )
    (stored,) = storage.objects(KEY.recording).values()
    s3.delete_object(Bucket=storage.bucket, Key=KEY.object_key)
    assert stored.body == content


@pytest.mark.parametrize("fault", ["throttle", "error", "cut"])
def test_a_part_is_sent_again_after_a_failure(part: PartInFlight, fault: str) -> None:
    content = wav(2 * PART + 500_000)
    part.fault = fault
    part.released.set()
    part.store(iter([content]), length=len(content))
    (stored,) = part.storage.objects(KEY.recording).values()
    assert stored.body == content
    assert part.storage.aws.asked["UploadPart"] == 4


def test_a_source_that_fails_ends_the_part_that_is_being_sent(part: PartInFlight) -> None:
    begun = threading.Event()
    part.storage.aws.arrived = lambda size: begun.set()

    def source() -> Iterator[bytes]:
        yield wav(200_000)
        assert begun.wait(20)
        raise DownloadInterrupted("interrupted")

    with pytest.raises(DownloadInterrupted):
        part.store(source(), length=2 * PART)
    assert part.requests == ["CreateMultipartUpload", "AbortMultipartUpload"]
    assert not part.storage.uploads()


def test_a_part_that_fails_ends_the_download_of_the_next_one(part: PartInFlight) -> None:
    part.fault = "refuse"

    def source() -> Iterator[bytes]:
        yield wav(PART)
        assert part.held.wait(20)
        part.released.set()
        for _ in range(2000):
            yield b"\0"
            threading.Event().wait(0.01)
        raise AssertionError("the failure was not noticed")

    with pytest.raises(ClientError, match="UploadPart"):
        part.store(source())
    part.assert_aborted()


def test_a_source_that_fails_while_a_part_is_sent_aborts_the_upload_after_the_part(
    part: PartInFlight,
) -> None:
    def source() -> Iterator[bytes]:
        yield wav(PART + 1000)
        assert part.held.wait(20)
        part.released.set()
        raise DownloadInterrupted("interrupted")

    with pytest.raises(DownloadInterrupted):
        part.store(source())
    part.assert_aborted()


def test_without_time_while_a_part_is_sent_the_upload_is_aborted_after_the_part(
    part: PartInFlight,
) -> None:
    def check_time() -> None:
        if part.held.is_set():
            part.released.set()
            raise OutOfTime("no time left")

    def source() -> Iterator[bytes]:
        yield wav(PART)
        assert part.held.wait(20)
        yield bytes(1000)
        raise AssertionError("the time was not checked")

    with pytest.raises(OutOfTime):
        part.store(source(), check_time)
    part.assert_aborted()


def test_without_time_after_a_part_the_next_one_is_not_sent(part: PartInFlight) -> None:
    all_received = threading.Event()

    def check_time() -> None:
        if all_received.is_set():
            raise OutOfTime("no time left")

    def source() -> Iterator[bytes]:
        yield wav(PART)
        assert part.held.wait(20)
        yield bytes(1000)
        all_received.set()
        part.released.set()

    with pytest.raises(OutOfTime):
        part.store(source(), check_time)
    part.assert_aborted()


@given(some.lists(some.binary(max_size=3 * media.TAIL // 2), max_size=6))
def test_the_digest_does_not_depend_on_the_pieces(chunks: list[bytes]) -> None:
    whole, digest = b"".join(chunks), StreamDigest()
    for chunk in chunks:
        digest.add(chunk)
    assert (digest.size, digest.crc32) == (len(whole), zlib.crc32(whole))
    assert digest.sha256 == hashlib.sha256(whole).hexdigest()
    assert digest.head == whole[: media.HEAD]
    assert digest.tail == whole[-media.TAIL :]
