"""GET /sim/events: enough detail to show a call while it is in progress."""

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
    """Return an entry without its id and time, and without these fields."""
    return {name: entry[name] for name in entry if name not in {"id", "at", *names}}


# Sounds


async def test_sound_has_an_id_its_seconds_and_an_end_entry(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk(words(8)), talk("more", loop=0)])
    await harness.step(3)
    (sound, _) = await harness.entries("sound", call.uuid)
    (ended,) = await harness.entries("sound_ended", call.uuid)
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


async def test_endless_sound_has_null_seconds(harness: SimulatorHarness) -> None:
    await harness.receive_call([talk("again", loop=0)])
    (sound,) = await harness.entries("sound")
    assert sound["seconds"] is None


async def test_sound_details_of_streams_and_digits(harness: SimulatorHarness) -> None:
    harness.on("/prompt.wav", audio_file(1))
    url = harness.url("/prompt.wav")
    call = await harness.receive_call(
        [{"action": "stream", "streamUrl": [url]}, talk("wait", loop=0)]
    )
    await call.put({"digits": "12"}, "/dtmf")
    details = {one["sound"]: one["details"] for one in await harness.entries("sound")}
    assert details["stream"] == {"url": url}
    assert details["dtmf"] == {"digits": "12"}


@pytest.mark.parametrize("loop", [0, 1])
async def test_sound_is_interrupted_by_a_hangup(harness: SimulatorHarness, loop: int) -> None:
    call = await harness.receive_call([talk(words(80), loop=loop)])
    await harness.step(2)
    await call.hang_up()
    (sound,) = await harness.entries("sound")
    (ended,) = await harness.entries("sound_ended")
    assert (ended["sound_id"], ended["interrupted"]) == (sound["sound_id"], True)
    assert ended["at"] - sound["at"] == pytest.approx(2)


