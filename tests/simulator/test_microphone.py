"""Microphones on legs (/sim/calls/{uuid}/audio), on a running clock that the tests control."""

import asyncio
import gc
import io
import json
import math
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.simulator.harness import CALLEE, NUMBER, HarnessCall, SimulatorHarness, talk, words
from tests.simulator.test_ncco_talk_and_stream import wav
from tests.simulator.test_websocket_leg import Socket, connect, socket  # noqa: F401 a fixture
from vonage_simulator.legs import Samples

RATE = 16_000
CONNECT = {
    "action": "connect",
    "from": NUMBER,
    "endpoint": [{"type": "phone", "number": CALLEE}],
}
ROOM = {"action": "conversation", "name": "room"}


def tone(seconds: float, frequency: int = 300, loudness: int = 6000) -> bytes:
    """Return a voice: a tone that never repeats exactly, so that every part is distinguishable."""
    samples = (
        round(loudness * math.sin(2 * math.pi * frequency * n / RATE) + n % 997)
        for n in range(round(seconds * RATE))
    )
    return array("h", samples).tobytes()


def quiet(seconds: float) -> bytes:
    """Return silence."""
    return bytes(round(seconds * RATE) * 2)


class MicrophoneSocket:
    """A client's connection to a leg."""

    def __init__(self, live: "LiveHarness", websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._live = live
        self._socket = websocket
        self.heard: list[bytes] = []
        self.closed: int | None = None

    async def send(self, message: bytes | str) -> None:
        """Send a message, and wait until it is processed."""
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(message)
        await self.sync()

    async def send_transcript(self, text: str) -> None:
        """Send what the voice said as text."""
        await self.send(json.dumps({"text": text}))

    async def say(self, pcm: bytes, piece: float = 0.1, late: tuple[float, ...] = (0.0,)) -> None:
        """Send audio in pieces at the time they were said, each delayed by some seconds."""
        size = round(piece * RATE) * 2
        spoken, passed = 0.0, 0.0
        for number, start in enumerate(range(0, len(pcm), size)):
            part = pcm[start : start + size]
            spoken += len(part) / 2 / RATE
            arrives = spoken + late[number % len(late)]
            if arrives > passed:
                await self._live.pass_time(arrives - passed)
                passed = arrives
            await self.send(part)

    async def sync(self) -> None:
        """Wait until the simulator has processed all messages; store what it sends."""
        if self._socket.closed:
            return
        await self._socket.ping(b"sync")
        while self.closed is None:
            message = await asyncio.wait_for(self._socket.receive(), 5)
            if message.type is aiohttp.WSMsgType.PONG:
                return
            if message.type is aiohttp.WSMsgType.BINARY:
                self.heard.append(message.data)
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                self.closed = self._socket.close_code

    async def close_code(self) -> int | None:
        """Return the code with which the simulator closes the connection."""
        while self.closed is None:
            message = await asyncio.wait_for(self._socket.receive(), 5)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                self.closed = self._socket.close_code
        return self.closed

    async def close(self) -> None:
        await self._socket.close()
        await asyncio.sleep(0.02)


class LiveHarness:
    """A harness with a running clock, whose real time the test controls."""

    def __init__(self) -> None:
        self.harness: SimulatorHarness
        self._now = 1000.0
        self._websockets: list[aiohttp.ClientWebSocketResponse] = []

    def monotonic(self) -> float:
        """Return the real time, as the simulator sees it."""
        return self._now

    async def run(self) -> None:
        """Start the clock."""
        await self.harness.control("POST", "/clock", {"speed": 1})

    async def stop(self) -> None:
        """Stop the clock, so that it can be stepped."""
        await self.harness.control("POST", "/clock", {"speed": 0})

    async def close(self) -> None:
        for websocket in self._websockets:
            await websocket.close()

    async def pass_time(self, seconds: float) -> None:
        """Move the real time forward while the clock is running."""
        self._now += seconds
        await self.run()
        await self.harness.simulator.clock.settle()

    async def microphone(self, call: HarnessCall, **headers: str) -> MicrophoneSocket:
        """Connect a microphone to a leg."""
        url = f"{self.harness.simulator.http_url}/sim/calls/{call.uuid}/audio"
        websocket = await self.harness.client.ws_connect(url, autoping=False, headers=headers)
        self._websockets.append(websocket)
        return MicrophoneSocket(self, websocket)

    async def refusal(self, uuid: str, **headers: str) -> int:
        """Return the status with which a connection is rejected."""
        url = f"{self.harness.simulator.http_url}/sim/calls/{uuid}/audio"
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await self.harness.client.ws_connect(url, headers=headers)
        return caught.value.status

    async def receive_call(self, *actions: dict[str, Any]) -> HarnessCall:
        """Call the number, then start the clock."""
        await self.stop()
        call = await self.harness.receive_call(list(actions))
        await self.run()
        return call

    async def connected(self, *before: dict[str, Any]) -> tuple[HarnessCall, HarnessCall]:
        """Return two legs that hear each other."""
        await self.stop()
        call = await self.harness.receive_call([*before, CONNECT])
        await self.harness.step(2)
        await self.run()
        return call, await self.harness.called_leg()

    async def recordings(self, seconds: float = 5) -> list[list["array[int]"]]:
        """Return the channels of each reported recording, after some time."""
        await self.stop()
        await self.harness.step(seconds)
        found = []
        for body in self.harness.events():
            if "recording_url" in body:
                path = "/v1/" + body["recording_url"].partition("/v1/")[2]
                found.append(channels((await self.harness.api("GET", path)).raw))
        return found


def channels(content: bytes) -> list["array[int]"]:
    with wave.open(io.BytesIO(content)) as reader:
        samples = array("h", reader.readframes(reader.getnframes()))
        return [samples[n :: reader.getnchannels()] for n in range(reader.getnchannels())]


def at(samples: "array[int]", begin: float, seconds: float) -> bytes:
    """Return a part of a channel."""
    first = round(begin * RATE)
    return samples[first : first + round(seconds * RATE)].tobytes()


@pytest.fixture
async def live(make_harness: Callable[..., Any]) -> AsyncIterator[LiveHarness]:
    one = LiveHarness()
    one.harness = await make_harness(monotonic=one.monotonic)
    yield one
    await one.close()


def record(**options: Any) -> dict[str, Any]:
    """Return a record action with wav format."""
    return {"action": "record", "format": "wav"} | options


# Who hears a voice


async def test_a_voice_is_a_sound_of_the_leg_that_others_hear(live: LiveHarness) -> None:
    call, other = await live.connected()
    microphone = await live.microphone(call)
    await microphone.say(tone(1))
    (own,) = (await call.view())["said"]
    (heard,) = await other.heard("audio")
    assert own["from"] == heard["from"] == call.uuid
    assert (own["from_ms"], own["to_ms"]) == (2000, 3000)
    assert heard["to_ms"] - heard["from_ms"] == 1000


async def test_a_voice_reaches_the_microphone_of_another_leg_with_its_uuid(
    live: LiveHarness,
) -> None:
    call, other = await live.connected()
    microphone, ear = await live.microphone(call), await live.microphone(other)
    await microphone.say(tone(0.2))
    await ear.sync()
    assert ear.heard == [
        call.uuid.encode().ljust(36) + tone(0.2)[:3200],
        call.uuid.encode().ljust(36) + tone(0.2)[3200:],
    ]
    assert microphone.heard == []


@pytest.mark.parametrize(("deaf", "action"), [(False, "mute"), (True, "earmuff")])
async def test_a_voice_is_not_heard_when_muted_or_earmuffed(
    live: LiveHarness, deaf: bool, action: str
) -> None:
    call, other = await live.connected()
    microphone, ear = await live.microphone(call), await live.microphone(other)
    assert (
        await live.harness.api(
            "PUT", f"/v1/calls/{(other if deaf else call).uuid}", {"action": action}
        )
    ).status == 204
    await microphone.say(tone(0.5))
    await ear.sync()
    assert ear.heard == []
    assert await other.heard("audio") == []


async def test_a_voice_in_a_conversation_is_heard_according_to_can_hear(live: LiveHarness) -> None:
    speaker, listener = await live.receive_call(ROOM), await live.receive_call(ROOM)
    deaf = await live.receive_call(ROOM | {"canHear": [listener.uuid]})
    microphone = await live.microphone(speaker)
    await microphone.say(tone(0.5))
    assert len(await listener.heard("audio")) == 1
    assert await deaf.heard("audio") == []
    assert (await live.harness.entries("voice"))[0]["heard_by"] == [listener.uuid]


async def test_an_earmuffed_listener_hears_what_was_said_before_and_after(
    live: LiveHarness,
) -> None:
    call, other = await live.connected()
    microphone = await live.microphone(call)
    await microphone.say(tone(1))
    await live.harness.api("PUT", f"/v1/calls/{other.uuid}", {"action": "earmuff"})
    await microphone.say(tone(1))
    await live.harness.api("PUT", f"/v1/calls/{other.uuid}", {"action": "unearmuff"})
    await microphone.say(tone(1))
    lengths = [sound["to_ms"] - sound["from_ms"] for sound in await other.heard("audio")]
    assert lengths == [1000, 1000]


async def test_a_voice_before_the_answer_is_not_heard(live: LiveHarness) -> None:
    await live.harness.callee(behaviour="manual")
    await live.stop()
    await live.harness.receive_call([CONNECT])
    await live.harness.step(1)
    called = await live.harness.called_leg()
    await live.run()
    microphone = await live.microphone(called)
    await microphone.say(tone(1))
    await microphone.send_transcript("hello")
    assert (await called.view())["said"] == []
    assert await live.harness.entries("voice") == []


# Recordings


async def test_a_recording_contains_the_real_voice_at_the_time_it_was_said(
    live: LiveHarness,
) -> None:
    call = await live.receive_call(record(endOnKey="#"))
    microphone = await live.microphone(call)
    await live.pass_time(1)
    await microphone.say(tone(2))
    await live.pass_time(1)
    await call.press("#")
    ((channel,),) = await live.recordings()
    assert len(channel) == 4 * RATE
    assert at(channel, 0, 1) == quiet(1)
    assert at(channel, 1, 2) == tone(2)
    assert at(channel, 3, 1) == quiet(1)


@pytest.mark.parametrize(
    ("piece", "late"),
    [
        pytest.param(0.02, (0.0, 0.015, 0.005), id="short pieces"),
        pytest.param(0.1, (0.0, 0.08, 0.0, 0.25, 0.1), id="pieces that arrive in bursts"),
        pytest.param(0.1, (0.25, 0.0, 0.1), id="a late first piece"),
        pytest.param(1.0, (0.0, 0.2), id="long pieces"),
    ],
)
async def test_a_recording_has_no_gaps_or_overlaps_from_jitter(
    live: LiveHarness, piece: float, late: tuple[float, ...]
) -> None:
    call = await live.receive_call(record(endOnKey="#"))
    microphone = await live.microphone(call)
    await live.pass_time(1)
    await microphone.say(tone(3), piece, late)
    await live.pass_time(1)
    await call.press("#")
    ((channel,),) = await live.recordings()
    begin = 1 + late[0]
    assert at(channel, begin, 3) == tone(3)


async def test_a_pause_is_recorded_as_silence(live: LiveHarness) -> None:
    call = await live.receive_call(record(endOnKey="#"))
    microphone = await live.microphone(call)
    await microphone.say(tone(1))
    await live.pass_time(0.5)
    await microphone.say(tone(1))
    await call.press("#")
    ((channel,),) = await live.recordings()
    assert channel.tobytes() == tone(1) + quiet(0.5) + tone(1)


async def test_a_voice_that_began_before_the_recording_is_recorded_from_its_start(
    live: LiveHarness,
) -> None:
    call = await live.receive_call({"action": "wait", "timeout": 2}, record(endOnKey="#"))
    microphone = await live.microphone(call)
    await microphone.say(tone(3), piece=0.125)
    await call.press("#")
    ((channel,),) = await live.recordings()
    assert channel.tobytes() == tone(3)[2 * RATE * 2 :]


async def test_a_split_recording_has_each_voice_on_its_channel(live: LiveHarness) -> None:
    call, other = await live.connected(record(split="conversation", channels=3))
    first, second = await live.microphone(call), await live.microphone(other)
    await first.say(tone(1, 300))
    await second.say(tone(1, 500))
    await live.stop()
    await call.hang_up()
    ((left, right, unused),) = await live.recordings()
    assert at(left, 2, 2) == tone(1, 300) + quiet(1)
    assert at(right, 2, 2) == quiet(1) + tone(1, 500)
    assert at(unused, 0, 4) == quiet(4)


async def test_a_split_recording_has_the_speaker_left_and_what_they_hear_right(
    live: LiveHarness,
) -> None:
    call, other = await live.connected(record(split="conversation"))
    first, second = await live.microphone(call), await live.microphone(other)
    await first.say(tone(1, 300))
    await second.say(tone(1, 500))
    await live.stop()
    await call.hang_up()
    ((left, right),) = await live.recordings()
    assert at(left, 2, 2) == tone(1, 300) + quiet(1)
    assert at(right, 3, 1) == tone(1, 500)


async def test_a_conversation_recording_mixes_all_voices_even_of_legs_that_left(
    live: LiveHarness,
) -> None:
    first = await live.receive_call(ROOM | {"record": True})
    second = await live.receive_call(ROOM)
    one, two = await live.microphone(first), await live.microphone(second)
    for start in range(0, 32_000, 3200):
        await live.pass_time(0.1)
        await one.send(tone(1, 300)[start : start + 3200])
        await two.send(tone(1, 500)[start : start + 3200])
    await live.stop()
    await second.hang_up()
    await first.hang_up()
    await live.harness.step(5)
    (body,) = [body for body in live.harness.events() if "recording_url" in body]
    # MP3 samples cannot be compared exactly, but voices have more distinct bytes than silence.
    path = "/v1/" + body["recording_url"].partition("/v1/")[2]
    content = (await live.harness.api("GET", path)).raw
    assert len(content) == body["size"]
    assert len(set(content[1000:3000])) > 50


async def test_voices_at_the_same_time_are_mixed_in_one_channel(live: LiveHarness) -> None:
    call, other = await live.connected(record())
    one, two = await live.microphone(call), await live.microphone(other)
    voices = array("h", tone(1, 300)), array("h", tone(1, 500))
    for start in range(0, 32_000, 3200):
        await live.pass_time(0.1)
        await one.send(voices[0].tobytes()[start : start + 3200])
        await two.send(voices[1].tobytes()[start : start + 3200])
    await live.stop()
    await call.hang_up()
    ((channel,),) = await live.recordings()
    together = array("h", (first + second for first, second in zip(*voices, strict=True)))
    assert at(channel, 2, 1) == together.tobytes()


async def test_a_muted_voice_is_not_recorded(live: LiveHarness) -> None:
    call, _ = await live.connected(record())
    microphone = await live.microphone(call)
    await live.harness.api("PUT", f"/v1/calls/{call.uuid}", {"action": "mute"})
    await microphone.say(tone(1))
    await live.stop()
    await call.hang_up()
    ((channel,),) = await live.recordings()
    assert at(channel, 2, 1) == quiet(1)


async def test_a_hangup_during_a_sound_ends_the_recording(live: LiveHarness) -> None:
    call = await live.receive_call(record(endOnKey="#"))
    microphone = await live.microphone(call)
    await microphone.say(tone(1))
    await live.pass_time(0.5)
    await microphone.send(tone(1))  # ahead of its time
    await microphone.send(tone(1))
    await live.stop()
    await call.hang_up()
    ((channel,),) = await live.recordings()
    assert len(channel) == 1.5 * RATE
    assert at(channel, 0, 1) == tone(1)
    assert all(sound["to_ms"] <= 1500 for sound in (await call.view())["said"])


async def test_audio_too_far_ahead_of_the_clock_is_dropped(live: LiveHarness) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    microphone = await live.microphone(call)
    for _ in range(20):
        await microphone.send(tone(1))
    sounds = (await call.view())["said"]
    assert sum(sound["to_ms"] - sound["from_ms"] for sound in sounds) <= 2000


async def test_save_audio_of_an_input_stores_the_voice(live: LiveHarness) -> None:
    listen = {"action": "input", "type": ["speech"], "speech": {"saveAudio": True}}
    call = await live.receive_call(listen)
    microphone = await live.microphone(call)
    await microphone.say(tone(2))
    await microphone.send_transcript("yes")
    await live.stop()
    await live.harness.step(5)
    (body,) = [body for body in live.harness.events() if "speech" in body]
    path = "/v1/" + body["speech"]["recording_url"].partition("/v1/")[2]
    content = (await live.harness.api("GET", path)).raw
    assert len(set(content[1000:4000])) > 50


def stored_sample_bytes() -> int:
    """Return how much real audio is in memory."""
    gc.collect()
    return sum(len(one.pcm) for one in gc.get_objects() if type(one) is Samples)


async def test_samples_are_stored_only_while_they_are_recorded(live: LiveHarness) -> None:
    call = await live.receive_call(record(endOnKey="#"), talk("goes on", loop=0))
    microphone = await live.microphone(call)
    await microphone.say(tone(12), piece=1)
    recorded = stored_sample_bytes()
    await call.press("#")
    await live.pass_time(0)
    await microphone.say(tone(12), piece=1)
    afterwards = stored_sample_bytes()
    assert recorded == 12 * 32_000
    assert afterwards == 0


async def test_samples_of_an_ended_leg_are_stored_while_its_conversation_is_recorded(
    live: LiveHarness,
) -> None:
    stayer = await live.receive_call(ROOM | {"record": True})
    leaver = await live.receive_call(ROOM)
    microphone = await live.microphone(leaver)
    await microphone.say(tone(2))
    await live.stop()
    await leaver.hang_up()
    while_recorded = stored_sample_bytes()
    await stayer.hang_up()
    await live.harness.step(5)
    assert (while_recorded, stored_sample_bytes()) == (2 * 32_000, 0)


async def test_samples_of_a_stream_are_released_after_the_call(harness: SimulatorHarness) -> None:
    harness.on("/prompt.wav", web.Response(body=wav(10)))
    stream = {"action": "stream", "streamUrl": [harness.url("/prompt.wav")]}
    call = await harness.receive_call([{"action": "record"}, stream])
    await harness.step(5)
    assert stored_sample_bytes() == 10 * 32_000
    await call.hang_up()
    await harness.step(5)
    assert stored_sample_bytes() == 0


# Voice activity


async def test_a_voice_is_detected_by_its_loudness(live: LiveHarness) -> None:
    call, other = await live.connected()
    microphone = await live.microphone(call)
    await microphone.say(quiet(1) + tone(1) + quiet(1) + tone(1) + quiet(1))
    entries = await live.harness.entries("voice")
    assert [(one["uuid"], one["state"], one["heard_by"]) for one in entries] == [
        (call.uuid, "started", [other.uuid]),
        (call.uuid, "ended", [other.uuid]),
    ] * 2


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(tone(1, loudness=100), id="room noise"),
        pytest.param((tone(0.02) + quiet(0.18)) * 5, id="clicks"),
    ],
)
async def test_noise_is_not_a_voice(live: LiveHarness, noise: bytes) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    microphone = await live.microphone(call)
    await microphone.say(noise)
    assert await live.harness.entries("voice") == []


