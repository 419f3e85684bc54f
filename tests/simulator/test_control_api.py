"""The control API under /sim, and the check of Host and Origin for all APIs."""

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import web

from tests.simulator.harness import (
    CALLEE,
    CALLER,
    NUMBER,
    SimulatorHarness,
    SimulatorResponse,
    talk,
)
from tests.simulator.test_ncco_talk_and_stream import wav
from vonage_simulator.settings import CalleeBehavior


async def test_post_calls_returns_uuid_and_conversation(harness: SimulatorHarness) -> None:
    response = await harness.control("POST", "/calls", {"from": CALLER, "to": NUMBER})
    assert response.status == 201
    assert set(response.json) == {"uuid", "conversation_uuid"}


async def test_post_calls_accepts_numbers_with_a_plus(harness: SimulatorHarness) -> None:
    body = {"from": f"+{CALLER}", "to": f"+{NUMBER}"}
    assert (await harness.control("POST", "/calls", body)).status == 201


async def test_post_calls_can_set_the_answer_url_of_one_call(harness: SimulatorHarness) -> None:
    harness.on("/other", [{"action": "talk", "text": "The other one."}])
    body = {"from": "447700900999", "to": "447700900001", "answer_url": harness.url("/other")}
    assert (await harness.control("POST", "/calls", body)).status == 201
    await harness.step(1)
    assert len(harness.sent_to("/other")) == 1
    assert harness.sent_to("/answer") == []
    await harness.receive_call()
    assert len(harness.sent_to("/answer")) == 1


async def test_post_calls_rejects_an_invalid_answer_url(harness: SimulatorHarness) -> None:
    body = {"from": "447700900999", "to": "447700900001", "answer_url": "javascript:alert(1)"}
    assert (await harness.control("POST", "/calls", body)).status == 400


async def test_post_calls_to_a_number_that_is_not_the_accounts_is_404(
    harness: SimulatorHarness,
) -> None:
    response = await harness.control("POST", "/calls", {"from": CALLER, "to": "15551234567"})
    assert response.status == 404


@pytest.mark.parametrize("body", [{}, {"from": CALLER}, {"from": "me", "to": NUMBER}, [], "x"])
async def test_post_calls_rejects_invalid_bodies(harness: SimulatorHarness, body: Any) -> None:
    assert (await harness.control("POST", "/calls", body)).status == 400


async def test_call_shows_status_heard_said_and_webhooks(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("hello")])
    await call.say("hi")
    await harness.step(5)
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
    assert webhook["url"].startswith(harness.url("/answer?"))
    assert (webhook["method"], webhook["status"], webhook["attempt"]) == ("GET", 200, 1)
    assert webhook["ms"] >= 0
    assert json.loads(webhook["reply"]["body"]) == [talk("hello")]
    assert webhook["request"]["headers"]["Authorization"].startswith("Bearer ")


async def test_call_events_list_the_start_and_end_of_each_action(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("hello")])
    await harness.step(5)
    events = (await harness.control("GET", f"/calls/{call.uuid}/events")).json["events"]
    actions = [(event["action"], event["state"]) for event in events if event["kind"] == "action"]
    assert actions == [("talk", "started"), ("talk", "ended")]


async def test_events_stream_can_be_resumed(harness: SimulatorHarness) -> None:
    await harness.receive_call([talk("hello")])
    await harness.step(5)
    url = harness.simulator.http_url + "/sim/events?after=2"
    async with harness.client.get(url) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        first = await asyncio.wait_for(response.content.readline(), 5)
    assert first == b"id: 3\n"


async def test_callee_answers_after_a_second_by_default(harness: SimulatorHarness) -> None:
    call = await harness.place_call([talk("hello")])
    await harness.step(0.9)
    assert await call.status() == "ringing"
    await harness.step(0.2)
    assert await call.status() == "answered"


async def test_callee_detail_is_in_the_event(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="invalid", detail="number_out_of_service")
    await harness.place_call([talk("hello")])
    await harness.step(2)
    assert harness.events(status="failed")[0]["detail"] == "number_out_of_service"


async def test_callee_says_something_after_answering(harness: SimulatorHarness) -> None:
    await harness.callee(says="hello who is this")
    call = await harness.place_call([{"action": "input", "type": ["speech"]}])
    await harness.step(10)
    (body,) = [body for body in harness.events() if "speech" in body]
    assert body["speech"]["results"][0]["text"] == "hello who is this"
    assert body["uuid"] == call.uuid


