"""The microphone of a person on a leg: /sim/calls/{uuid}/audio. Time runs when a test says so."""

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
    """A voice: a tone that never repeats itself exactly, so that each part of it is told apart."""
    samples = (
        round(loudness * math.sin(2 * math.pi * frequency * n / RATE) + n % 997)
        for n in range(round(seconds * RATE))
    )
    return array("h", samples).tobytes()


def quiet(seconds: float) -> bytes:
    """A microphone that nobody speaks into."""
    return bytes(round(seconds * RATE) * 2)


class MicrophoneSocket:
    """A page's connection to a leg."""

    def __init__(self, world: "World", line: aiohttp.ClientWebSocketResponse) -> None:
        self._world = world
        self._socket = line
        self.heard: list[bytes] = []
        self.closed: int | None = None

    async def send(self, message: bytes | str) -> None:
        """Send a message, and let it be taken in."""
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(message)
        await self.sync()

    async def mean(self, text: str) -> None:
        """Say what the voice meant."""
        await self.send(json.dumps({"text": text}))

    async def say(self, pcm: bytes, piece: float = 0.1, late: tuple[float, ...] = (0.0,)) -> None:
        """Speak: pieces of audio leave as their time comes, each held up by so many seconds."""
        size = round(piece * RATE) * 2
        said, passed = 0.0, 0.0
        for number, start in enumerate(range(0, len(pcm), size)):
            part = pcm[start : start + size]
            said += len(part) / 2 / RATE
            arrives = said + late[number % len(late)]
            if arrives > passed:
                await self._world.pass_time(arrives - passed)
                passed = arrives
            await self.send(part)

    async def sync(self) -> None:
        """Wait until the platform has taken in all that was sent, keeping what it sends."""
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

    async def end(self) -> int | None:
        """The code with which the platform closes the connection."""
        while self.closed is None:
            message = await asyncio.wait_for(self._socket.receive(), 5)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                self.closed = self._socket.close_code
        return self.closed

    async def close(self) -> None:
        """Leave."""
        await self._socket.close()
        await asyncio.sleep(0.02)