async def test_short_silences_do_not_end_a_voice(live: LiveHarness) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    microphone = await live.microphone(call)
    await microphone.say((tone(0.3) + quiet(0.4)) * 4)
    assert [one["state"] for one in await live.harness.entries("voice")] == ["started"]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_voice_ends_when_no_more_audio_arrives(live: LiveHarness, leaves: bool) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    microphone = await live.microphone(call)
    await microphone.say(tone(1))
    if leaves:
        await microphone.close()
    else:
        await live.pass_time(2)
    states = [one["state"] for one in await live.harness.entries("voice")]
    assert states == ["started", "ended"]


async def test_a_voice_stops_a_prompt_with_bargein(live: LiveHarness) -> None:
    listen = {"action": "input", "type": ["speech"]}
    call = await live.receive_call(talk(words(80), bargeIn=True), listen)
    microphone = await live.microphone(call)
    await microphone.say(quiet(1) + tone(0.5))
    (prompt,) = await call.heard("talk")
    assert prompt["to_ms"] == pytest.approx(1100, abs=50)


async def test_a_voice_does_not_stop_a_prompt_without_bargein(live: LiveHarness) -> None:
    call = await live.receive_call(talk(words(80)))
    microphone = await live.microphone(call)
    await microphone.say(tone(1))
    (prompt,) = await call.heard("talk")
    assert prompt["to_ms"] is None


