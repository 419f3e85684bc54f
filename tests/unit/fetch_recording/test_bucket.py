"""Storing a stream: what happens when the time is nearly over, and what is counted on the way."""

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

PLACE = ArchiveKey("record", "CON-1", "recording-1")


class Hourglass:
    """Says that the time is over once it was asked so many times."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OutOfTime("no time")


def drops() -> Iterator[bytes]:
    """Give a wav file that never ends, in small pieces."""
    yield wav(1000)
    while True:
        yield bytes(64 * 1024)


@pytest.mark.parametrize("pieces", [0, 1, 10, PART // 65536 + 10, 3 * PART // 65536])
def test_a_stream_is_left_when_the_time_is_nearly_over_and_nothing_stays_behind(
    storage: RecordingStack, pieces: int
) -> None:
    bucket = RecordingBucket(storage.clients["s3"], storage.bucket, Hourglass(pieces))
    with pytest.raises(OutOfTime):
        bucket.store(PLACE, drops(), lambda head: media.Media("audio/wav", "wav", 1), {})
    assert not storage.objects(PLACE.recording)
    assert not storage.uploads()


@given(some.lists(some.binary(max_size=3 * media.TAIL // 2), max_size=6))
def test_what_is_counted_does_not_depend_on_the_pieces(chunks: list[bytes]) -> None:
    whole, tally = b"".join(chunks), StreamDigest()
    for chunk in chunks:
        tally.add(chunk)
    assert (tally.size, tally.crc32) == (len(whole), zlib.crc32(whole))
    assert tally.sha256 == hashlib.sha256(whole).hexdigest()
    assert tally.head == whole[: media.HEAD]
    assert tally.tail == whole[-media.TAIL :]
