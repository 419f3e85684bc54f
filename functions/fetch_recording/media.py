"""Detect the media type and duration of a file from its bytes.

The formats are those of Vonage's recordings (NCCO reference: record.format) and its transcripts.
"""

from __future__ import annotations

from typing import NamedTuple

HEAD = 64 * 1024
"""How many bytes from the start of a file are needed."""
TAIL = 64 * 1024
"""How many bytes from the end of a file are needed: the last page of an ogg file begins there."""

_WAV_UNKNOWN = (0, 0xFFFFFFFF)  # data sizes of a wav file that was written as a stream
_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s, MPEG 1
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # MPEG 2 and 2.5
_OPUS_CLOCK = 48_000  # RFC 7845: granule positions of Opus, whatever the input's rate


class Media(NamedTuple):
    """A media type. ``channels`` is None if the file does not contain their number."""

    content_type: str
    extension: str
    channels: int | None


def recognize(head: bytes) -> Media | None:
    """Return the media type of a file with these first bytes; None if it is not an expected one."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        header = _wav(head)
        return Media("audio/wav", "wav", header.channels if header else None)
    if head[:4] == b"OggS":
        stream = _ogg(head)
        return Media("audio/ogg", "ogg", stream[0] if stream else None)
    frame = _mp3(head)
    if frame is not None:
        return Media("audio/mpeg", "mp3", frame[1])
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return Media("application/json", "json", None)
    return None


def seconds(head: bytes, tail: bytes, size: int) -> float | None:
    """Return the duration of an audio file, or None if it cannot be determined.

    Parameters
    ----------
    head, tail
        The first `HEAD` and the last `TAIL` bytes, or all bytes of a smaller file.
    size
        The size in bytes.
    """
    if head[:4] == b"RIFF":
        header = _wav(head)
        if header is None or not header.bytes_a_second:
            return None
        rest = size - header.data_at
        data_size = rest if header.data_size in _WAV_UNKNOWN else min(header.data_size, rest)
        return round(data_size / header.bytes_a_second, 3)
    if head[:4] == b"OggS":
        return _ogg_seconds(head, tail)
    frame = _mp3(head)
    if frame is None:
        return None
    start, _, bits_a_second = frame
    return round(
        (size - start) * 8 / bits_a_second, 3
    )  # recordings of Vonage have a constant bit rate


class _Wav(NamedTuple):
    channels: int
    bytes_a_second: int
    data_at: int
    data_size: int


def _wav(head: bytes) -> _Wav | None:
    channels = bytes_a_second = 0
    at = 12
    while at + 8 <= len(head):
        kind, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if kind == b"fmt ":
            channels = int.from_bytes(head[at + 10 : at + 12], "little")
            bytes_a_second = int.from_bytes(head[at + 16 : at + 20], "little")
        if kind == b"data":
            return _Wav(channels, bytes_a_second, at + 8, size)
        at += 8 + size + size % 2
    return None


def _mp3(head: bytes) -> tuple[int, int, int] | None:
    """Return the offset of the first frame, its channels, and its bit rate (MPEG layer III)."""
    at = 0
    if head[:3] == b"ID3" and len(head) >= 10:
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        at = 10 + size
        if at + 4 > len(head):
            return None
    if len(head) < at + 4 or head[at] != 0xFF or head[at + 1] & 0xE6 != 0xE2:
        return None
    rates = _RATES_1 if head[at + 1] & 0x18 == 0x18 else _RATES_2
    index = head[at + 2] >> 4
    if not 0 < index < len(rates):
        return None
    return at, 1 if head[at + 3] >> 6 == 3 else 2, rates[index] * 1000


def _ogg(head: bytes) -> tuple[int, int, int] | None:
    """Return the channels, the granules per second, and the granules before the start."""
    at = head.find(b"OpusHead", 0, 512)
    if at >= 0 and len(head) >= at + 12:
        return head[at + 9], _OPUS_CLOCK, int.from_bytes(head[at + 10 : at + 12], "little")
    at = head.find(b"\x01vorbis", 0, 512)
    if at >= 0 and len(head) >= at + 16:
        return head[at + 11], int.from_bytes(head[at + 12 : at + 16], "little"), 0
    return None


def _ogg_seconds(head: bytes, tail: bytes) -> float | None:
    stream = _ogg(head)
    page = tail.rfind(b"OggS")
    if stream is None or not stream[1] or page < 0 or len(tail) < page + 14:
        return None
    granules = int.from_bytes(tail[page + 6 : page + 14], "little", signed=True)
    return round(max(0, granules - stream[2]) / stream[1], 3)