async def test_a_voice_keeps_a_recording_from_ending_on_silence(live: LiveHarness) -> None:
    call = await live.receive_call(record(endOnSilence=3), talk("thank you", loop=0))
    microphone = await live.microphone(call)
    await microphone.say(quiet(1) + tone(5) + quiet(2.9))
    assert await call.texts() == []
    await microphone.say(quiet(0.2))
    assert await call.texts() == ["thank you"]


async def test_silence_counts_from_the_last_of_voice_and_speech(live: LiveHarness) -> None:
    call = await live.receive_call(record(endOnSilence=3), talk("thank you", loop=0))
    microphone = await live.microphone(call)
    await call.say(words(8))  # until second 3
    await microphone.say(tone(2.8) + quiet(3.1))
    assert await call.texts() == []
    await microphone.say(quiet(0.2))
    assert await call.texts() == ["thank you"]


async def test_a_voice_without_a_transcript_neither_begins_nor_ends_an_input(
    live: LiveHarness,
) -> None:
    speech = {"startTimeout": 5}
    call = await live.receive_call({"action": "input", "type": ["speech"], "speech": speech})
    microphone = await live.microphone(call)
    await microphone.say(tone(1) + quiet(3.9))
    assert not [body for body in live.harness.events() if "speech" in body]
    await live.stop()
    await live.harness.step(0.2)
    (body,) = [body for body in live.harness.events() if "speech" in body]
    assert body["speech"] == {"timeout_reason": "start_timeout", "results": []}