async def test_every_sound_ends_with_the_call(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.receive_call([talk("first", bargeIn=True), CONNECT])
    await harness.step(2)
    await call.put({"digits": "1ppppppppp"}, "/dtmf")
    await call.put({"text": "over it", "loop": 0}, "/talk")
    await call.hang_up()
    sounds = [one["sound_id"] for one in await harness.entries("sound")]
    ended = [one["sound_id"] for one in await harness.entries("sound_ended")]
    assert len(sounds) == 4
    assert sorted(ended) == sorted(sounds)
    assert all(sound["to_ms"] == 2000 for sound in (await call.heard())[1:])


async def test_sound_is_interrupted_by_a_digit(harness: SimulatorHarness) -> None:
    menu = {"action": "input", "type": ["dtmf"]}
    call = await harness.receive_call([talk(words(80), bargeIn=True), menu])
    await call.press("1")
    await harness.step(1)
    (ended,) = await harness.entries("sound_ended")
    assert ended["interrupted"] is True


async def test_sound_ends_for_a_leg_that_is_earmuffed_and_only_once(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([talk(words(8))])
    await harness.step(1)
    await call.put({"action": "earmuff"})
    await harness.step(5)
    (sound,) = await harness.entries("sound")
    (ended,) = await harness.entries("sound_ended")
    assert ended["interrupted"] is True
    assert ended["at"] - sound["at"] == pytest.approx(1)


async def test_sound_on_an_earmuffed_leg_has_no_listeners(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([{"action": "wait", "timeout": 1}, talk("hello")])
    await call.put({"action": "earmuff"})
    await harness.step(5)
    (sound,) = await harness.entries("sound")
    assert sound["heard_by"] == []
    assert len(await harness.entries("sound_ended")) == 1


async def test_heard_has_the_id_of_the_sound(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("hello")])
    (sound,) = await harness.entries("sound")
    assert [one["sound_id"] for one in await call.heard()] == [sound["sound_id"]]


# Speech and digits


async def test_speech_and_digits_list_who_hears_them(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([CONNECT])
    await harness.step(2)
    other = await harness.called_leg()
    await call.say(words(4))
    await other.press("5")
    (speech,) = await harness.entries("speech")
    (digit,) = await harness.entries("digit")
    assert (speech["seconds"], speech["heard_by"]) == (1.5, [other.uuid])
    assert digit["heard_by"] == [call.uuid]


async def test_speech_of_a_muted_leg_has_no_listeners(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([CONNECT])
    await harness.step(2)
    await call.put({"action": "mute"})
    await call.say("hello")
    (speech,) = await harness.entries("speech")
    assert speech["heard_by"] == []


# Actions


async def test_actions_have_their_ncco_position_and_json(
    harness: SimulatorHarness,
) -> None:
    notify = {"action": "notify", "payload": {"n": 1}, "eventUrl": [harness.url("/next")]}
    harness.on("/next", [talk("instead")])
    first = talk("hello", unknown=["stored"])
    call = await harness.receive_call([first, notify, talk("never")])
    await harness.step(5)
    actions = [
        (one["ncco"], one["position"], one["state"], one["details"])
        for one in await harness.entries("action", call.uuid)
    ]
    assert actions == [
        (1, 0, "started", first),
        (1, 0, "ended", first),
        (1, 1, "started", notify),
        (1, 1, "ended", notify),
        (2, 0, "started", talk("instead")),
        (2, 0, "ended", talk("instead")),
    ]


async def test_actions_of_a_transfer_are_the_legs_next_ncco(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("hello", loop=0)])
    destination = {"type": "ncco", "ncco": [talk("there")]}
    await call.put({"action": "transfer", "destination": destination})
    started = [one for one in await harness.entries("action") if one["state"] == "started"]
    assert [(one["ncco"], one["position"]) for one in started] == [(1, 0), (2, 0)]


@pytest.mark.parametrize("odd", ["NaN", "-Infinity", "1e999"])
async def test_numbers_that_json_cannot_represent_are_null_in_an_action(
    harness: SimulatorHarness, odd: str
) -> None:
    body = f'[{{"action": "talk", "text": "hello", "odd": {odd}}}]'
    harness.on("/answer", web.Response(text=body, content_type="application/json"))
    await harness.receive_call()
    (started,) = await harness.entries("action")
    assert started["details"] == talk("hello", odd=None)


async def test_a_very_long_action_is_logged_without_its_json(harness: SimulatorHarness) -> None:
    await harness.receive_call([talk("hello", more="x" * 100_000)])
    (started,) = await harness.entries("action")
    assert (started["action"], started["details"]) == ("talk", {})


# Recordings, webhooks, settings


async def test_recordings_have_start_and_end_entries(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([{"action": "record", "timeOut": 3}])
    await harness.step(6)
    started, ended = await harness.entries("recording")
    (event,) = [body for body in harness.events() if "recording_url" in body]
    assert without(started, "recording_uuid") == {
        "kind": "recording",
        "uuid": call.uuid,
        "state": "started",
    }
    assert (ended["uuid"], ended["state"]) == (call.uuid, "ended")
    assert started["recording_uuid"] == ended["recording_uuid"] == event["recording_uuid"]
    assert ended["file_id"] in event["recording_url"]


async def test_webhooks_store_response_headers_by_lowercase_name(
    harness: SimulatorHarness,
) -> None:
    headers = {"Apigw-Requestid": "abc=", "X-Long": "x" * 2000}
    harness.on("/answer", web.Response(text="[]", content_type="application/json", headers=headers))
    await harness.receive_call()
    entries = [one["webhook"] for one in await harness.entries("webhook")]
    (response_headers,) = [one["reply"]["headers"] for one in entries if one["kind"] == "answer"]
    assert response_headers["apigw-requestid"] == "abc="
    assert response_headers["content-type"].startswith("application/json")
    assert len(response_headers["x-long"]) == 500


async def test_webhooks_store_at_most_50_response_headers(harness: SimulatorHarness) -> None:
    headers = {f"X-{number}": "x" for number in range(80)}
    harness.on("/answer", web.Response(text="[]", content_type="application/json", headers=headers))
    await harness.receive_call()
    entries = [one["webhook"] for one in await harness.entries("webhook")]
    (response_headers,) = [one["reply"]["headers"] for one in entries if one["kind"] == "answer"]
    assert len(json.dumps(response_headers)) < 2000
    assert len(response_headers) == 50


async def test_webhooks_without_a_response_have_no_headers(harness: SimulatorHarness) -> None:
    await harness.faults(webhook_drop_before_body=1)
    await harness.receive_call([])
    assert (await harness.entries("webhook"))[0]["webhook"]["reply"]["headers"] == {}


async def test_changes_of_faults_callees_and_clock_are_logged(harness: SimulatorHarness) -> None:
    await harness.faults(unsigned=1)
    await harness.callee(behaviour="busy")
    before = len(await harness.entries("clock"))
    await harness.control("POST", "/clock", {"step": 1})
    assert len(await harness.entries("clock")) == before + 1
    assert len(await harness.entries("faults")) == 1
    assert len(await harness.entries("callees")) == 1
