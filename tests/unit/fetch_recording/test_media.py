"""Detecting the media type and duration of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fetch_recording import media

from .conftest import wav


def mp3(*, mono: bool = True, kbits_index: int = 4, version_1: bool = False) -> bytes:
    """Return the head of an mp3 file: by default 32 kbit/s at 16 kHz, as Vonage records."""
    second = 0xFB if version_1 else 0xF3
    return bytes([0xFF, second, kbits_index << 4 | 8, 0xC0 if mono else 0x00]) + bytes(100)


def ogg(*, opus: bool = True, granules: int = 0) -> bytes:
    """Return a page of an ogg file with an identification header."""
    if opus:
        header = b"OpusHead\x01\x02" + (312).to_bytes(2, "little") + (16000).to_bytes(4, "little")
    else:
        header = b"\x01vorbis" + bytes(4) + b"\x01" + (16000).to_bytes(4, "little")
    page = b"OggS\0\x02" + granules.to_bytes(8, "little") + bytes(12) + b"\x01" + b"\x13"
    return page + header + bytes(20)


@pytest.mark.parametrize(
    ("head", "content_type", "channels"),
    [
        (mp3(), "audio/mpeg", 1),
        (mp3(mono=False), "audio/mpeg", 2),
        (b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + mp3(), "audio/mpeg", 1),
        (wav(1000), "audio/wav", 1),
        (ogg(), "audio/ogg", 2),
        (ogg(opus=False), "audio/ogg", 1),
        (b'{"ver": "1"}', "application/json", None),
        (b'\xef\xbb\xbf \n{"ver"', "application/json", None),
    ],
)
def test_a_media_type_is_detected_from_the_first_bytes(
    head: bytes, content_type: str, channels: int | None
) -> None:
    found = media.recognize(head)
    assert found is not None
    assert (found.content_type, found.channels) == (content_type, channels)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<html>",
        b"RIFF\0\0\0\0AVI ",
        b"PK\x03\x04",
        b"\xff\xd8\xff\xe0",
        b"\xff",
        b"[]",
        b"ID3",
    ],
)
def test_other_media_types_are_not_detected(head: bytes) -> None:
    assert media.recognize(head) is None


@pytest.mark.parametrize(
    ("head", "tail", "size", "expected"),
    [
        # the sizes of real recordings of Vonage: 5 s of one channel
        (mp3(), b"", 20_000, 5.0),
        (mp3(kbits_index=8, mono=False), b"", 184_000, 23.0),
        (wav(32_044), b"", 32_044, 1.0),
        (wav(32_044), b"", 16_044, 0.5),
        (ogg(), ogg(granules=48_312), 5000, 1.0),
        (ogg(opus=False), ogg(granules=32_000), 5000, 2.0),
        (ogg(), b"not a page", 5000, None),
        (b'{"ver": "1"}', b"", 12, None),
        (b"RIFF\0\0\0\0WAVEdata", b"", 16, None),
    ],
)
def test_the_duration_is_computed_from_head_tail_and_size(
    head: bytes, tail: bytes, size: int, expected: float | None
) -> None:
    assert media.seconds(head, tail, size) == expected


@given(
    some.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"OggS", b"ID3", b"\xff\xf3", b"{"]),
    some.binary(max_size=200),
    some.binary(max_size=200),
)
def test_no_bytes_raise_an_exception(start: bytes, head: bytes, tail: bytes) -> None:
    media.recognize(start + head)
    media.seconds(start + head, tail, len(head))
