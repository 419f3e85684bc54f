"""The simulator's own door, /sim, and the guard before all doors."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from tests.simulator.harness import CALLEE, CALLER, NUMBER, SimulatorHarness, WebhookReply, talk
from tests.simulator.test_ncco_talk_and_stream import wav
from vonage_simulator.settings import CalleeBehavior


async def test_ring_gives_uuid_and_conversation(stage: SimulatorHarness) -> None:
    answered = await stage.sim("POST", "/calls", {"from": CALLER, "to": NUMBER})
    assert answered.status == 201
    assert set(answered.json) == {"uuid", "conversation_uuid"}


async def test_ring_takes_numbers_with_a_plus(stage: SimulatorHarness) -> None:
    body = {"from": f"+{CALLER}", "to": f"+{NUMBER}"}
    assert (await stage.sim("POST", "/calls", body)).status == 201


async def test_ring_can_name_the_answer_url_of_this_call_alone(stage: SimulatorHarness) -> None:
    stage.on("/other", [{"action": "talk", "text": "The other one."}])
    body = {"from": "447700900999", "to": "447700900001", "answer_url": stage.url("/other")}
    assert (await stage.sim("POST", "/calls", body)).status == 201
    await stage.step(1)
    assert len(stage.sent_to("/other")) == 1
    assert stage.sent_to("/answer") == []
    await stage.ring()
    assert len(stage.sent_to("/answer")) == 1


async def test_ring_refuses_an_answer_url_that_is_none(stage: SimulatorHarness) -> None:
    body = {"from": "447700900999", "to": "447700900001", "answer_url": "javascript:alert(1)"}
    assert (await stage.sim("POST", "/calls", body)).status == 400


async def test_ring_a_number_that_is_not_the_accounts_is_404(stage: SimulatorHarness) -> None:
    answered = await stage.sim("POST", "/calls", {"from": CALLER, "to": "15551234567"})
    assert answered.status == 404


@pytest.mark.parametrize("body", [{}, {"from": CALLER}, {"from": "me", "to": NUMBER}, [], "x"])
async def test_ring_refuses_other_bodies(stage: SimulatorHarness, body: Any) -> None:
    assert (await stage.sim("POST", "/calls", body)).status == 400


async def test_call_shows_status_heard_said_and_webhooks(stage: SimulatorHarness) -> None:
    call = await stage.ring([talk("hello")])
    await call.say("hi")
    await stage.step(5)
    view = await call.view()
    assert view["status"] == "completed"
    (heard,) = view["heard"]
    assert heard == {
        "kind": "talk",
        "sound_id": heard["sound_id"],
        "text": "hello",
        "language": "en-US",
        "from_ms": 0,
        "to_ms": 375,
    }
    assert [sound["text"] for sound in view["said"]] == ["hi"]
    webhook = next(one for one in view["webhooks"] if one["kind"] == "answer")
    assert webhook["url"].startswith(stage.url("/answer?"))
    assert (webhook["method"], webhook["status"], webhook["attempt"]) == ("GET", 200, 1)
    assert webhook["ms"] >= 0
    assert json.loads(webhook["reply"]["body"]) == [talk("hello")]
    assert webhook["request"]["headers"]["Authorization"].startswith("Bearer ")


async def test_call_events_tell_the_actions_with_start_and_end(stage: SimulatorHarness) -> None:
    call = await stage.ring([talk("hello")])
    await stage.step(5)
    events = (await stage.sim("GET", f"/calls/{call.uuid}/events")).json["events"]
    actions = [(event["action"], event["state"]) for event in events if event["kind"] == "action"]
    assert actions == [("talk", "started"), ("talk", "ended")]


async def test_events_stream_tells_everything_and_resumes(stage: SimulatorHarness) -> None:
    await stage.ring([talk("hello")])
    await stage.step(5)
    url = stage.simulator.http_url + "/sim/events?after=2"
    async with stage.client.get(url) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        first = await asyncio.wait_for(response.content.readline(), 5)
    assert first == b"id: 3\n"


async def test_callee_answers_after_a_second_by_default(stage: SimulatorHarness) -> None:
    call = await stage.place([talk("hello")])
    await stage.step(0.9)
    assert await call.status() == "ringing"
    await stage.step(0.2)
    assert await call.status() == "answered"


async def test_callee_detail_is_told_in_the_event(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="invalid", detail="number_out_of_service")
    await stage.place([talk("hello")])
    await stage.step(2)
    assert stage.events(status="failed")[0]["detail"] == "number_out_of_service"


async def test_callee_says_something_after_answering(stage: SimulatorHarness) -> None:
    await stage.callee(says="hello who is this")
    call = await stage.place([{"action": "input", "type": ["speech"]}])
    await stage.step(10)
    (body,) = [body for body in stage.events() if "speech" in body]
    assert body["speech"]["results"][0]["text"] == "hello who is this"
    assert body["uuid"] == call.uuid


@pytest.mark.parametrize(
    "bad", [{"behaviour": "sleep"}, {"after": -1}, {"colour": 1}, {"says": 5}, {"beep_after": "x"}]
)
async def test_callee_refuses_what_it_does_not_know(
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    assert (await stage.sim("PUT", f"/callees/{CALLEE}", bad)).status == 400


async def test_callees_are_listed(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="busy")
    body = (await stage.sim("GET", "/callees")).json
    assert body["callees"][CALLEE]["behaviour"] == "busy"
    assert body["default"]["behaviour"] == "answer"


async def test_callee_default_is_how_everybody_else_behaves(stage: SimulatorHarness) -> None:
    await stage.callee("default", behaviour="busy")
    await stage.callee(NUMBER, behaviour="reject")
    call = await stage.place([talk("hello")])
    named = await stage.place([talk("hello")], to=[{"type": "phone", "number": NUMBER}])
    await stage.step(2)
    assert (await call.status(), await named.status()) == ("completed", "rejected")
    assert "busy" in stage.statuses(call.uuid)
    assert (await stage.sim("GET", "/callees")).json["default"]["behaviour"] == "busy"


async def test_callee_delete_puts_back_what_the_settings_say(make_stage: Any) -> None:
    stage = await make_stage(
        callees={CALLEE: CalleeBehavior(behaviour="busy")}, default_callee=CalleeBehavior(after=7)
    )
    for number in (CALLEE, CALLER, "default"):
        await stage.callee(number, behaviour="manual")
        assert (await stage.sim("DELETE", f"/callees/{number}")).status == 204
    body = (await stage.sim("GET", "/callees")).json
    assert body["default"]["after"] == 7
    assert {number: how["behaviour"] for number, how in body["callees"].items()} == {CALLEE: "busy"}
    assert len(await stage.entries("callees")) == 6


async def test_callee_delete_of_one_who_was_not_set_changes_nothing(
    stage: SimulatorHarness,
) -> None:
    assert (await stage.sim("DELETE", f"/callees/{CALLEE}")).status == 204


async def test_hangup_of_a_ringing_callee_declines(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="manual")
    call = await stage.place([talk("hello")])
    await stage.step(2)
    await call.hang_up()
    assert await call.status() == "rejected"


async def test_answer_and_reject_need_a_leg_that_is_being_called(stage: SimulatorHarness) -> None:
    call = await stage.ring([talk("hello", loop=0)])
    for path in ("answer", "reject"):
        assert (await stage.sim("POST", f"/calls/{call.uuid}/{path}", {})).status == 409


@pytest.mark.parametrize(
    ("confidence", "results"),
    [(0.25, [{"confidence": "0.2500000", "text": "yes"}]), (0, [])],
)
async def test_how_sure_the_recogniser_is_can_be_said(
    stage: SimulatorHarness, confidence: float, results: list[dict[str, str]]
) -> None:
    call = await stage.ring([{"action": "input", "type": ["speech"]}])
    said = {"text": "yes", "confidence": confidence}
    assert (await stage.sim("POST", f"/calls/{call.uuid}/speech", said)).status == 200
    await stage.step(10)
    (body,) = [body for body in stage.events() if "speech" in body]
    assert body["speech"] == {"timeout_reason": "end_on_silence_timeout", "results": results}


async def test_an_ended_call_takes_no_more_keys_or_speech(stage: SimulatorHarness) -> None:
    call = await stage.ring([])
    await stage.step(1)
    assert (await stage.sim("POST", f"/calls/{call.uuid}/digits", {"digits": "1"})).status == 409
    assert (await stage.sim("POST", f"/calls/{call.uuid}/speech", {"text": "x"})).status == 409


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("digits", {}),
        ("digits", {"digits": "abc"}),
        ("digits", {"digits": 5}),
        ("speech", {}),
        ("speech", {"text": ""}),
        ("speech", {"text": "x" * 10_001}),
        ("speech", {"text": "x", "confidence": 1.1}),
        ("speech", {"text": "x", "confidence": "sure"}),
    ],
)
async def test_keys_and_speech_refuse_other_bodies(
    stage: SimulatorHarness, path: str, body: dict[str, Any]
) -> None:
    call = await stage.ring([talk("hello", loop=0)])
    assert (await stage.sim("POST", f"/calls/{call.uuid}/{path}", body)).status == 400


async def test_clock_is_stepped_and_set_to_a_speed(stage: SimulatorHarness) -> None:
    before = (await stage.sim("GET", "/clock")).json
    assert before["speed"] == 0
    after = (await stage.sim("POST", "/clock", {"step": 2.5})).json
    assert after["now"] - before["now"] == 2.5
    assert (await stage.sim("POST", "/clock", {"speed": 100})).json["speed"] == 100
    assert (await stage.sim("POST", "/clock", {"step": 1})).status == 400


@pytest.mark.parametrize(
    "body", [{}, {"speed": -1}, {"speed": 1, "step": 1}, {"step": -1}, {"step": "x"}]
)
async def test_clock_refuses_other_bodies(stage: SimulatorHarness, body: dict[str, Any]) -> None:
    assert (await stage.sim("POST", "/clock", body)).status == 400


async def test_about_counts_calls(stage: SimulatorHarness) -> None:
    await stage.ring([talk("hello", loop=0)])
    body = (await stage.sim("GET", "")).json
    assert (body["calls"], body["calls_open"], body["calls_forgotten"]) == (1, 1, 0)


async def test_old_calls_are_forgotten_and_counted(make_stage: Any) -> None:
    stage = await make_stage(calls_kept=3)
    calls = [await stage.ring([]) for _ in range(5)]
    await stage.step(1)
    shown = (await stage.sim("GET", "/calls")).json
    assert [call["uuid"] for call in shown["calls"]] == [call.uuid for call in calls[2:]]
    assert shown["forgotten"] == 2
    assert (await stage.sim("GET", f"/calls/{calls[0].uuid}")).status == 404


# Audio files


async def heard_again(stage: SimulatorHarness, path: str) -> WebhookReply:
    """GET /sim/audio of a file of the application's."""
    return await stage.sim("GET", f"/audio?url={quote(stage.url(path), safe='')}")