# Transcripts


async def test_a_transcript_is_speech_without_another_sound(live: LiveHarness) -> None:
    call, other = await live.connected()
    microphone, ear = await live.microphone(call), await live.microphone(other)
    await microphone.say(tone(1) + quiet(0.5))
    heard = await other.heard()
    await microphone.send_transcript("yes")
    (speech,) = await live.harness.entries("speech")
    assert (speech["text"], speech["heard_by"], speech["recognised"]) == ("yes", [], True)
    assert speech["seconds"] == pytest.approx(1, abs=0.05)
    assert await other.heard() == heard
    await ear.sync()
    assert len(ear.heard) == 15


async def test_a_transcript_is_the_result_of_an_input(live: LiveHarness) -> None:
    listen = {"action": "input", "type": ["speech"], "speech": {"endOnSilence": 2}}
    call = await live.receive_call(listen)
    microphone = await live.microphone(call)
    await microphone.say(tone(1) + quiet(1))
    await microphone.send_transcript("yes please")
    await live.stop()
    await live.harness.step(0.9)
    assert not [body for body in live.harness.events() if "speech" in body]
    await live.harness.step(0.2)  # two seconds after the voice
    (body,) = [body for body in live.harness.events() if "speech" in body]
    assert body["speech"]["results"][0]["text"] == "yes please"


