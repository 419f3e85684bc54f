"""NCCO reference: conversation and transfer; who hears whom; moderators, music, recordings."""

from typing import Any

import pytest

from tests.simulator.harness import SYNTAX_ERROR, HarnessCall, SimulatorHarness, talk
from tests.simulator.test_ncco_talk_and_stream import audio_file


def enter(**options: Any) -> dict[str, Any]:
    """An action that joins the room."""
    return {"action": "conversation", "name": "room"} | options


async def join(stage: SimulatorHarness, **options: Any) -> HarnessCall:
    """Somebody calls and joins the room."""
    return await stage.ring([enter(**options)])


async def heard_of(call: HarnessCall) -> list[str]:
    """The texts that other people said to this leg."""
    return [sound["text"] for sound in await call.heard("speech")]


async def test_conversation_members_hear_each_other(stage: SimulatorHarness) -> None:
    first, second, third = [await join(stage) for _ in range(3)]
    await first.say("good morning")
    await stage.step(2)
    assert await heard_of(second) == await heard_of(third) == ["good morning"]
    assert await heard_of(first) == []


async def test_conversation_keys_are_heard_by_the_others(stage: SimulatorHarness) -> None:
    first, second = await join(stage), await join(stage)
    await first.press("5")
    await stage.step(1)
    assert [sound["digits"] for sound in await second.heard("dtmf")] == ["5"]


async def test_conversation_sends_a_transfer_event_when_the_leg_moves_to_it(
    stage: SimulatorHarness,
) -> None:
    first = await join(stage)
    second = await join(stage)
    events = stage.events(type="transfer")
    assert [event["uuid"] for event in events] == [first.uuid, second.uuid]
    assert events[0]["conversation_uuid_from"] == first.conversation_uuid
    assert events[0]["conversation_uuid_to"] == events[1]["conversation_uuid_to"]


async def test_conversation_later_events_carry_its_uuid(stage: SimulatorHarness) -> None:
    call = await join(stage)
    (event,) = stage.events(type="transfer")
    await call.hang_up()
    (completed,) = stage.events(status="completed")
    assert completed["conversation_uuid"] == event["conversation_uuid_to"]


async def test_conversation_is_terminal_while_in_the_room(stage: SimulatorHarness) -> None:
    call = await stage.ring([enter(), talk("never heard")])
    await stage.step(3000)
    assert await call.texts() == []
    assert await call.status() == "answered"


async def test_conversation_name_is_reused_with_the_same_uuid(stage: SimulatorHarness) -> None:
    first = await join(stage)
    await first.hang_up()
    await join(stage)
    first_event, second_event = stage.events(type="transfer")
    assert first_event["conversation_uuid_to"] == second_event["conversation_uuid_to"]


async def test_conversation_start_on_enter_false_waits_for_the_moderator(
    stage: SimulatorHarness,
) -> None:
    first = await join(stage, startOnEnter=False)
    second = await join(stage, startOnEnter="false")
    await first.say("hello")
    await stage.step(2)
    assert await heard_of(second) == []
    await join(stage)
    await first.say("now then")
    await stage.step(2)
    assert await heard_of(second) == ["now then"]


async def test_conversation_music_on_hold_plays_until_the_moderator_comes(
    stage: SimulatorHarness,
) -> None:
    stage.on("/hold.wav", audio_file(3))
    call = await join(stage, startOnEnter=False, musicOnHoldUrl=[stage.url("/hold.wav")])
    await stage.step(20)
    assert (await call.heard("stream"))[0]["to_ms"] is None
    await join(stage)
    assert (await call.heard("stream"))[0]["to_ms"] == 20_000


async def test_conversation_end_on_exit_ends_it_for_everybody(stage: SimulatorHarness) -> None:
    moderator = await join(stage, endOnExit=True)
    others = [await join(stage), await join(stage)]
    await moderator.hang_up()
    assert [await other.status() for other in others] == ["completed", "completed"]


async def test_conversation_goes_on_when_somebody_without_end_on_exit_leaves(
    stage: SimulatorHarness,
) -> None:
    first, second = await join(stage), await join(stage)
    await first.hang_up()
    assert await second.status() == "answered"


async def test_conversation_mute_is_not_heard(stage: SimulatorHarness) -> None:
    first, second = await join(stage, mute=True), await join(stage)
    await first.say("can you hear me")
    await stage.step(3)
    assert await heard_of(second) == []


async def test_conversation_can_speak_names_who_hears_this_leg(stage: SimulatorHarness) -> None:
    first, second = await join(stage), await join(stage)
    third = await join(stage, canSpeak=[first.uuid])
    await third.say("for one alone")
    await stage.step(3)
    assert await heard_of(first) == ["for one alone"]
    assert await heard_of(second) == []