async def test_audio_is_the_file_that_a_stream_played(stage: SimulatorHarness) -> None:
    stage.on("/prompt.wav", web.Response(body=wav(2)))
    await stage.ring([{"action": "stream", "streamUrl": [stage.url("/prompt.wav")]}])
    answered = await heard_again(stage, "/prompt.wav")
    assert (answered.status, answered.raw) == (200, wav(2))
    assert answered.headers["Content-Type"] == "audio/wav"
    assert answered.headers["X-Content-Type-Options"] == "nosniff"
    assert len(stage.sent_to("/prompt.wav")) == 1


async def test_audio_that_was_never_played_is_404_and_not_fetched(stage: SimulatorHarness) -> None:
    stage.on("/prompt.wav", web.Response(body=wav(2)))
    assert (await heard_again(stage, "/prompt.wav")).status == 404
    assert (await stage.sim("GET", "/audio")).status == 404
    assert stage.sent_to("/prompt.wav") == []


async def test_audio_that_is_none_is_404(stage: SimulatorHarness) -> None:
    stage.on("/page", web.Response(text="<script>alert(1)</script>", content_type="text/html"))
    await stage.ring([{"action": "stream", "streamUrl": [stage.url("/page")]}])
    assert (await heard_again(stage, "/page")).status == 404


