"""What GET /sim/events tells of a call, in enough detail to show it while it goes on."""

import json
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.harness import CALLEE, NUMBER, SimulatorHarness, talk, words
from tests.simulator.test_ncco_talk_and_stream import audio_file

CONNECT = {
    "action": "connect",
    "from": NUMBER,
    "endpoint": [{"type": "phone", "number": CALLEE}],
}


def without(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    """An entry without its id and time, and without these fields."""
    return {name: entry[name] for name in entry if name not in {"id", "at", *names}}


# Sounds


async def test_sound_has_an_id_and_its_seconds_and_its_end_is_told(stage: SimulatorHarness) -> None:
    call = await stage.ring([talk(words(8)), talk("more", loop=0)])
    await stage.step(3)
    (sound, _) = await stage.entries("sound", call.uuid)
    (ended,) = await stage.entries("sound_ended", call.uuid)
    assert without(sound) == {
        "kind": "sound",
        "uuid": call.uuid,
        "sound": "talk",
        "details": {"text": words(8), "language": "en-US"},
        "sound_id": sound["sound_id"],
        "seconds": 3.0,
        "heard_by": [call.uuid],
    }
    assert without(ended) == {
        "kind": "sound_ended",
        "uuid": call.uuid,
        "sound_id": sound["sound_id"],
        "interrupted": False,
    }
    assert ended["at"] - sound["at"] == pytest.approx(3)


async def test_sound_that_lasts_for_ever_has_null_seconds(stage: SimulatorHarness) -> None:
    await stage.ring([talk("again", loop=0)])
    (sound,) = await stage.entries("sound")
    assert sound["seconds"] is None


async def test_sound_details_of_streams_and_digits(stage: SimulatorHarness) -> None:
    stage.on("/prompt.wav", audio_file(1))
    url = stage.url("/prompt.wav")
    call = await stage.ring([{"action": "stream", "streamUrl": [url]}, talk("wait", loop=0)])
    await call.put({"digits": "12"}, "/dtmf")
    told = {one["sound"]: one["details"] for one in await stage.entries("sound")}
    assert told["stream"] == {"url": url}
    assert told["dtmf"] == {"digits": "12"}


@pytest.mark.parametrize("loop", [0, 1])
async def test_sound_that_a_hangup_cuts_off_ends_interrupted(
    stage: SimulatorHarness, loop: int
) -> None:
    call = await stage.ring([talk(words(80), loop=loop)])
    await stage.step(2)
    await call.hang_up()
    (sound,) = await stage.entries("sound")
    (ended,) = await stage.entries("sound_ended")
    assert (ended["sound_id"], ended["interrupted"]) == (sound["sound_id"], True)
    assert ended["at"] - sound["at"] == pytest.approx(2)


async def test_every_sound_ends_with_the_call(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="manual")
    call = await stage.ring([talk("first", bargeIn=True), CONNECT])
    await stage.step(2)
    await call.put({"digits": "1ppppppppp"}, "/dtmf")
    await call.put({"text": "over it", "loop": 0}, "/talk")
    await call.hang_up()
    sounds = [one["sound_id"] for one in await stage.entries("sound")]
    ended = [one["sound_id"] for one in await stage.entries("sound_ended")]
    assert len(sounds) == 4
    assert sorted(ended) == sorted(sounds)
    assert all(sound["to_ms"] == 2000 for sound in (await call.heard())[1:])


async def test_sound_that_a_key_interrupts_ends_interrupted(stage: SimulatorHarness) -> None:
    menu = {"action": "input", "type": ["dtmf"]}
    call = await stage.ring([talk(words(80), bargeIn=True), menu])
    await call.press("1")
    await stage.step(1)
    (ended,) = await stage.entries("sound_ended")
    assert ended["interrupted"] is True


async def test_sound_ends_for_a_leg_that_is_earmuffed_and_only_once(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([talk(words(8))])
    await stage.step(1)
    await call.put({"action": "earmuff"})
    await stage.step(5)
    (sound,) = await stage.entries("sound")
    (ended,) = await stage.entries("sound_ended")
    assert ended["interrupted"] is True
    assert ended["at"] - sound["at"] == pytest.approx(1)


async def test_sound_is_heard_by_nobody_on_an_earmuffed_leg(stage: SimulatorHarness) -> None:
    call = await stage.ring([{"action": "wait", "timeout": 1}, talk("hello")])
    await call.put({"action": "earmuff"})
    await stage.step(5)
    (sound,) = await stage.entries("sound")
    assert sound["heard_by"] == []
    assert len(await stage.entries("sound_ended")) == 1


async def test_heard_has_the_id_of_the_sound(stage: SimulatorHarness) -> None:
    call = await stage.ring([talk("hello")])
    (sound,) = await stage.entries("sound")
    assert [one["sound_id"] for one in await call.heard()] == [sound["sound_id"]]


# People


async def test_speech_and_digits_name_who_hears_them(stage: SimulatorHarness) -> None:
    call = await stage.ring([CONNECT])
    await stage.step(2)
    other = await stage.called_leg()
    await call.say(words(4))
    await other.press("5")
    (speech,) = await stage.entries("speech")
    (digit,) = await stage.entries("digit")
    assert (speech["seconds"], speech["heard_by"]) == (1.5, [other.uuid])
    assert digit["heard_by"] == [call.uuid]


async def test_speech_of_a_muted_leg_is_heard_by_nobody(stage: SimulatorHarness) -> None:
    call = await stage.ring([CONNECT])
    await stage.step(2)
    await call.put({"action": "mute"})
    await call.say("hello")
    (speech,) = await stage.entries("speech")
    assert speech["heard_by"] == []


# Actions


async def test_actions_tell_which_ncco_which_position_and_their_json(
    stage: SimulatorHarness,
) -> None:
    ask = {"action": "notify", "payload": {"n": 1}, "eventUrl": [stage.url("/next")]}
    stage.on("/next", [talk("instead")])
    first = talk("hello", unknown=["kept"])
    call = await stage.ring([first, ask, talk("never")])
    await stage.step(5)
    told = [
        (one["ncco"], one["position"], one["state"], one["details"])
        for one in await stage.entries("action", call.uuid)
    ]
    assert told == [
        (1, 0, "started", first),
        (1, 0, "ended", first),
        (1, 1, "started", ask),
        (1, 1, "ended", ask),
        (2, 0, "started", talk("instead")),
        (2, 0, "ended", talk("instead")),
    ]


async def test_actions_of_a_transfer_are_the_legs_next_ncco(stage: SimulatorHarness) -> None:
    call = await stage.ring([talk("hello", loop=0)])
    destination = {"type": "ncco", "ncco": [talk("there")]}
    await call.put({"action": "transfer", "destination": destination})
    started = [one for one in await stage.entries("action") if one["state"] == "started"]
    assert [(one["ncco"], one["position"]) for one in started] == [(1, 0), (2, 0)]


@pytest.mark.parametrize("odd", ["NaN", "-Infinity", "1e999"])
async def test_numbers_that_json_cannot_say_are_null_in_an_action(
    stage: SimulatorHarness, odd: str
) -> None:
    body = f'[{{"action": "talk", "text": "hello", "odd": {odd}}}]'
    stage.on("/answer", web.Response(text=body, content_type="application/json"))
    await stage.ring()
    (started,) = await stage.entries("action")
    assert started["details"] == talk("hello", odd=None)


async def test_an_action_of_great_length_is_told_without_its_json(stage: SimulatorHarness) -> None:
    await stage.ring([talk("hello", more="x" * 100_000)])
    (started,) = await stage.entries("action")
    assert (started["action"], started["details"]) == ("talk", {})


# Recordings, webhooks, knobs


async def test_recordings_tell_their_start_and_their_end(stage: SimulatorHarness) -> None:
    call = await stage.ring([{"action": "record", "timeOut": 3}])
    await stage.step(6)
    started, ended = await stage.entries("recording")
    (event,) = [body for body in stage.events() if "recording_url" in body]
    assert without(started, "recording_uuid") == {
        "kind": "recording",
        "uuid": call.uuid,
        "state": "started",
    }
    assert (ended["uuid"], ended["state"]) == (call.uuid, "ended")
    assert started["recording_uuid"] == ended["recording_uuid"] == event["recording_uuid"]
    assert ended["file_id"] in event["recording_url"]


async def test_webhooks_keep_the_headers_of_the_reply_by_lower_case_names(
    stage: SimulatorHarness,
) -> None:
    headers = {"Apigw-Requestid": "abc=", "X-Long": "x" * 2000}
    stage.on("/answer", web.Response(text="[]", content_type="application/json", headers=headers))
    await stage.ring()
    entries = [one["webhook"] for one in await stage.entries("webhook")]
    (kept,) = [one["reply"]["headers"] for one in entries if one["kind"] == "answer"]
    assert kept["apigw-requestid"] == "abc="
    assert kept["content-type"].startswith("application/json")
    assert len(kept["x-long"]) == 500


async def test_webhooks_keep_only_so_many_headers_of_a_reply(stage: SimulatorHarness) -> None:
    headers = {f"X-{number}": "x" for number in range(80)}
    stage.on("/answer", web.Response(text="[]", content_type="application/json", headers=headers))
    await stage.ring()
    entries = [one["webhook"] for one in await stage.entries("webhook")]
    (kept,) = [one["reply"]["headers"] for one in entries if one["kind"] == "answer"]
    assert len(json.dumps(kept)) < 2000
    assert len(kept) == 50


async def test_webhooks_without_a_reply_have_no_headers(stage: SimulatorHarness) -> None:
    await stage.faults(webhook_drop_before_body=1)
    await stage.ring([])
    assert (await stage.entries("webhook"))[0]["webhook"]["reply"]["headers"] == {}


async def test_changes_of_faults_callees_and_clock_are_told(stage: SimulatorHarness) -> None:
    await stage.faults(unsigned=1)
    await stage.callee(behaviour="busy")
    before = len(await stage.entries("clock"))
    await stage.sim("POST", "/clock", {"step": 1})
    assert len(await stage.entries("clock")) == before + 1
    assert len(await stage.entries("faults")) == 1
    assert len(await stage.entries("callees")) == 1
