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
    """A connect to the callee's phone."""
    return {
        "action": "connect",
        "from": NUMBER,
        "endpoint": [{"type": "phone", "number": CALLEE}],
    } | options


def phone(**options: Any) -> list[dict[str, Any]]:
    """The callee's phone as an endpoint."""
    return [{"type": "phone", "number": CALLEE} | options]


async def test_connect_rings_the_called_side_and_joins_the_two(stage: SimulatorHarness) -> None:
    call = await stage.ring([connect()])
    await stage.step(0.5)
    assert [sound["kind"] for sound in await call.heard()] == ["ringing"]
    await stage.step(1)
    called = await stage.called_leg()
    assert called.conversation_uuid == call.conversation_uuid
    await call.say("hello there")
    await stage.step(1)
    await called.say("hi")
    await stage.step(1)
    assert [sound["text"] for sound in await called.heard("speech")] == ["hello there"]
    assert [sound["text"] for sound in await call.heard("speech")] == ["hi"]


async def test_connect_sends_the_full_life_cycle_of_the_called_leg(stage: SimulatorHarness) -> None:
    call = await stage.ring([connect()])
    await stage.step(10)
    called = await stage.called_leg()
    await call.hang_up()
    assert stage.statuses(called.uuid) == ["started", "ringing", "answered", "completed"]
    started = stage.events(uuid=called.uuid, status="started")[0]
    assert (started["from"], started["to"]) == (NUMBER, CALLEE)
    assert started["direction"] == "outbound"


async def test_connect_event_url_gets_the_events_of_the_called_leg(stage: SimulatorHarness) -> None:
    await stage.ring([connect(eventUrl=[stage.url("/leg")])])
    await stage.step(5)
    assert [got.fields["status"] for got in stage.sent_to("/leg")] == [
        "started",
        "ringing",
        "answered",
    ]


async def test_connect_ends_for_both_when_the_caller_hangs_up(stage: SimulatorHarness) -> None:
    call = await stage.ring([connect()])
    await stage.step(5)
    await call.hang_up()
    assert await (await stage.called_leg()).status() == "completed"