async def test_a_transcript_without_a_voice_is_recognized(live: LiveHarness) -> None:
    call = await live.receive_call({"action": "input", "type": ["speech"]})
    microphone = await live.microphone(call)
    await live.pass_time(1)
    await microphone.send_transcript("typed")
    await live.stop()
    await live.harness.step(5)
    (body,) = [body for body in live.harness.events() if "speech" in body]
    assert body["speech"]["results"][0]["text"] == "typed"


async def test_a_late_transcript_does_not_stop_the_next_prompt(live: LiveHarness) -> None:
    stay = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 10}}
    call = await live.receive_call(talk(words(4)), talk(words(80), bargeIn=True), stay)
    microphone = await live.microphone(call)
    await microphone.say(tone(1) + quiet(1))
    await microphone.send_transcript("what was that")
    prompts = await call.heard("talk")
    assert [prompt["to_ms"] is None for prompt in prompts] == [False, True]


async def test_a_transcript_is_in_the_transcription_of_the_recording(live: LiveHarness) -> None:
    call = await live.receive_call(record(endOnKey="#", transcription={}))
    microphone = await live.microphone(call)
    await microphone.say(tone(1) + quiet(0.5))
    await microphone.send_transcript("good morning")
    await call.press("#")
    ((channel,),) = await live.recordings(20)
    assert at(channel, 0, 1) == tone(1)
    (body,) = [body for body in live.harness.events() if "transcription_url" in body]
    path = "/v1/" + body["transcription_url"].partition("/v1/")[2]
    document = (await live.harness.api("GET", path)).json
    assert document["channels"][0]["transcript"][0]["sentence"] == "good morning"


