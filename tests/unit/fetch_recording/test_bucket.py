"""Storing a stream: running out of time, and the digest."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fetch_recording import media
from fetch_recording.bucket import PART, RecordingBucket, StreamDigest
from fetch_recording.errors import OutOfTime
from records.recording_item import ArchiveKey

from .conftest import wav

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.recording_stack import RecordingStack

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
        bucket.store(KEY, endless_wav(), lambda head: media.Media("audio/wav", "wav", 1), {})
    assert not storage.objects(KEY.recording)
    assert not storage.uploads()


@given(some.lists(some.binary(max_size=3 * media.TAIL // 2), max_size=6))
def test_the_digest_does_not_depend_on_the_pieces(chunks: list[bytes]) -> None:
    whole, digest = b"".join(chunks), StreamDigest()
    for chunk in chunks:
        digest.add(chunk)
    assert (digest.size, digest.crc32) == (len(whole), zlib.crc32(whole))
    assert digest.sha256 == hashlib.sha256(whole).hexdigest()
    assert digest.head == whole[: media.HEAD]
    assert digest.tail == whole[-media.TAIL :]
