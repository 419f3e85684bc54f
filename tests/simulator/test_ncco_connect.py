"""NCCO reference: connect, its endpoints and its synchronous events; machine detection."""

from typing import Any

import pytest
from aiohttp import web

from tests.simulator.harness import (
    CALLEE,
    CALLER,
    NUMBER,
    SECOND_NUMBER,
    SYNTAX_ERROR,
    SimulatorHarness,
    talk,
    words,
)


def connect(**options: Any) -> dict[str, Any]:
    """Return a connect action to the callee's phone."""
    return {
        "action": "connect",
        "from": NUMBER,
        "endpoint": [{"type": "phone", "number": CALLEE}],
    } | options


def phone(**options: Any) -> list[dict[str, Any]]:
    """Return the callee's phone as an endpoint."""
    return [{"type": "phone", "number": CALLEE} | options]


async def test_connect_rings_the_callee_and_joins_the_two_legs(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([connect()])
    await harness.step(0.5)
    assert [sound["kind"] for sound in await call.heard()] == ["ringing"]
    await harness.step(1)
    called = await harness.called_leg()
    assert called.conversation_uuid == call.conversation_uuid
    await call.say("hello there")
    await harness.step(1)
    await called.say("hi")
    await harness.step(1)
    assert [sound["text"] for sound in await called.heard("speech")] == ["hello there"]
    assert [sound["text"] for sound in await call.heard("speech")] == ["hi"]


async def test_connect_sends_the_full_lifecycle_of_the_called_leg(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([connect()])
    await harness.step(10)
    called = await harness.called_leg()
    await call.hang_up()
    assert harness.statuses(called.uuid) == ["started", "ringing", "answered", "completed"]
    started = harness.events(uuid=called.uuid, status="started")[0]
    assert (started["from"], started["to"]) == (NUMBER, CALLEE)
    assert started["direction"] == "outbound"


async def test_connect_event_url_gets_the_events_of_the_called_leg(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call([connect(eventUrl=[harness.url("/leg")])])
    await harness.step(5)
    assert [webhook.fields["status"] for webhook in harness.sent_to("/leg")] == [
        "started",
        "ringing",
        "answered",
    ]


async def test_connect_ends_for_both_when_the_caller_hangs_up(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([connect()])
    await harness.step(5)
    await call.hang_up()
    assert await (await harness.called_leg()).status() == "completed"


async def test_connect_ends_when_the_callee_hangs_up_and_the_next_action_runs(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([connect(), talk("they have gone")])
    await harness.step(5)
    await (await harness.called_leg()).hang_up()
    await harness.step(1)
    assert await call.texts() == ["they have gone"]


async def test_connect_as_the_last_action_ends_the_call(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([connect()])
    await harness.step(5)
    await (await harness.called_leg()).hang_up()
    assert await call.status() == "completed"


async def test_connect_is_canceled_when_the_caller_hangs_up_during_ringing(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.receive_call([connect()])
    await harness.step(5)
    await call.hang_up()
    called = await harness.called_leg()
    assert harness.statuses(called.uuid) == ["started", "ringing", "cancelled", "completed"]


@pytest.mark.parametrize(
    ("behaviour", "status", "extra"),
    [
        ("busy", "busy", {"sip_code": 486}),
        ("unavailable", "unanswered", {"detail": "unavailable", "sip_code": 480}),
        ("invalid", "failed", {"detail": "cannot_route", "sip_code": 404}),
    ],
)
async def test_connect_that_fails_runs_the_next_action_and_the_leg_completes(
    harness: SimulatorHarness, behaviour: str, status: str, extra: dict[str, Any]
) -> None:
    await harness.callee(behaviour=behaviour)
    call = await harness.receive_call([connect(), talk("nobody there")])
    await harness.step(3)
    called = await harness.called_leg()
    assert harness.statuses(called.uuid) == ["started", "ringing", status, "completed"]
    assert harness.events(status=status)[0].items() >= extra.items()
    assert await call.texts() == ["nobody there"]


async def test_connect_rejected_has_no_completed(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="reject")
    await harness.receive_call([connect(), talk("nobody there")])
    await harness.step(3)
    called = await harness.called_leg()
    assert harness.statuses(called.uuid) == ["started", "ringing", "rejected"]
    assert harness.events(status="rejected")[0]["detail"] == "declined"


async def test_connect_timeout_defaults_to_60_seconds_of_ringing(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="no_answer")
    await harness.receive_call([connect()])
    await harness.step(59.9)
    assert not harness.events(status="timeout")
    await harness.step(0.2)
    assert harness.events(status="timeout")


async def test_connect_timeout_can_be_text(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="no_answer")
    await harness.receive_call([connect(timeout="5")])
    await harness.step(5)
    assert harness.events(status="timeout")


async def test_connect_limit_ends_the_called_leg(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([connect(limit=10), talk("time is up")])
    await harness.step(12)
    assert await (await harness.called_leg()).status() == "completed"
    assert await call.texts() == ["time is up"]


async def test_connect_synchronous_failure_accepts_an_ncco_in_response(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="busy")
    harness.on(
        "/leg",
        lambda webhook: [talk("another one")] if webhook.fields["status"] == "busy" else [],
    )
    call = await harness.receive_call(
        [connect(eventType="synchronous", eventUrl=[harness.url("/leg")]), talk("never heard")]
    )
    await harness.step(5)
    assert await call.texts() == ["another one"]


async def test_connect_synchronous_response_without_an_ncco_continues_with_the_next_action(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="no_answer")
    harness.on("/leg", [])
    call = await harness.receive_call(
        [connect(eventType="synchronous", timeout=5, eventUrl=[harness.url("/leg")]), talk("next")]
    )
    await harness.step(8)
    assert await call.texts() == ["next"]


async def test_connect_failure_without_synchronous_ignores_an_ncco_in_response(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="busy")
    harness.on("/leg", [talk("not heard")])
    call = await harness.receive_call([connect(eventUrl=[harness.url("/leg")]), talk("next")])
    await harness.step(5)
    assert await call.texts() == ["next"]


async def test_connect_sends_completed_after_the_response_to_the_failure(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="busy")
    harness.on("/leg", [])
    await harness.receive_call([connect(eventType="synchronous", eventUrl=[harness.url("/leg")])])
    await harness.step(5)
    assert [webhook.fields["status"] for webhook in harness.sent_to("/leg")][-2:] == [
        "busy",
        "completed",
    ]


async def test_connect_from_that_is_not_a_number_of_the_account_is_shown_as_unknown(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call([connect(**{"from": "15551234567"})])
    await harness.step(1)
    assert harness.events(direction="outbound", status="started")[0]["from"] == "Unknown"


async def test_connect_random_from_number_is_one_of_the_applications(
    harness: SimulatorHarness,
) -> None:
    action = connect(randomFromNumber=True)
    del action["from"]
    await harness.receive_call([action])
    await harness.step(1)
    chosen = harness.events(direction="outbound", status="started")[0]["from"]
    assert chosen in (NUMBER, SECOND_NUMBER)


async def test_connect_dtmf_answer_is_sent_to_the_callee_before_the_legs_are_joined(
    harness: SimulatorHarness,
) -> None:
    call = await harness.receive_call([connect(endpoint=phone(dtmfAnswer="p*1#"))])
    await harness.step(1.5)  # answered at 1; half a second of pause, three digits of 200 ms
    await call.say("too early to be heard")
    await harness.step(3)
    called = await harness.called_leg()
    assert [sound["digits"] for sound in await called.heard("dtmf")] == ["p*1#"]
    assert await called.heard("speech") == []


async def test_connect_on_answer_runs_its_ncco_on_the_called_leg_before_the_legs_are_joined(
    harness: SimulatorHarness,
) -> None:
    harness.on("/whisper", [talk(words(8))])
    call = await harness.receive_call(
        [connect(endpoint=phone(onAnswer={"url": harness.url("/whisper")}))]
    )
    await harness.step(2)
    called = await harness.called_leg()
    assert await called.texts() == [words(8)]
    assert (await call.heard("ringing"))[0]["to_ms"] is None
    await harness.step(3)
    assert (await call.heard("ringing"))[0]["to_ms"] == 4000
    assert await call.texts() == []
    (webhook,) = harness.sent_to("/whisper")
    assert (webhook.method, webhook.fields["uuid"]) == ("GET", called.uuid)


async def test_connect_ringback_tone_is_heard_by_the_caller(harness: SimulatorHarness) -> None:
    url = "https://example.com/ring.mp3"
    call = await harness.receive_call(
        [{"action": "connect", "endpoint": [{"type": "app", "user": "jo"}], "ringbackTone": url}]
    )
    assert (await call.heard("ringing"))[0]["url"] == url


@pytest.mark.parametrize(
    ("endpoint", "to"),
    [
        ({"type": "app", "user": "jo"}, "jo"),
        ({"type": "sip", "uri": "sip:jo@example.com;transport=tls"}, None),
        ({"type": "sip", "user": "jo", "domain": "example"}, "sip:jo@example"),
        ({"type": "vbc", "extension": "123"}, "123"),
        ({"type": "phone", "number": "+447700900555"}, "447700900555"),
    ],
)
async def test_connect_endpoint_types(
    harness: SimulatorHarness, endpoint: dict[str, Any], to: str | None
) -> None:
    await harness.receive_call([connect(endpoint=[endpoint])])
    await harness.step(3)
    assert harness.events(status="answered")[-1]["to"] == (to or endpoint["uri"])


@pytest.mark.parametrize(
    "bad",
    [
        {"endpoint": None},
        {"endpoint": []},
        {"endpoint": phone() + phone()},
        {"endpoint": {"type": "phone", "number": CALLEE}},
        {"endpoint": [{"type": "phone", "number": "12ab"}]},
        {"endpoint": [{"type": "fax", "number": CALLEE}]},
        {"endpoint": [{"type": "sip", "uri": "jo@example.com"}]},
        {"endpoint": [{"type": "websocket", "uri": "https://x", "content-type": "audio/l16"}]},
        {"endpoint": phone(dtmfAnswer="abc")},
        {"endpoint": phone(onAnswer={})},
        {"limit": 7201},
        {"timeout": "soon"},
        {"eventType": "asynchronous"},
        {"randomFromNumber": True},
        {"machineDetection": "perhaps"},
        {"advancedMachineDetection": {"beep_timeout": 29}},
    ],
)
async def test_connect_out_of_range_is_a_syntax_error(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await harness.receive_call([connect() | bad])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


async def test_connect_websocket_headers_have_up_to_512_bytes(harness: SimulatorHarness) -> None:
    endpoint = {
        "type": "websocket",
        "uri": "ws://127.0.0.1:9",
        "content-type": "audio/l16;rate=16000",
        "headers": {"a": "x" * 512},
    }
    await harness.receive_call([connect(endpoint=[endpoint])])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


@pytest.mark.parametrize(
    ("text", "status"), [("\u00e9" * 252, 201), ("\u00e9" * 253, 400), ("\ud800", 201)]
)
async def test_websocket_headers_are_measured_in_utf_8(
    harness: SimulatorHarness, text: str, status: int
) -> None:
    endpoint = {"type": "websocket", "uri": "ws://127.0.0.1:9", "headers": {"a": text}}
    call = {"to": [endpoint], "from": {"type": "phone", "number": NUMBER}, "ncco": []}
    assert (await harness.api("POST", "/v1/calls", call)).status == status


async def test_websocket_headers_are_limited_by_a_setting(make_harness: Any) -> None:
    endpoint = {
        "type": "websocket",
        "uri": "ws://127.0.0.1:9",
        "content-type": "audio/l16;rate=16000",
        "headers": {"a": "x" * 1000},
    }
    for limit, status in ((512, 400), (2000, 201)):
        harness = await make_harness(websocket_header_bytes=limit)
        call = {"to": [endpoint], "from": {"type": "phone", "number": NUMBER}, "ncco": []}
        assert (await harness.api("POST", "/v1/calls", call)).status == status
        await harness.receive_call([connect(endpoint=[endpoint]), talk("next")])
        await harness.step(2)
        assert len(harness.events(reason=SYNTAX_ERROR)) == (status == 400)
        ncco = [connect(endpoint=[endpoint])]
        call["to"] = [{"type": "phone", "number": CALLEE}]
        assert (await harness.api("POST", "/v1/calls", call | {"ncco": ncco})).status == status
        transferred = await harness.receive_call([talk("again", loop=0)])
        transfer = {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}}
        expected = 204 if status == 201 else 400
        assert (await transferred.put(transfer)).status == expected


async def test_connect_over_three_a_second_is_an_error_event(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="busy", after=0)
    await harness.receive_call([connect(), connect(), connect(), connect(), talk("next")])
    await harness.step(1)
    assert len(harness.events(status="busy")) == 3
    assert [body["reason"] for body in harness.events() if "reason" in body]


async def test_connect_callee_can_be_controlled_by_reject_and_answer(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.receive_call([connect(), connect()])
    await harness.step(5)
    first = await harness.called_leg()
    assert (
        await harness.control("POST", f"/calls/{first.uuid}/reject", {"reason": "busy"})
    ).status == 204
    await harness.step(1)
    assert "busy" in harness.statuses(first.uuid)
    second = await harness.called_leg()
    await second.answer()
    assert await second.status() == "answered"
    assert await call.status() == "answered"


# Machine detection


async def test_amd_synchronous_human_comes_before_the_first_action(
    harness: SimulatorHarness,
) -> None:
    call = await harness.place_call([talk("hello")], machine_detection="continue")
    await harness.step(2.9)
    assert await call.texts() == []
    await harness.step(0.2)
    assert await call.texts() == ["hello"]
    assert harness.statuses() == ["started", "ringing", "answered", "human"]


async def test_amd_events_have_call_uuid_and_no_direction(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="machine")
    call = await harness.place_call([talk("hello")], machine_detection="continue")
    await harness.step(6)
    (machine,) = harness.events(status="machine")
    assert machine["call_uuid"] == call.uuid
    assert "uuid" not in machine
    assert "direction" not in machine


async def test_amd_hangup_ends_the_call_when_a_machine_answers(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="machine")
    await harness.place_call([talk("hello")], machine_detection="hangup")
    await harness.step(6)
    assert harness.statuses() == ["started", "ringing", "answered", "machine", "completed"]


async def test_amd_hangup_continues_when_a_person_answers(harness: SimulatorHarness) -> None:
    call = await harness.place_call([talk("hello")], machine_detection="hangup")
    await harness.step(6)
    assert await call.texts() == ["hello"]


async def test_amd_detect_beep_waits_for_the_beep(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="machine", beep_after=8)
    call = await harness.place_call(
        [talk("hello")], advanced_machine_detection={"mode": "detect_beep"}
    )
    await harness.step(8.9)
    assert await call.texts() == []
    await harness.step(0.2)
    assert await call.texts() == ["hello"]
    assert [body.get("sub_state") for body in harness.events(status="machine")] == [
        None,
        "beep_start",
    ]


async def test_amd_detect_beep_ends_after_beep_timeout(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="machine", beep_after=None)
    await harness.place_call(
        [talk("hello")], advanced_machine_detection={"mode": "detect_beep", "beep_timeout": 30}
    )
    await harness.step(40)
    assert harness.events(status="machine")[-1]["sub_state"] == "beep_timeout"


async def test_amd_asynchronous_starts_the_ncco_immediately_and_accepts_another_in_response(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="machine")
    harness.on(
        "/event",
        lambda webhook: (
            [talk("a message for your machine")]
            if webhook.fields.get("status") == "machine" and "sub_state" not in webhook.fields
            else web.Response(status=204)
        ),
    )
    call = await harness.place_call(
        [talk(words(80))], advanced_machine_detection={"mode": "default"}
    )
    await harness.step(10)
    first, second = await call.heard("talk")
    assert (first["from_ms"], first["to_ms"]) == (1000, 5500)
    assert second["text"] == "a message for your machine"


async def test_amd_default_reports_the_beep_and_accepts_an_ncco_in_response_to_it(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="machine", beep_after=8)
    harness.on(
        "/event",
        lambda webhook: (
            [talk(webhook.fields.get("sub_state", "a machine")), {"action": "wait", "timeout": 9}]
            if webhook.fields.get("status") == "machine"
            else web.Response(status=204)
        ),
    )
    call = await harness.place_call(
        [talk(words(80))], advanced_machine_detection={"mode": "default"}
    )
    await harness.step(12)
    assert (await call.texts())[1:] == ["a machine", "beep_start"]
    _, beep = harness.events(status="machine")
    assert (beep["call_uuid"], beep["timestamp"]) == (call.uuid, "2023-11-14T22:13:29.000Z")


async def test_amd_default_reports_nothing_more_after_the_end_of_the_call(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="machine", beep_after=8)
    call = await harness.place_call(
        [talk(words(80))], advanced_machine_detection={"mode": "default"}
    )
    await harness.step(6)
    await call.hang_up()
    await harness.step(60)
    assert harness.statuses(call.uuid)[-2:] == ["machine", "completed"]


@pytest.mark.parametrize("mode", ["detect", "detect_beep"])
async def test_amd_hangup_runs_no_action_and_asks_no_answer_url(
    harness: SimulatorHarness, mode: str
) -> None:
    await harness.callee(behaviour="machine")
    detection = {"behavior": "hangup", "mode": mode}
    call = await harness.place_call(
        answer_url=[harness.url("/answer")],
        to=[{"type": "phone", "number": CALLEE, "dtmfAnswer": "1"}],
        advanced_machine_detection=detection,
    )
    await harness.step(60)
    assert harness.statuses(call.uuid)[-2:] == ["machine", "completed"]
    assert not harness.sent_to("/answer")
    assert not await harness.entries("action", call.uuid)
    assert not await harness.entries("sound", call.uuid)


async def test_amd_hangup_of_a_connect_asks_no_on_answer_url(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="machine")
    endpoint = {"type": "phone", "number": CALLEE, "onAnswer": {"url": harness.url("/whisper")}}
    await harness.receive_call(
        [{"action": "connect", "endpoint": [endpoint], "machineDetection": "hangup"}, talk("bye")]
    )
    await harness.step(30)
    assert not harness.sent_to("/whisper")
    assert harness.statuses((await harness.called_leg()).uuid)[-2:] == ["machine", "completed"]


async def test_amd_synchronous_ignores_an_ncco_in_response(harness: SimulatorHarness) -> None:
    harness.on("/event", [talk("not heard")])
    call = await harness.place_call([talk("hello")], machine_detection="continue")
    await harness.step(10)
    assert await call.texts() == ["hello"]


async def test_amd_advanced_wins_over_the_plain_kind(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="machine")
    call = await harness.place_call(
        [talk("hello")],
        machine_detection="hangup",
        advanced_machine_detection={"behavior": "continue"},
    )
    await harness.step(6)
    assert await call.texts() == ["hello"]


async def test_amd_a_machine_says_its_greeting(harness: SimulatorHarness) -> None:
    await harness.callee(behaviour="machine", greeting="leave a message")
    call = await harness.receive_call([connect()])
    await harness.step(5)
    assert [sound["text"] for sound in await call.heard("speech")] == ["leave a message"]


async def test_connect_machine_detection_reports_on_the_called_leg(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="machine")
    await harness.receive_call([connect(machineDetection="hangup"), talk("no machines")])
    await harness.step(8)
    called = await harness.called_leg()
    assert harness.statuses(called.uuid) == [
        "started",
        "ringing",
        "answered",
        "machine",
        "completed",
    ]
    assert CALLER not in [body["from"] for body in harness.events(status="machine")]