async def test_connect_ends_when_the_called_side_hangs_up_and_the_next_action_runs(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([connect(), talk("they have gone")])
    await stage.step(5)
    await (await stage.called_leg()).hang_up()
    await stage.step(1)
    assert await call.texts() == ["they have gone"]


async def test_connect_as_the_last_action_ends_the_call(stage: SimulatorHarness) -> None:
    call = await stage.ring([connect()])
    await stage.step(5)
    await (await stage.called_leg()).hang_up()
    assert await call.status() == "completed"


async def test_connect_caller_who_hangs_up_while_it_rings_cancels_it(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="manual")
    call = await stage.ring([connect()])
    await stage.step(5)
    await call.hang_up()
    called = await stage.called_leg()
    assert stage.statuses(called.uuid) == ["started", "ringing", "cancelled", "completed"]


@pytest.mark.parametrize(
    ("behaviour", "status", "extra"),
    [
        ("busy", "busy", {"sip_code": 486}),
        ("unavailable", "unanswered", {"detail": "unavailable", "sip_code": 480}),
        ("invalid", "failed", {"detail": "cannot_route", "sip_code": 404}),
    ],
)
async def test_connect_that_fails_runs_the_next_action_and_the_leg_completes(
    stage: SimulatorHarness, behaviour: str, status: str, extra: dict[str, Any]
) -> None:
    await stage.callee(behaviour=behaviour)
    call = await stage.ring([connect(), talk("nobody there")])
    await stage.step(3)
    called = await stage.called_leg()
    assert stage.statuses(called.uuid) == ["started", "ringing", status, "completed"]
    assert stage.events(status=status)[0].items() >= extra.items()
    assert await call.texts() == ["nobody there"]


async def test_connect_rejected_has_no_completed(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="reject")
    await stage.ring([connect(), talk("nobody there")])
    await stage.step(3)
    called = await stage.called_leg()
    assert stage.statuses(called.uuid) == ["started", "ringing", "rejected"]
    assert stage.events(status="rejected")[0]["detail"] == "declined"


async def test_connect_timeout_defaults_to_60_seconds_of_ringing(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="no_answer")
    await stage.ring([connect()])
    await stage.step(59.9)
    assert not stage.events(status="timeout")
    await stage.step(0.2)
    assert stage.events(status="timeout")


async def test_connect_timeout_may_be_text(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="no_answer")
    await stage.ring([connect(timeout="5")])
    await stage.step(5)
    assert stage.events(status="timeout")


async def test_connect_limit_ends_the_called_leg(stage: SimulatorHarness) -> None:
    call = await stage.ring([connect(limit=10), talk("time is up")])
    await stage.step(12)
    assert await (await stage.called_leg()).status() == "completed"
    assert await call.texts() == ["time is up"]


async def test_connect_synchronous_failure_is_answered_with_another_ncco(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="busy")
    stage.on(
        "/leg",
        lambda got: [talk("another one")] if got.fields["status"] == "busy" else [],
    )
    call = await stage.ring(
        [connect(eventType="synchronous", eventUrl=[stage.url("/leg")]), talk("never heard")]
    )
    await stage.step(5)
    assert await call.texts() == ["another one"]


async def test_connect_synchronous_reply_without_an_ncco_lets_the_next_action_run(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="no_answer")
    stage.on("/leg", [])
    call = await stage.ring(
        [connect(eventType="synchronous", timeout=5, eventUrl=[stage.url("/leg")]), talk("next")]
    )
    await stage.step(8)
    assert await call.texts() == ["next"]


async def test_connect_failure_without_synchronous_cannot_be_answered(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="busy")
    stage.on("/leg", [talk("not heard")])
    call = await stage.ring([connect(eventUrl=[stage.url("/leg")]), talk("next")])
    await stage.step(5)
    assert await call.texts() == ["next"]


async def test_connect_completed_of_the_called_leg_comes_after_the_reply_to_its_failure(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="busy")
    stage.on("/leg", [])
    await stage.ring([connect(eventType="synchronous", eventUrl=[stage.url("/leg")])])
    await stage.step(5)
    assert [got.fields["status"] for got in stage.sent_to("/leg")][-2:] == ["busy", "completed"]


async def test_connect_from_that_is_not_a_number_of_the_account_is_shown_as_unknown(
    stage: SimulatorHarness,
) -> None:
    await stage.ring([connect(**{"from": "15551234567"})])
    await stage.step(1)
    assert stage.events(direction="outbound", status="started")[0]["from"] == "Unknown"


async def test_connect_random_from_number_is_one_of_the_applications(
    stage: SimulatorHarness,
) -> None:
    action = connect(randomFromNumber=True)
    del action["from"]
    await stage.ring([action])
    await stage.step(1)
    chosen = stage.events(direction="outbound", status="started")[0]["from"]
    assert chosen in (NUMBER, SECOND_NUMBER)


async def test_connect_dtmf_answer_is_sent_to_the_called_side_before_they_are_joined(
    stage: SimulatorHarness,
) -> None:
    call = await stage.ring([connect(endpoint=phone(dtmfAnswer="p*1#"))])
    await stage.step(1.5)  # answered at 1; half a second of pause, three digits of 200 ms
    await call.say("too early to be heard")
    await stage.step(3)
    called = await stage.called_leg()
    assert [sound["digits"] for sound in await called.heard("dtmf")] == ["p*1#"]
    assert await called.heard("speech") == []


async def test_connect_on_answer_runs_its_ncco_on_the_called_leg_before_they_are_joined(
    stage: SimulatorHarness,
) -> None:
    stage.on("/whisper", [talk(words(8))])
    call = await stage.ring([connect(endpoint=phone(onAnswer={"url": stage.url("/whisper")}))])
    await stage.step(2)
    called = await stage.called_leg()
    assert await called.texts() == [words(8)]
    assert (await call.heard("ringing"))[0]["to_ms"] is None
    await stage.step(3)
    assert (await call.heard("ringing"))[0]["to_ms"] == 4000
    assert await call.texts() == []
    (got,) = stage.sent_to("/whisper")
    assert (got.method, got.fields["uuid"]) == ("GET", called.uuid)


async def test_connect_ringback_tone_is_heard_by_the_caller(stage: SimulatorHarness) -> None:
    url = "https://example.com/ring.mp3"
    call = await stage.ring(
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
    stage: SimulatorHarness, endpoint: dict[str, Any], to: str | None
) -> None:
    await stage.ring([connect(endpoint=[endpoint])])
    await stage.step(3)
    assert stage.events(status="answered")[-1]["to"] == (to or endpoint["uri"])


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
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await stage.ring([connect() | bad])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


async def test_connect_websocket_headers_have_up_to_512_bytes(stage: SimulatorHarness) -> None:
    endpoint = {
        "type": "websocket",
        "uri": "ws://127.0.0.1:9",
        "content-type": "audio/l16;rate=16000",
        "headers": {"a": "x" * 512},
    }
    await stage.ring([connect(endpoint=[endpoint])])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


async def test_connect_over_three_a_second_is_an_error_event(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="busy", after=0)
    await stage.ring([connect(), connect(), connect(), connect(), talk("next")])
    await stage.step(1)
    assert len(stage.events(status="busy")) == 3
    assert [body["reason"] for body in stage.events() if "reason" in body]


async def test_connect_called_side_is_rejected_and_answered_by_hand(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="manual")
    call = await stage.ring([connect(), connect()])
    await stage.step(5)
    first = await stage.called_leg()
    assert (
        await stage.sim("POST", f"/calls/{first.uuid}/reject", {"reason": "busy"})
    ).status == 204
    await stage.step(1)
    assert "busy" in stage.statuses(first.uuid)
    second = await stage.called_leg()
    await second.answer()
    assert await second.status() == "answered"
    assert await call.status() == "answered"


# Machine detection


async def test_amd_synchronous_human_comes_before_the_first_action(stage: SimulatorHarness) -> None:
    call = await stage.place([talk("hello")], machine_detection="continue")
    await stage.step(2.9)
    assert await call.texts() == []
    await stage.step(0.2)
    assert await call.texts() == ["hello"]
    assert stage.statuses() == ["started", "ringing", "answered", "human"]


async def test_amd_events_have_call_uuid_and_no_direction(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="machine")
    call = await stage.place([talk("hello")], machine_detection="continue")
    await stage.step(6)
    (machine,) = stage.events(status="machine")
    assert machine["call_uuid"] == call.uuid
    assert "uuid" not in machine
    assert "direction" not in machine


async def test_amd_hangup_ends_the_call_when_a_machine_answers(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="machine")
    await stage.place([talk("hello")], machine_detection="hangup")
    await stage.step(6)
    assert stage.statuses() == ["started", "ringing", "answered", "machine", "completed"]


async def test_amd_hangup_lets_a_person_through(stage: SimulatorHarness) -> None:
    call = await stage.place([talk("hello")], machine_detection="hangup")
    await stage.step(6)
    assert await call.texts() == ["hello"]


async def test_amd_detect_beep_waits_for_the_beep(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="machine", beep_after=8)
    call = await stage.place([talk("hello")], advanced_machine_detection={"mode": "detect_beep"})
    await stage.step(8.9)
    assert await call.texts() == []
    await stage.step(0.2)
    assert await call.texts() == ["hello"]
    assert [body.get("sub_state") for body in stage.events(status="machine")] == [
        None,
        "beep_start",
    ]


async def test_amd_detect_beep_gives_up_after_beep_timeout(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="machine", beep_after=None)
    await stage.place(
        [talk("hello")], advanced_machine_detection={"mode": "detect_beep", "beep_timeout": 30}
    )
    await stage.step(40)
    assert stage.events(status="machine")[-1]["sub_state"] == "beep_timeout"


async def test_amd_asynchronous_starts_the_ncco_at_once_and_can_be_answered_with_another(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="machine")
    stage.on(
        "/event",
        lambda got: (
            [talk("a message for your machine")]
            if got.fields.get("status") == "machine"
            else web.Response(status=204)
        ),
    )
    call = await stage.place([talk(words(80))], advanced_machine_detection={"mode": "default"})
    await stage.step(10)
    first, second = await call.heard("talk")
    assert (first["from_ms"], first["to_ms"]) == (1000, 5500)
    assert second["text"] == "a message for your machine"


async def test_amd_synchronous_cannot_be_answered_with_an_ncco(stage: SimulatorHarness) -> None:
    stage.on("/event", [talk("not heard")])
    call = await stage.place([talk("hello")], machine_detection="continue")
    await stage.step(10)
    assert await call.texts() == ["hello"]


async def test_amd_advanced_wins_over_the_plain_kind(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="machine")
    call = await stage.place(
        [talk("hello")],
        machine_detection="hangup",
        advanced_machine_detection={"behavior": "continue"},
    )
    await stage.step(6)
    assert await call.texts() == ["hello"]


async def test_amd_a_machine_says_its_greeting(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="machine", greeting="leave a message")
    call = await stage.ring([connect()])
    await stage.step(5)
    assert [sound["text"] for sound in await call.heard("speech")] == ["leave a message"]


async def test_connect_machine_detection_reports_on_the_called_leg(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="machine")
    await stage.ring([connect(machineDetection="hangup"), talk("no machines")])
    await stage.step(8)
    called = await stage.called_leg()
    assert stage.statuses(called.uuid) == [
        "started",
        "ringing",
        "answered",
        "machine",
        "completed",
    ]
    assert CALLER not in [body["from"] for body in stage.events(status="machine")]