# The connection


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param(b"\x01", 1003, id="half a sample"),
        pytest.param(quiet(1) + b"\x00\x00", 1009, id="more than a second"),
        pytest.param(quiet(3), 1009, id="more than a message can hold"),
        pytest.param("{", 1003, id="not JSON"),
        pytest.param("[" * 10_000, 1003, id="deep JSON"),
        pytest.param("[]", 1003, id="not an object"),
        pytest.param('{"text": 5}', 1003, id="no text"),
        pytest.param('{"text": " "}', 1003, id="an empty text"),
        pytest.param(json.dumps({"text": "x" * 10_001}), 1009, id="a long text"),
    ],
)
async def test_bad_messages_close_the_connection(
    live: LiveHarness, message: bytes | str, code: int
) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    microphone = await live.microphone(call)
    await microphone.send(message)
    assert await microphone.close_code() == code
    assert await call.status() == "answered"
    assert (await call.view())["said"] == []


async def test_the_connection_is_closed_with_1000_when_the_leg_ends(live: LiveHarness) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    microphone = await live.microphone(call)
    await microphone.say(tone(1))
    await live.stop()
    await call.hang_up()
    assert await microphone.close_code() == 1000
    assert [one["state"] for one in await live.harness.entries("voice")] == ["started", "ended"]