class World:
    """A stage whose time is in the test's hands although its clock runs."""

    def __init__(self) -> None:
        self.stage: SimulatorHarness
        self._now = 1000.0
        self._lines: list[aiohttp.ClientWebSocketResponse] = []

    def monotonic(self) -> float:
        """The real time, as the simulator sees it."""
        return self._now

    async def run(self) -> None:
        """Let the clock run; until now it stood still."""
        await self.stage.sim("POST", "/clock", {"speed": 1})

    async def stop(self) -> None:
        """Let the clock stand still: then it can be stepped."""
        await self.stage.sim("POST", "/clock", {"speed": 0})

    async def close(self) -> None:
        """Close every connection."""
        for line in self._lines:
            await line.close()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass while the clock runs."""
        self._now += seconds
        await self.run()
        await self.stage.simulator.clock.settle()

    async def microphone(self, call: HarnessCall, **headers: str) -> MicrophoneSocket:
        """Connect one to a leg."""
        url = f"{self.stage.simulator.http_url}/sim/calls/{call.uuid}/audio"
        line = await self.stage.client.ws_connect(url, autoping=False, headers=headers)
        self._lines.append(line)
        return MicrophoneSocket(self, line)

    async def refusal(self, uuid: str, **headers: str) -> int:
        """The status with which a connection is refused."""
        url = f"{self.stage.simulator.http_url}/sim/calls/{uuid}/audio"
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await self.stage.client.ws_connect(url, headers=headers)
        return caught.value.status

    async def call(self, *actions: dict[str, Any]) -> HarnessCall:
        """Somebody calls, and from then on the clock runs."""
        await self.stop()
        call = await self.stage.ring(list(actions))
        await self.run()
        return call

    async def connected(self, *before: dict[str, Any]) -> tuple[HarnessCall, HarnessCall]:
        """Two people who hear each other."""
        await self.stop()
        call = await self.stage.ring([*before, CONNECT])
        await self.stage.step(2)
        await self.run()
        return call, await self.stage.called_leg()

    async def recordings(self, seconds: float = 5) -> list[list["array[int]"]]:
        """The channels of each recording that was reported, after some time."""
        await self.stop()
        await self.stage.step(seconds)
        found = []
        for body in self.stage.events():
            if "recording_url" in body:
                path = "/v1/" + body["recording_url"].partition("/v1/")[2]
                found.append(channels((await self.stage.api("GET", path)).raw))
        return found


def channels(content: bytes) -> list["array[int]"]:
    """The channels of a wav file."""
    with wave.open(io.BytesIO(content)) as reader:
        samples = array("h", reader.readframes(reader.getnframes()))
        return [samples[n :: reader.getnchannels()] for n in range(reader.getnchannels())]


def at(samples: "array[int]", begin: float, seconds: float) -> bytes:
    """A part of a channel."""
    first = round(begin * RATE)
    return samples[first : first + round(seconds * RATE)].tobytes()


@pytest.fixture
async def world(make_stage: Callable[..., Any]) -> AsyncIterator[World]:
    """A world."""
    one = World()
    one.stage = await make_stage(monotonic=one.monotonic)
    yield one
    await one.close()


def record(**options: Any) -> dict[str, Any]:
    """A record action, as wav."""
    return {"action": "record", "format": "wav"} | options


# What is heard


async def test_a_voice_is_a_sound_of_the_leg_that_others_hear(world: World) -> None:
    call, other = await world.connected()
    microphone = await world.microphone(call)
    await microphone.say(tone(1))
    (said,) = (await call.view())["said"]
    (heard,) = await other.heard("audio")
    assert said["from"] == heard["from"] == call.uuid
    assert (said["from_ms"], said["to_ms"]) == (2000, 3000)
    assert heard["to_ms"] - heard["from_ms"] == 1000


async def test_a_voice_reaches_the_microphone_of_another_leg_with_its_uuid(world: World) -> None:
    call, other = await world.connected()
    microphone, ear = await world.microphone(call), await world.microphone(other)
    await microphone.say(tone(0.2))
    await ear.sync()
    assert ear.heard == [
        call.uuid.encode().ljust(36) + tone(0.2)[:3200],
        call.uuid.encode().ljust(36) + tone(0.2)[3200:],
    ]
    assert microphone.heard == []


@pytest.mark.parametrize(("deaf", "action"), [(False, "mute"), (True, "earmuff")])
async def test_a_voice_is_not_heard_when_muted_or_earmuffed(
    world: World, deaf: bool, action: str
) -> None:
    call, other = await world.connected()
    microphone, ear = await world.microphone(call), await world.microphone(other)
    assert (
        await world.stage.api(
            "PUT", f"/v1/calls/{(other if deaf else call).uuid}", {"action": action}
        )
    ).status == 204
    await microphone.say(tone(0.5))
    await ear.sync()
    assert ear.heard == []
    assert await other.heard("audio") == []


async def test_a_voice_is_heard_in_a_room_by_those_who_can_hear_it(world: World) -> None:
    speaker, listener = await world.call(ROOM), await world.call(ROOM)
    deaf = await world.call(ROOM | {"canHear": [listener.uuid]})
    microphone = await world.microphone(speaker)
    await microphone.say(tone(0.5))
    assert len(await listener.heard("audio")) == 1
    assert await deaf.heard("audio") == []
    assert (await world.stage.entries("voice"))[0]["heard_by"] == [listener.uuid]


async def test_an_earmuffed_listener_hears_what_was_said_before_and_after(world: World) -> None:
    call, other = await world.connected()
    microphone = await world.microphone(call)
    await microphone.say(tone(1))
    await world.stage.api("PUT", f"/v1/calls/{other.uuid}", {"action": "earmuff"})
    await microphone.say(tone(1))
    await world.stage.api("PUT", f"/v1/calls/{other.uuid}", {"action": "unearmuff"})
    await microphone.say(tone(1))
    lengths = [sound["to_ms"] - sound["from_ms"] for sound in await other.heard("audio")]
    assert lengths == [1000, 1000]


async def test_a_voice_before_the_answer_is_not_heard(world: World) -> None:
    await world.stage.callee(behaviour="manual")
    await world.stop()
    await world.stage.ring([CONNECT])
    await world.stage.step(1)
    called = await world.stage.called_leg()
    await world.run()
    microphone = await world.microphone(called)
    await microphone.say(tone(1))
    await microphone.mean("hello")
    assert (await called.view())["said"] == []
    assert await world.stage.entries("voice") == []


# Recordings


async def test_a_recording_holds_the_real_voice_at_the_time_it_was_said(world: World) -> None:
    call = await world.call(record(endOnKey="#"))
    microphone = await world.microphone(call)
    await world.pass_time(1)
    await microphone.say(tone(2))
    await world.pass_time(1)
    await call.press("#")
    ((channel,),) = await world.recordings()
    assert len(channel) == 4 * RATE
    assert at(channel, 0, 1) == quiet(1)
    assert at(channel, 1, 2) == tone(2)
    assert at(channel, 3, 1) == quiet(1)


@pytest.mark.parametrize(
    ("piece", "late"),
    [
        pytest.param(0.02, (0.0, 0.015, 0.005), id="short pieces"),
        pytest.param(0.1, (0.0, 0.08, 0.0, 0.25, 0.1), id="pieces that come in bursts"),
        pytest.param(0.1, (0.25, 0.0, 0.1), id="a late first piece"),
        pytest.param(1.0, (0.0, 0.2), id="long pieces"),
    ],
)
async def test_a_recording_has_no_gaps_or_overlaps_from_jitter(
    world: World, piece: float, late: tuple[float, ...]
) -> None:
    call = await world.call(record(endOnKey="#"))
    microphone = await world.microphone(call)
    await world.pass_time(1)
    await microphone.say(tone(3), piece, late)
    await world.pass_time(1)
    await call.press("#")
    ((channel,),) = await world.recordings()
    begin = 1 + late[0]
    assert at(channel, begin, 3) == tone(3)


async def test_a_pause_stays_a_pause(world: World) -> None:
    call = await world.call(record(endOnKey="#"))
    microphone = await world.microphone(call)
    await microphone.say(tone(1))
    await world.pass_time(0.5)
    await microphone.say(tone(1))
    await call.press("#")
    ((channel,),) = await world.recordings()
    assert channel.tobytes() == tone(1) + quiet(0.5) + tone(1)


async def test_a_voice_that_began_before_the_recording_is_on_it_from_there(world: World) -> None:
    call = await world.call({"action": "wait", "timeout": 2}, record(endOnKey="#"))
    microphone = await world.microphone(call)
    await microphone.say(tone(3), piece=0.125)
    await call.press("#")
    ((channel,),) = await world.recordings()
    assert channel.tobytes() == tone(3)[2 * RATE * 2 :]


async def test_a_split_recording_has_each_voice_on_its_channel(world: World) -> None:
    call, other = await world.connected(record(split="conversation", channels=3))
    first, second = await world.microphone(call), await world.microphone(other)
    await first.say(tone(1, 300))
    await second.say(tone(1, 500))
    await world.stop()
    await call.hang_up()
    ((left, right, nobody),) = await world.recordings()
    assert at(left, 2, 2) == tone(1, 300) + quiet(1)
    assert at(right, 2, 2) == quiet(1) + tone(1, 500)
    assert at(nobody, 0, 4) == quiet(4)


async def test_a_split_recording_has_the_person_left_and_who_they_hear_right(world: World) -> None:
    call, other = await world.connected(record(split="conversation"))
    first, second = await world.microphone(call), await world.microphone(other)
    await first.say(tone(1, 300))
    await second.say(tone(1, 500))
    await world.stop()
    await call.hang_up()
    ((left, right),) = await world.recordings()
    assert at(left, 2, 2) == tone(1, 300) + quiet(1)
    assert at(right, 3, 1) == tone(1, 500)


async def test_a_room_is_recorded_with_all_voices_together_also_of_those_who_left(
    world: World,
) -> None:
    first = await world.call(ROOM | {"record": True})
    second = await world.call(ROOM)
    one, two = await world.microphone(first), await world.microphone(second)
    for start in range(0, 32_000, 3200):
        await world.pass_time(0.1)
        await one.send(tone(1, 300)[start : start + 3200])
        await two.send(tone(1, 500)[start : start + 3200])
    await world.stop()
    await second.hang_up()
    await first.hang_up()
    await world.stage.step(5)
    (body,) = [body for body in world.stage.events() if "recording_url" in body]
    # An mp3: its samples cannot be compared, but two voices are more bytes than silence is.
    path = "/v1/" + body["recording_url"].partition("/v1/")[2]
    content = (await world.stage.api("GET", path)).raw
    assert len(content) == body["size"]
    assert len(set(content[1000:3000])) > 50


async def test_voices_at_the_same_time_are_mixed_in_one_channel(world: World) -> None:
    call, other = await world.connected(record())
    one, two = await world.microphone(call), await world.microphone(other)
    voices = array("h", tone(1, 300)), array("h", tone(1, 500))
    for start in range(0, 32_000, 3200):
        await world.pass_time(0.1)
        await one.send(voices[0].tobytes()[start : start + 3200])
        await two.send(voices[1].tobytes()[start : start + 3200])
    await world.stop()
    await call.hang_up()
    ((channel,),) = await world.recordings()
    together = array("h", (first + second for first, second in zip(*voices, strict=True)))
    assert at(channel, 2, 1) == together.tobytes()


async def test_a_muted_voice_is_not_recorded(world: World) -> None:
    call, _ = await world.connected(record())
    microphone = await world.microphone(call)
    await world.stage.api("PUT", f"/v1/calls/{call.uuid}", {"action": "mute"})
    await microphone.say(tone(1))
    await world.stop()
    await call.hang_up()
    ((channel,),) = await world.recordings()
    assert at(channel, 2, 1) == quiet(1)


async def test_a_hangup_amid_a_sound_ends_the_recording_there(world: World) -> None:
    call = await world.call(record(endOnKey="#"))
    microphone = await world.microphone(call)
    await microphone.say(tone(1))
    await world.pass_time(0.5)
    await microphone.send(tone(1))  # ahead of its time
    await microphone.send(tone(1))
    await world.stop()
    await call.hang_up()
    ((channel,),) = await world.recordings()
    assert len(channel) == 1.5 * RATE
    assert at(channel, 0, 1) == tone(1)
    assert all(sound["to_ms"] <= 1500 for sound in (await call.view())["said"])


async def test_audio_faster_than_time_is_dropped(world: World) -> None:
    call = await world.call(talk("hello", loop=0))
    microphone = await world.microphone(call)
    for _ in range(20):
        await microphone.send(tone(1))
    said = (await call.view())["said"]
    assert sum(sound["to_ms"] - sound["from_ms"] for sound in said) <= 2000


async def test_save_audio_of_an_input_keeps_the_voice(world: World) -> None:
    listen = {"action": "input", "type": ["speech"], "speech": {"saveAudio": True}}
    call = await world.call(listen)
    microphone = await world.microphone(call)
    await microphone.say(tone(2))
    await microphone.mean("yes")
    await world.stop()
    await world.stage.step(5)
    (body,) = [body for body in world.stage.events() if "speech" in body]
    path = "/v1/" + body["speech"]["recording_url"].partition("/v1/")[2]
    content = (await world.stage.api("GET", path)).raw
    assert len(set(content[1000:4000])) > 50


def bytes_kept() -> int:
    """How much real audio is held anywhere."""
    gc.collect()
    return sum(len(one.pcm) for one in gc.get_objects() if type(one) is Samples)


async def test_samples_are_kept_only_while_they_are_recorded(world: World) -> None:
    call = await world.call(record(endOnKey="#"), talk("goes on", loop=0))
    microphone = await world.microphone(call)
    await microphone.say(tone(12), piece=1)
    recorded = bytes_kept()
    await call.press("#")
    await world.pass_time(0)
    await microphone.say(tone(12), piece=1)
    afterwards = bytes_kept()
    assert recorded == 12 * 32_000
    assert afterwards == 0


async def test_samples_of_a_leg_that_ended_stay_while_its_room_is_recorded(world: World) -> None:
    stayer = await world.call(ROOM | {"record": True})
    leaver = await world.call(ROOM)
    microphone = await world.microphone(leaver)
    await microphone.say(tone(2))
    await world.stop()
    await leaver.hang_up()
    while_recorded = bytes_kept()
    await stayer.hang_up()
    await world.stage.step(5)
    assert (while_recorded, bytes_kept()) == (2 * 32_000, 0)


async def test_samples_of_a_stream_are_gone_after_the_call(stage: SimulatorHarness) -> None:
    stage.on("/prompt.wav", web.Response(body=wav(10)))
    stream = {"action": "stream", "streamUrl": [stage.url("/prompt.wav")]}
    call = await stage.ring([{"action": "record"}, stream])
    await stage.step(5)
    assert bytes_kept() == 10 * 32_000
    await call.hang_up()
    await stage.step(5)
    assert bytes_kept() == 0


# Whether somebody speaks


async def test_a_voice_is_told_from_its_loudness(world: World) -> None:
    call, other = await world.connected()
    microphone = await world.microphone(call)
    await microphone.say(quiet(1) + tone(1) + quiet(1) + tone(1) + quiet(1))
    entries = await world.stage.entries("voice")
    assert [(one["uuid"], one["state"], one["heard_by"]) for one in entries] == [
        (call.uuid, "started", [other.uuid]),
        (call.uuid, "ended", [other.uuid]),
    ] * 2


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(tone(1, loudness=100), id="a room"),
        pytest.param((tone(0.02) + quiet(0.18)) * 5, id="clicks"),
    ],
)
async def test_noise_is_no_voice(world: World, noise: bytes) -> None:
    call = await world.call(talk("hello", loop=0))
    microphone = await world.microphone(call)
    await microphone.say(noise)
    assert await world.stage.entries("voice") == []


async def test_short_silences_do_not_end_a_voice(world: World) -> None:
    call = await world.call(talk("hello", loop=0))
    microphone = await world.microphone(call)
    await microphone.say((tone(0.3) + quiet(0.4)) * 4)
    assert [one["state"] for one in await world.stage.entries("voice")] == ["started"]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_voice_ends_when_no_more_audio_comes(world: World, leaves: bool) -> None:
    call = await world.call(talk("hello", loop=0))
    microphone = await world.microphone(call)
    await microphone.say(tone(1))
    if leaves:
        await microphone.close()
    else:
        await world.pass_time(2)
    states = [one["state"] for one in await world.stage.entries("voice")]
    assert states == ["started", "ended"]


async def test_a_voice_stops_a_prompt_that_lets_it(world: World) -> None:
    listen = {"action": "input", "type": ["speech"]}
    call = await world.call(talk(words(80), bargeIn=True), listen)
    microphone = await world.microphone(call)
    await microphone.say(quiet(1) + tone(0.5))
    (prompt,) = await call.heard("talk")
    assert prompt["to_ms"] == pytest.approx(1100, abs=50)


async def test_a_voice_does_not_stop_a_prompt_without_bargein(world: World) -> None:
    call = await world.call(talk(words(80)))
    microphone = await world.microphone(call)
    await microphone.say(tone(1))
    (prompt,) = await call.heard("talk")
    assert prompt["to_ms"] is None


async def test_a_voice_keeps_a_recording_from_ending_on_silence(world: World) -> None:
    call = await world.call(record(endOnSilence=3), talk("thank you", loop=0))
    microphone = await world.microphone(call)
    await microphone.say(quiet(1) + tone(5) + quiet(2.9))
    assert await call.texts() == []
    await microphone.say(quiet(0.2))
    assert await call.texts() == ["thank you"]


async def test_silence_counts_from_the_last_of_voice_and_speech(world: World) -> None:
    call = await world.call(record(endOnSilence=3), talk("thank you", loop=0))
    microphone = await world.microphone(call)
    await call.say(words(8))  # until second 3
    await microphone.say(tone(2.8) + quiet(3.1))
    assert await call.texts() == []
    await microphone.say(quiet(0.2))
    assert await call.texts() == ["thank you"]


async def test_a_voice_without_words_neither_begins_nor_ends_an_input(world: World) -> None:
    speech = {"startTimeout": 5}
    call = await world.call({"action": "input", "type": ["speech"], "speech": speech})
    microphone = await world.microphone(call)
    await microphone.say(tone(1) + quiet(3.9))
    assert not [body for body in world.stage.events() if "speech" in body]
    await world.stop()
    await world.stage.step(0.2)
    (body,) = [body for body in world.stage.events() if "speech" in body]
    assert body["speech"] == {"timeout_reason": "start_timeout", "results": []}


# What was meant


async def test_words_are_recognised_speech_without_another_sound(world: World) -> None:
    call, other = await world.connected()
    microphone, ear = await world.microphone(call), await world.microphone(other)
    await microphone.say(tone(1) + quiet(0.5))
    heard = await other.heard()
    await microphone.mean("yes")
    (speech,) = await world.stage.entries("speech")
    assert (speech["text"], speech["heard_by"], speech["recognised"]) == ("yes", [], True)
    assert speech["seconds"] == pytest.approx(1, abs=0.05)
    assert await other.heard() == heard
    await ear.sync()
    assert len(ear.heard) == 15


async def test_words_are_what_an_input_waits_for(world: World) -> None:
    listen = {"action": "input", "type": ["speech"], "speech": {"endOnSilence": 2}}
    call = await world.call(listen)
    microphone = await world.microphone(call)
    await microphone.say(tone(1) + quiet(1))
    await microphone.mean("yes please")
    await world.stop()
    await world.stage.step(0.9)
    assert not [body for body in world.stage.events() if "speech" in body]
    await world.stage.step(0.2)  # two seconds after the voice
    (body,) = [body for body in world.stage.events() if "speech" in body]
    assert body["speech"]["results"][0]["text"] == "yes please"


async def test_words_without_a_voice_are_recognised_too(world: World) -> None:
    call = await world.call({"action": "input", "type": ["speech"]})
    microphone = await world.microphone(call)
    await world.pass_time(1)
    await microphone.mean("typed")
    await world.stop()
    await world.stage.step(5)
    (body,) = [body for body in world.stage.events() if "speech" in body]
    assert body["speech"]["results"][0]["text"] == "typed"


async def test_words_that_come_late_do_not_stop_the_next_prompt(world: World) -> None:
    stay = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 10}}
    call = await world.call(talk(words(4)), talk(words(80), bargeIn=True), stay)
    microphone = await world.microphone(call)
    await microphone.say(tone(1) + quiet(1))
    await microphone.mean("what was that")
    prompts = await call.heard("talk")
    assert [prompt["to_ms"] is None for prompt in prompts] == [False, True]


async def test_words_stand_in_the_transcript(world: World) -> None:
    call = await world.call(record(endOnKey="#", transcription={}))
    microphone = await world.microphone(call)
    await microphone.say(tone(1) + quiet(0.5))
    await microphone.mean("good morning")
    await call.press("#")
    ((channel,),) = await world.recordings(20)
    assert at(channel, 0, 1) == tone(1)
    (body,) = [body for body in world.stage.events() if "transcription_url" in body]
    path = "/v1/" + body["transcription_url"].partition("/v1/")[2]
    document = (await world.stage.api("GET", path)).json
    assert document["channels"][0]["transcript"][0]["sentence"] == "good morning"


# The connection


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param(b"\x01", 1003, id="half a sample"),
        pytest.param(quiet(1) + b"\x00\x00", 1009, id="more than a second"),
        pytest.param(quiet(3), 1009, id="more than a message can hold"),
        pytest.param("{", 1003, id="no JSON"),
        pytest.param("[" * 10_000, 1003, id="deep JSON"),
        pytest.param("[]", 1003, id="no object"),
        pytest.param('{"text": 5}', 1003, id="no text"),
        pytest.param('{"text": " "}', 1003, id="an empty text"),
        pytest.param(json.dumps({"text": "x" * 10_001}), 1009, id="a long text"),
    ],
)
async def test_bad_messages_close_the_connection(
    world: World, message: bytes | str, code: int
) -> None:
    call = await world.call(talk("hello", loop=0))
    microphone = await world.microphone(call)
    await microphone.send(message)
    assert await microphone.end() == code
    assert await call.status() == "answered"
    assert (await call.view())["said"] == []


async def test_the_connection_is_closed_with_1000_when_the_leg_ends(world: World) -> None:
    call = await world.call(talk("hello", loop=0))
    microphone = await world.microphone(call)
    await microphone.say(tone(1))
    await world.stop()
    await call.hang_up()
    assert await microphone.end() == 1000
    assert [one["state"] for one in await world.stage.entries("voice")] == ["started", "ended"]


async def test_a_newer_microphone_takes_the_place_of_an_older_one(world: World) -> None:
    call = await world.call(talk("hello", loop=0))
    older = await world.microphone(call)
    newer = await world.microphone(call)
    assert await older.end() == 1008
    await newer.say(tone(1))
    assert newer.closed is None
    assert len((await call.view())["said"]) == 1


async def test_a_microphone_needs_a_leg_with_a_person_and_a_clock_at_speed_1(
    world: World,
) -> None:
    call = await world.call()
    assert await world.refusal("unknown") == 404
    await world.stop()
    await world.stage.step(2)
    await world.run()
    assert await world.refusal(call.uuid) == 409  # it has ended
    call = await world.call(talk("hello", loop=0))
    await world.stop()
    assert await world.refusal(call.uuid) == 409


async def test_a_microphone_is_closed_when_the_clock_changes_its_speed(world: World) -> None:
    call = await world.call(talk("hello", loop=0))
    microphone = await world.microphone(call)
    await world.stop()
    await microphone.send(quiet(0.1))
    assert await microphone.end() == 1008


async def test_pages_of_other_origins_get_no_microphone(world: World) -> None:
    call = await world.call(talk("hello", loop=0))
    assert await world.refusal(call.uuid, Origin="https://attacker.example") == 403


async def test_a_request_that_is_no_websocket_is_400(world: World) -> None:
    call = await world.call(talk("hello", loop=0))
    assert (await world.stage.sim("GET", f"/calls/{call.uuid}/audio")).status == 400


# WebSocket legs


async def test_a_websocket_leg_hears_the_real_voice_and_has_no_microphone(
    world: World,
    socket: tuple[Socket, str],  # noqa: F811 the fixture
) -> None:
    server, uri = socket
    await world.stop()
    call = await world.stage.ring([connect(uri)])
    await world.stage.step(0.1)
    leg = await world.stage.called_leg()
    await world.run()
    assert await world.refusal(leg.uuid) == 409
    microphone = await world.microphone(call)
    await asyncio.sleep(0.05)
    before = len(server.frames)
    await microphone.send(tone(0.2))
    await world.pass_time(0.3)
    await asyncio.sleep(0.05)
    assert tone(0.2) in b"".join(server.frames[before:])
