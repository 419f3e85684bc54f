"""Audio files made from sounds: a tone per leg, or real samples where audio was received.

All audio is 16-bit at 16 kHz, as in Vonage's recordings; mp3 has 32 kbit/s per channel.
"""

from __future__ import annotations

import math
import wave
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

import lameenc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

from . import ogg_flac

RATE = 16_000
LOUDNESS = 8000
MP3_KBITS_PER_CHANNEL = 32
CACHED_TONES = 64

CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg"}


@dataclass(frozen=True)
class Clip:
    """A sound in a file, in seconds from the file's start.

    It is silent if `tone` is 0 and `pcm` is empty.
    """

    begin: float
    end: float
    tone: int
    pcm: bytes = b""
    pcm_from: float = 0.0


def write(path: Path, audio_format: str, seconds: float, channels: Sequence[Sequence[Clip]]) -> int:
    """Write an audio file of that length, and return its size in bytes."""
    samples = round(seconds * RATE)
    blocks = _blocks(samples, channels)
    with path.open("wb") as file:
        if audio_format == "mp3":
            _write_mp3(file, blocks, len(channels))
        elif audio_format == "ogg":
            ogg_flac.write(file, blocks, len(channels), RATE, RATE, samples)
        else:
            write_wav(file, blocks, len(channels))
    return path.stat().st_size


def write_wav(file: BinaryIO, blocks: Iterable[bytes], channels: int) -> None:
    """Write blocks of 16-bit samples as a wav file of 16 kHz."""
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        for block in blocks:
            writer.writeframes(block)


def _write_mp3(file: BinaryIO, blocks: Iterator[bytes], channels: int) -> None:
    encoder = lameenc.Encoder()
    encoder.set_bit_rate(MP3_KBITS_PER_CHANNEL * channels)
    encoder.set_in_sample_rate(RATE)
    encoder.set_out_sample_rate(RATE)
    encoder.set_channels(channels)
    encoder.set_quality(7)
    encoder.silence()
    encoded = False
    for block in blocks:
        file.write(encoder.encode(block))
        encoded = True
    if encoded:  # flush fails if nothing was encoded
        file.write(encoder.flush())


def _blocks(samples: int, channels: Sequence[Sequence[Clip]]) -> Iterator[bytes]:
    """Yield interleaved samples, one second at a time."""
    for start in range(0, samples, RATE):
        count = min(RATE, samples - start)
        mixed = array("h", bytes(2 * count * len(channels)))
        for position, clips in enumerate(channels):
            mixed[position :: len(channels)] = mix(clips, start, count)
        yield mixed.tobytes()


def mix(clips: Sequence[Clip], start: int, count: int) -> array[int]:
    """Mix all clips: return `count` samples, from sample `start`."""
    result = array("h", bytes(2 * count))
    used: list[tuple[int, int]] = []
    for clip in clips:
        begin = max(start, round(clip.begin * RATE)) - start
        end = min(start + count, round(clip.end * RATE)) - start
        if begin >= end:
            continue
        piece = _samples_of_clip(clip, begin + start, end - begin)
        if any(begin < other_end and other_begin < end for other_begin, other_end in used):
            for offset, sample in enumerate(piece, begin):
                result[offset] = max(-32768, min(32767, result[offset] + sample))
        else:
            result[begin : begin + len(piece)] = piece
        used.append((begin, end))
    return result


def _samples_of_clip(clip: Clip, first: int, count: int) -> array[int]:
    if clip.pcm:
        offset = first - round(clip.begin * RATE) + round(clip.pcm_from * RATE)
        piece = array("h")
        piece.frombytes(clip.pcm[2 * offset : 2 * (offset + count)])
        return piece
    offset = first % RATE
    return _tone_samples(clip.tone)[offset : offset + count]


@lru_cache(maxsize=CACHED_TONES)
def _tone_samples(frequency: int) -> array[int]:
    """Return two seconds of a tone: a whole frequency repeats every second."""
    if not frequency:
        return array("h", bytes(4 * RATE))
    step = 2 * math.pi * frequency / RATE
    second = array("h", (round(LOUDNESS * math.sin(step * n)) for n in range(RATE)))
    return second + second


def duration(content: bytes) -> float | None:
    """Return the length of an mp3 or wav file in seconds, or None for other content."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        rate, channels, bits, data = _parse_wav(content)
        return len(data) / (rate * channels * bits / 8) if rate and channels and bits else None
    return _mp3_duration(content)


def is_documented(content: bytes) -> bool:
    """Return whether a file with a duration is mp3 or 16-bit wav (NCCO reference: stream)."""
    return content[:4] != b"RIFF" or _parse_wav(content)[2] == 16


def content_type(content: bytes) -> str:
    """Return the content type of a file for which `duration` is known."""
    return CONTENT_TYPES["wav" if content[:4] == b"RIFF" else "mp3"]


def pcm_of(content: bytes) -> bytes:
    """Convert a 16-bit wav file to mono samples at 16 kHz; return no bytes for other files."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return b""
    rate, channels, bits, data = _parse_wav(content)
    if bits != 16 or not rate or not channels:
        return b""
    samples = array("h")
    samples.frombytes(data[: len(data) // (2 * channels) * 2 * channels])
    return resample(samples[::channels], rate).tobytes()


def resample(samples: array[int], rate: int, target: int = RATE) -> array[int]:
    """Convert samples to another rate; each is the nearest input sample before its time."""
    if rate == target:
        return samples
    count = len(samples) * target // rate
    return array("h", (samples[n * rate // target] for n in range(count)))


def _parse_wav(content: bytes) -> tuple[int, int, int, bytes]:
    rate = channels = bits = 0
    at = 12
    while at + 8 <= len(content):
        kind = content[at : at + 4]
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        if kind == b"fmt " and size >= 16:
            channels = int.from_bytes(content[at + 10 : at + 12], "little")
            rate = int.from_bytes(content[at + 12 : at + 16], "little")
            bits = int.from_bytes(content[at + 22 : at + 24], "little")
        if kind == b"data":
            return rate, channels, bits, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return rate, channels, bits, b""


# Bit rates of MPEG layer III in kbit/s, by index in the frame header: for version 1, then for
# versions 2 and 2.5.
MP3_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MP3_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def _mp3_duration(content: bytes) -> float | None:
    at = 0
    if content[:3] == b"ID3" and len(content) >= 10:
        size = 0
        for byte in content[6:10]:
            size = size << 7 | byte & 0x7F
        at = 10 + size
    if len(content) < at + 4 or content[at] != 0xFF or content[at + 1] & 0xE6 != 0xE2:
        return None
    rates = MP3_RATES_1 if content[at + 1] & 0x18 == 0x18 else MP3_RATES_2
    index = content[at + 2] >> 4
    if not 0 < index < len(rates):
        return None
    return (len(content) - at) * 8 / (rates[index] * 1000)
