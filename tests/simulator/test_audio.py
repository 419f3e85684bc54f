"""Audio files: formats, lengths, mixing, and reading received files."""

import io
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.harness import SimulatorHarness
from vonage_simulator import audio
from vonage_simulator.audio import Clip

TONE = Clip(0.0, 1.0, 440)


def tone_wav(seconds: float, rate: int = 16000, channels: int = 1, value: int = 5000) -> bytes:
    """Return a wav file with the same value in every sample."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(array("h", [value] * round(seconds * rate) * channels).tobytes())
    return file.getvalue()


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 5.0, 61.5])
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_is_constant_bit_rate_of_the_right_length(
    tmp_path: Path, seconds: float, channels: int
) -> None:
    path = tmp_path / "a.mp3"
    size = audio.write(path, "mp3", seconds, [[TONE]] * channels)
    content = path.read_bytes()
    assert size == len(content)
    # The encoder adds up to four frames of 36 ms.
    assert 0 <= size - seconds * 4000 * channels <= 4 * 144 * channels
    if seconds:
        assert audio.duration(content) == pytest.approx(seconds, abs=0.15)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_wav_has_its_length_and_channels(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    size = audio.write(path, "wav", 2.5, [[TONE]] * channels)
    assert size == 44 + round(2.5 * 16000) * 2 * channels
    assert audio.duration(path.read_bytes()) == 2.5


@pytest.mark.parametrize("channels", [1, 2])
def test_ogg_is_a_chain_of_whole_pages_with_flac_frames(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.ogg"
    audio.write(path, "ogg", 2.5, [[TONE]] * channels)
    content = path.read_bytes()
    packets, at, flags, samples = [], 0, 0, 0
    while at < len(content):
        assert content[at : at + 4] == b"OggS"
        flags = content[at + 5]
        samples = int.from_bytes(content[at + 6 : at + 14], "little")
        count = content[at + 26]
        size = sum(content[at + 27 : at + 27 + count])
        at += 27 + count
        packets.append(content[at : at + size])
        at += size
    assert at == len(content)
    assert packets[0].startswith(b"\x7fFLAC\x01\x00\x00\x01fLaC")
    assert all(packet[:2] == b"\xff\xf8" for packet in packets[2:])
    assert (len(packets), flags, samples) == (5, 4, 40_000)


def test_overlapping_clips_are_added_and_never_overflow() -> None:
    loud = array("h", [30_000] * 16_000).tobytes()
    clips = [Clip(0, 1, 0, loud), Clip(0.5, 1, 0, loud)]
    samples = audio.mix(clips, 0, 16_000)
    assert samples[0] == 30_000
    assert samples[12_000] == 32_767


def test_a_clip_that_began_before_the_recording_is_cut_at_its_start() -> None:
    rising = array("h", range(16_000)).tobytes()
    samples = audio.mix([Clip(0.0, 0.5, 0, rising, pcm_from=0.5)], 0, 16_000)
    assert (samples[0], samples[7999], samples[8000]) == (8000, 15_999, 0)


def test_a_wav_of_another_rate_and_two_channels_is_read_as_mono_at_16_khz() -> None:
    content = tone_wav(1.0, rate=8000, channels=2)
    assert audio.duration(content) == 1.0
    assert len(audio.pcm_of(content)) == 2 * 16_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"RIFF....WAVE",
        b"RIFF....WAVEfmt ",
        b"ID3",
        b"\xff\xfb",
        b"<html>",
        b"\xff" * 9,
    ],
)
def test_other_content_has_no_duration(content: bytes) -> None:
    assert audio.duration(content) is None
    assert audio.pcm_of(content) == b""


async def test_a_wav_that_is_streamed_into_a_call_is_in_its_recording(
    harness: SimulatorHarness,
) -> None:
    harness.on("/music.wav", web.Response(body=tone_wav(2.0), content_type="audio/wav"))
    record: dict[str, Any] = {"action": "record", "format": "wav"}
    await harness.receive_call(
        [record, {"action": "stream", "streamUrl": [harness.url("/music.wav")]}]
    )
    await harness.step(10)
    (event,) = [body for body in harness.events() if "recording_url" in body]
    response = await harness.api("GET", "/v1/" + event["recording_url"].partition("/v1/")[2])
    with wave.open(io.BytesIO(response.raw)) as reader:
        samples = array("h", reader.readframes(reader.getnframes()))
    assert set(samples) == {5000}


async def test_record_format_ogg_is_served_as_ogg(harness: SimulatorHarness) -> None:
    await harness.receive_call([{"action": "record", "format": "ogg", "timeOut": 3}])
    await harness.step(8)
    (event,) = [body for body in harness.events() if "recording_url" in body]
    response = await harness.api("GET", "/v1/" + event["recording_url"].partition("/v1/")[2])
    assert response.headers["Content-Type"] == "audio/ogg"
    assert (response.raw[:4], len(response.raw)) == (b"OggS", event["size"])