async def test_a_newer_microphone_replaces_an_older_one(live: LiveHarness) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    older = await live.microphone(call)
    newer = await live.microphone(call)
    assert await older.close_code() == 1008
    await newer.say(tone(1))
    assert newer.closed is None
    assert len((await call.view())["said"]) == 1


async def test_a_microphone_requires_a_leg_in_progress_and_a_clock_at_speed_1(
    live: LiveHarness,
) -> None:
    call = await live.receive_call()
    assert await live.refusal("unknown") == 404
    await live.stop()
    await live.harness.step(2)
    await live.run()
    assert await live.refusal(call.uuid) == 409  # it has ended
    call = await live.receive_call(talk("hello", loop=0))
    await live.stop()
    assert await live.refusal(call.uuid) == 409


async def test_a_microphone_is_closed_when_the_clock_changes_its_speed(live: LiveHarness) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    microphone = await live.microphone(call)
    await live.stop()
    await microphone.send(quiet(0.1))
    assert await microphone.close_code() == 1008


async def test_a_microphone_of_another_origin_is_403(live: LiveHarness) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    for origin in ("https://attacker.example", "http://localhost:3000"):
        assert await live.refusal(call.uuid, Origin=origin) == 403


async def test_a_request_that_is_not_a_websocket_is_400(live: LiveHarness) -> None:
    call = await live.receive_call(talk("hello", loop=0))
    assert (await live.harness.control("GET", f"/calls/{call.uuid}/audio")).status == 400


# WebSocket legs


async def test_a_websocket_leg_hears_the_real_voice_and_has_no_microphone(
    live: LiveHarness,
    socket: tuple[Socket, str],  # noqa: F811 the fixture
) -> None:
    server, uri = socket
    await live.stop()
    call = await live.harness.receive_call([connect(uri)])
    await live.harness.step(0.1)
    leg = await live.harness.called_leg()
    await live.run()
    assert await live.refusal(leg.uuid) == 409
    microphone = await live.microphone(call)
    await asyncio.sleep(0.05)
    before = len(server.frames)
    await microphone.send(tone(0.2))
    await live.pass_time(0.3)
    await asyncio.sleep(0.05)
    assert tone(0.2) in b"".join(server.frames[before:])