@pytest.mark.parametrize(
    "bad", [{"behaviour": "sleep"}, {"after": -1}, {"color": 1}, {"says": 5}, {"beep_after": "x"}]
)
async def test_callee_rejects_unknown_fields_and_values(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    assert (await harness.control("PUT", f"/callees/{CALLEE}", bad)).status == 400


async def test_callees_are_listed(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="busy")
    body = (await harness.control("GET", "/callees")).json
    assert body["callees"][CALLEE]["behaviour"] == "busy"
    assert body["default"]["behaviour"] == "answer"


async def test_callee_default_applies_to_all_other_callees(harness: SimulatorHarness) -> None:
    await harness.callee("default", behaviour="busy")
    await harness.callee(NUMBER, behaviour="reject")
    call = await harness.place_call([talk("hello")])
    named = await harness.place_call([talk("hello")], to=[{"type": "phone", "number": NUMBER}])
    await harness.step(2)
    assert (await call.status(), await named.status()) == ("busy", "rejected")
    assert "busy" in harness.statuses(call.uuid)
    assert (await harness.control("GET", "/callees")).json["default"]["behaviour"] == "busy"


async def test_callee_delete_restores_the_settings(make_harness: Any) -> None:
    harness = await make_harness(
        callees={CALLEE: CalleeBehavior(behaviour="busy")}, default_callee=CalleeBehavior(after=7)
    )
    for number in (CALLEE, CALLER, "default"):
        await harness.callee(number, behaviour="manual")
        assert (await harness.control("DELETE", f"/callees/{number}")).status == 204
    body = (await harness.control("GET", "/callees")).json
    assert body["default"]["after"] == 7
    assert {number: how["behaviour"] for number, how in body["callees"].items()} == {CALLEE: "busy"}
    assert len(await harness.entries("callees")) == 6


async def test_callee_delete_of_a_callee_without_settings_is_204(
    harness: SimulatorHarness,
) -> None:
    assert (await harness.control("DELETE", f"/callees/{CALLEE}")).status == 204


async def test_hangup_of_a_ringing_callee_declines(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.place_call([talk("hello")])
    await harness.step(2)
    await call.hang_up()
    assert await call.status() == "rejected"


async def test_answer_and_reject_need_a_leg_that_is_being_called(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("hello", loop=0)])
    for path in ("answer", "reject"):
        assert (await harness.control("POST", f"/calls/{call.uuid}/{path}", {})).status == 409


@pytest.mark.parametrize(
    ("confidence", "results"),
    [(0.25, [{"confidence": "0.2500000", "text": "yes"}]), (0, [])],
)
async def test_speech_confidence_can_be_set(
    harness: SimulatorHarness, confidence: float, results: list[dict[str, str]]
) -> None:
    call = await harness.receive_call([{"action": "input", "type": ["speech"]}])
    speech = {"text": "yes", "confidence": confidence}
    assert (await harness.control("POST", f"/calls/{call.uuid}/speech", speech)).status == 200
    await harness.step(10)
    (body,) = [body for body in harness.events() if "speech" in body]
    assert body["speech"] == {"timeout_reason": "end_on_silence_timeout", "results": results}


async def test_ended_call_rejects_digits_and_speech(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([])
    await harness.step(1)
    assert (
        await harness.control("POST", f"/calls/{call.uuid}/digits", {"digits": "1"})
    ).status == 409
    assert (
        await harness.control("POST", f"/calls/{call.uuid}/speech", {"text": "x"})
    ).status == 409


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
async def test_digits_and_speech_reject_invalid_bodies(
    harness: SimulatorHarness, path: str, body: dict[str, Any]
) -> None:
    call = await harness.receive_call([talk("hello", loop=0)])
    assert (await harness.control("POST", f"/calls/{call.uuid}/{path}", body)).status == 400


async def test_clock_can_be_stepped_and_set_to_a_speed(harness: SimulatorHarness) -> None:
    before = (await harness.control("GET", "/clock")).json
    assert before["speed"] == 0
    after = (await harness.control("POST", "/clock", {"step": 2.5})).json
    assert after["now"] - before["now"] == 2.5
    assert (await harness.control("POST", "/clock", {"speed": 100})).json["speed"] == 100
    assert (await harness.control("POST", "/clock", {"step": 1})).status == 400


@pytest.mark.parametrize(
    "body", [{}, {"speed": -1}, {"speed": 1, "step": 1}, {"step": -1}, {"step": "x"}]
)
async def test_clock_rejects_invalid_bodies(
    harness: SimulatorHarness, body: dict[str, Any]
) -> None:
    assert (await harness.control("POST", "/clock", body)).status == 400


async def test_about_counts_calls(harness: SimulatorHarness) -> None:
    await harness.receive_call([talk("hello", loop=0)])
    body = (await harness.control("GET", "")).json
    assert (body["calls"], body["calls_open"], body["calls_forgotten"]) == (1, 1, 0)


async def test_old_calls_are_deleted_and_counted(make_harness: Any) -> None:
    harness = await make_harness(calls_kept=3)
    calls = [await harness.receive_call([]) for _ in range(5)]
    await harness.step(1)
    listed = (await harness.control("GET", "/calls")).json
    assert [call["uuid"] for call in listed["calls"]] == [call.uuid for call in calls[2:]]
    assert listed["forgotten"] == 2
    assert (await harness.control("GET", f"/calls/{calls[0].uuid}")).status == 404


# Audio files


async def get_played_audio(harness: SimulatorHarness, path: str) -> SimulatorResponse:
    """Get a file of the application from /sim/audio."""
    return await harness.control("GET", f"/audio?url={quote(harness.url(path), safe='')}")


async def test_audio_is_the_file_that_a_stream_played(harness: SimulatorHarness) -> None:
    harness.on("/prompt.wav", web.Response(body=wav(2)))
    await harness.receive_call([{"action": "stream", "streamUrl": [harness.url("/prompt.wav")]}])
    response = await get_played_audio(harness, "/prompt.wav")
    assert (response.status, response.raw) == (200, wav(2))
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert len(harness.sent_to("/prompt.wav")) == 1


async def test_audio_that_was_never_played_is_404_and_not_fetched(
    harness: SimulatorHarness,
) -> None:
    harness.on("/prompt.wav", web.Response(body=wav(2)))
    assert (await get_played_audio(harness, "/prompt.wav")).status == 404
    assert (await harness.control("GET", "/audio")).status == 404
    assert harness.sent_to("/prompt.wav") == []


async def test_audio_of_a_url_without_audio_is_404(harness: SimulatorHarness) -> None:
    harness.on("/page", web.Response(text="<script>alert(1)</script>", content_type="text/html"))
    await harness.receive_call([{"action": "stream", "streamUrl": [harness.url("/page")]}])
    assert (await get_played_audio(harness, "/page")).status == 404


async def test_audio_is_stored_up_to_32_mib(harness: SimulatorHarness) -> None:
    paths = [f"/{number}.wav" for number in range(4)]
    for path in paths:
        harness.on(path, web.Response(body=wav(300)))
    await harness.receive_call(
        [{"action": "stream", "streamUrl": [harness.url(path)]} for path in paths]
    )
    await harness.step(901)
    statuses = [(await get_played_audio(harness, path)).status for path in paths]
    assert statuses == [404, 200, 200, 200]


# Host and Origin


@pytest.mark.parametrize("path", ["/sim/calls", "/v1/calls", "/v2/applications"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "attacker.example"}, id="another host"),
        pytest.param({"Host": "127.0.0.1.attacker.example"}, id="a host with the same beginning"),
        pytest.param({"Host": "[::1"}, id="a malformed host"),
        pytest.param({"Host": "127.0.0.1"}, id="a host without the port"),
        pytest.param({"Host": "127.0.0.1:1"}, id="a host with another port"),
        pytest.param({"Host": "127.0.0.1:{tls}"}, id="a host with the port of the other listener"),
        pytest.param({"Host": "[::1]:{http}"}, id="an address without a listener"),
        pytest.param({"Host": "us.localhost:{http}"}, id="another name of this machine"),
        pytest.param({"Origin": "https://attacker.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="an opaque origin"),
        pytest.param({"Origin": "http://localhost:3000"}, id="a page of this machine"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, id="an origin with another port"),
        pytest.param({"Origin": "http://localhost:{http}"}, id="an origin with another name"),
        pytest.param({"Origin": "https://127.0.0.1:{http}"}, id="an origin with another scheme"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="a request across sites"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="a request within this machine"),
        pytest.param({"Sec-Fetch-Site": "nonsense"}, id="an unknown site"),
    ],
)
async def test_other_hosts_and_origins_are_forbidden(
    harness: SimulatorHarness, path: str, headers: dict[str, str]
) -> None:
    ports = {
        "http": harness.simulator.http_url.rpartition(":")[2],
        "tls": harness.simulator.tls_url.rpartition(":")[2],
    }
    headers = {name: value.format(**ports) for name, value in headers.items()}
    for method in ("GET", "POST"):
        assert (await harness.request(method, path, headers=headers)).status == 403


async def test_a_second_origin_is_forbidden(harness: SimulatorHarness) -> None:
    url = urlsplit(harness.simulator.http_url)
    lines = [
        f"POST /sim/calls HTTP/1.1\r\nHost: {url.netloc}",
        f"Origin: {harness.simulator.http_url}",
        "Origin: https://attacker.example\r\nConnection: close\r\n\r\n",
    ]
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write("\r\n".join(lines).encode())
    status = (await asyncio.wait_for(reader.readline(), 10)).split()[1]
    writer.close()
    assert status == b"403"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="a program"),
        pytest.param({"Host": "LOCALHOST:{http}"}, id="a name in capitals"),
        pytest.param({"Host": "api-us-3.localhost:{http}"}, id="the host of a region"),
        pytest.param({"Sec-Fetch-Site": "none"}, id="an address typed into a browser"),
        pytest.param(
            {"Origin": "http://127.0.0.1:{http}", "Sec-Fetch-Site": "same-origin"},
            id="its own origin",
        ),
    ],
)
async def test_its_own_hosts_and_origin_are_allowed(
    harness: SimulatorHarness, headers: dict[str, str]
) -> None:
    port = harness.simulator.http_url.rpartition(":")[2]
    headers = {name: value.format(http=port) for name, value in headers.items()}
    assert (await harness.request("GET", "/sim/calls", headers=headers)).status == 200


async def test_listeners_use_only_the_loopback_interface(harness: SimulatorHarness) -> None:
    assert harness.simulator.http_url.startswith("http://127.0.0.1:")
    assert harness.simulator.tls_url.startswith("https://localhost:")