async def test_audio_is_kept_up_to_32_mib(stage: SimulatorHarness) -> None:
    paths = [f"/{number}.wav" for number in range(4)]
    for path in paths:
        stage.on(path, web.Response(body=wav(300)))
    await stage.ring([{"action": "stream", "streamUrl": [stage.url(path)]} for path in paths])
    await stage.step(901)
    statuses = [(await heard_again(stage, path)).status for path in paths]
    assert statuses == [404, 200, 200, 200]


# The guard


@pytest.mark.parametrize("path", ["/sim/calls", "/v1/calls", "/v2/applications"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "attacker.example"}, id="another host"),
        pytest.param({"Host": "127.0.0.1.attacker.example"}, id="a host that begins alike"),
        pytest.param({"Host": "[::1"}, id="a malformed host"),
        pytest.param({"Origin": "https://attacker.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="an opaque origin"),
    ],
)
async def test_guard_refuses_other_hosts_and_origins(
    stage: SimulatorHarness, path: str, headers: dict[str, str]
) -> None:
    assert (await stage.request("GET", path, headers=headers)).status == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:5173"])
async def test_guard_lets_pages_of_this_machine_in(stage: SimulatorHarness, origin: str) -> None:
    answered = await stage.request("GET", "/sim/calls", headers={"Origin": origin})
    assert answered.status == 200


async def test_guard_listens_on_the_loopback_interface_alone(stage: SimulatorHarness) -> None:
    assert stage.simulator.http_url.startswith("http://127.0.0.1:")
    assert stage.simulator.tls_url.startswith("https://localhost:")