async def test_conversation_can_hear_names_whom_this_leg_hears(stage: SimulatorHarness) -> None:
    first, second = await join(stage), await join(stage)
    third = await join(stage, canHear=[first.uuid])
    await first.say("one")
    await second.say("two")
    await stage.step(3)
    assert await heard_of(third) == ["one"]


async def test_conversation_can_hear_nobody(stage: SimulatorHarness) -> None:
    first = await join(stage)
    third = await join(stage, canHear=[])
    await first.say("one")
    await stage.step(3)
    assert await heard_of(third) == []


async def test_conversation_has_up_to_50_members(make_stage: Any) -> None:
    stage = await make_stage(conversation_members=2)
    await join(stage)
    await join(stage)
    third = await join(stage)
    await stage.step(1)
    assert await third.status() == "completed"
    assert [body["reason"] for body in stage.events() if "reason" in body]


async def test_conversation_record_runs_from_the_first_entry_to_the_end_of_the_room(
    stage: SimulatorHarness,
) -> None:
    options = {"record": True, "eventUrl": [stage.url("/recordings")]}
    first = await join(stage, **options)
    await stage.step(10)
    second = await join(stage, **options)
    await stage.step(10)
    await first.hang_up()
    await stage.step(10)
    assert not stage.sent_to("/recordings")
    await second.hang_up()
    await stage.step(3)
    (got,) = stage.sent_to("/recordings")
    assert got.fields["start_time"] == "2023-11-14T22:13:20Z"
    assert got.fields["end_time"] == "2023-11-14T22:13:50Z"
    (event, _) = stage.events(type="transfer")
    assert got.fields["conversation_uuid"] == event["conversation_uuid_to"]


async def test_conversation_record_of_a_moderated_room_starts_with_the_moderator(
    stage: SimulatorHarness,
) -> None:
    waiting = await join(stage, startOnEnter=False)
    await stage.step(10)
    options = {"record": True, "eventUrl": [stage.url("/recordings")], "endOnExit": True}
    moderator = await join(stage, **options)
    await stage.step(5)
    await moderator.hang_up()
    await stage.step(3)
    assert await waiting.status() == "completed"
    (got,) = stage.sent_to("/recordings")
    assert got.fields["start_time"] == "2023-11-14T22:13:30Z"


async def test_conversation_event_url_gets_no_call_progress_events(stage: SimulatorHarness) -> None:
    call = await join(stage, eventUrl=[stage.url("/room")])
    await stage.step(5)
    await call.hang_up()
    assert not stage.sent_to("/room")
    assert stage.events(status="completed")


@pytest.mark.parametrize(
    "bad",
    [
        {"name": None},
        {"name": ""},
        {"mute": True, "canSpeak": []},
        {"canHear": "leg"},
        {"musicOnHoldUrl": "https://example.com/a.mp3"},
        {"startOnEnter": "maybe"},
    ],
)
async def test_conversation_out_of_range_is_a_syntax_error(
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await stage.ring([enter(**bad)])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


async def test_transfer_moves_every_leg_to_an_existing_conversation(
    stage: SimulatorHarness,
) -> None:
    there = await join(stage)
    room = (await there.view())["conversation_uuid"]
    call = await stage.ring([{"action": "transfer", "conversationId": room}, talk("never heard")])
    await stage.step(5)
    assert (await call.view())["conversation_uuid"] == room
    assert stage.events(type="transfer", uuid=call.uuid)[0]["conversation_uuid_to"] == room
    await there.say("welcome")
    await stage.step(2)
    assert await heard_of(call) == ["welcome"]
    assert await call.texts() == []


async def test_transfer_mute_is_not_heard(stage: SimulatorHarness) -> None:
    there = await join(stage)
    room = (await there.view())["conversation_uuid"]
    call = await stage.ring([{"action": "transfer", "conversationId": room, "mute": True}])
    await call.say("hello")
    await stage.step(2)
    assert await heard_of(there) == []


@pytest.mark.parametrize(
    "bad", [{"conversationId": None}, {"conversationId": "CON-x", "mute": True, "canSpeak": []}]
)
async def test_transfer_out_of_range_is_a_syntax_error(
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await stage.ring([{"action": "transfer"} | bad])
    await stage.step(2)
    assert stage.events(reason=SYNTAX_ERROR)


async def test_transfer_to_an_unknown_conversation_is_an_error_event(
    stage: SimulatorHarness,
) -> None:
    await stage.ring([{"action": "transfer", "conversationId": "CON-unknown"}])
    await stage.step(2)
    assert [body["reason"] for body in stage.events() if "reason" in body]
