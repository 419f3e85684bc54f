"""NCCO reference: conversation and transfer; who hears whom; moderators, music, recordings."""

from typing import Any

import pytest

from tests.simulator.harness import SYNTAX_ERROR, HarnessCall, SimulatorHarness, talk
from tests.simulator.test_ncco_talk_and_stream import audio_file


def enter(**options: Any) -> dict[str, Any]:
    """Return an action that joins the conversation."""
    return {"action": "conversation", "name": "room"} | options


async def join(harness: SimulatorHarness, **options: Any) -> HarnessCall:
    """Call the number and join the conversation."""
    return await harness.receive_call([enter(**options)])


async def speech_heard_by(call: HarnessCall) -> list[str]:
    """Return the texts that other people said to this leg."""
    return [sound["text"] for sound in await call.heard("speech")]


async def test_conversation_members_hear_each_other(harness: SimulatorHarness) -> None:
    first, second, third = [await join(harness) for _ in range(3)]
    await first.say("good morning")
    await harness.step(2)
    assert await speech_heard_by(second) == await speech_heard_by(third) == ["good morning"]
    assert await speech_heard_by(first) == []


async def test_conversation_digits_are_heard_by_the_others(harness: SimulatorHarness) -> None:
    first, second = await join(harness), await join(harness)
    await first.press("5")
    await harness.step(1)
    assert [sound["digits"] for sound in await second.heard("dtmf")] == ["5"]


async def test_conversation_sends_a_transfer_event_when_the_leg_moves_to_it(
    harness: SimulatorHarness,
) -> None:
    first = await join(harness)
    second = await join(harness)
    events = harness.events(type="transfer")
    assert [event["uuid"] for event in events] == [first.uuid, second.uuid]
    assert events[0]["conversation_uuid_from"] == first.conversation_uuid
    assert events[0]["conversation_uuid_to"] == events[1]["conversation_uuid_to"]


async def test_conversation_later_events_carry_its_uuid(harness: SimulatorHarness) -> None:
    call = await join(harness)
    (event,) = harness.events(type="transfer")
    await call.hang_up()
    (completed,) = harness.events(status="completed")
    assert completed["conversation_uuid"] == event["conversation_uuid_to"]


async def test_conversation_blocks_later_actions(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([enter(), talk("never heard")])
    await harness.step(3000)
    assert await call.texts() == []
    assert await call.status() == "answered"


async def test_conversation_name_is_reused_with_the_same_uuid(harness: SimulatorHarness) -> None:
    first = await join(harness)
    await first.hang_up()
    await join(harness)
    first_event, second_event = harness.events(type="transfer")
    assert first_event["conversation_uuid_to"] == second_event["conversation_uuid_to"]


async def test_conversation_start_on_enter_false_waits_for_the_moderator(
    harness: SimulatorHarness,
) -> None:
    first = await join(harness, startOnEnter=False)
    second = await join(harness, startOnEnter="false")
    await first.say("hello")
    await harness.step(2)
    assert await speech_heard_by(second) == []
    await join(harness)
    await first.say("now then")
    await harness.step(2)
    assert await speech_heard_by(second) == ["now then"]


async def test_conversation_music_on_hold_plays_until_the_moderator_joins(
    harness: SimulatorHarness,
) -> None:
    harness.on("/hold.wav", audio_file(3))
    call = await join(harness, startOnEnter=False, musicOnHoldUrl=[harness.url("/hold.wav")])
    await harness.step(20)
    assert (await call.heard("stream"))[0]["to_ms"] is None
    await join(harness)
    assert (await call.heard("stream"))[0]["to_ms"] == 20_000


async def test_conversation_end_on_exit_ends_it_for_all_members(harness: SimulatorHarness) -> None:
    moderator = await join(harness, endOnExit=True)
    others = [await join(harness), await join(harness)]
    await moderator.hang_up()
    assert [await other.status() for other in others] == ["completed", "completed"]


async def test_conversation_continues_when_a_member_without_end_on_exit_leaves(
    harness: SimulatorHarness,
) -> None:
    first, second = await join(harness), await join(harness)
    await first.hang_up()
    assert await second.status() == "answered"


async def test_conversation_mute_is_not_heard(harness: SimulatorHarness) -> None:
    first, second = await join(harness, mute=True), await join(harness)
    await first.say("can you hear me")
    await harness.step(3)
    assert await speech_heard_by(second) == []


async def test_conversation_can_speak_lists_who_hears_this_leg(harness: SimulatorHarness) -> None:
    first, second = await join(harness), await join(harness)
    third = await join(harness, canSpeak=[first.uuid])
    await third.say("for one alone")
    await harness.step(3)
    assert await speech_heard_by(first) == ["for one alone"]
    assert await speech_heard_by(second) == []


async def test_conversation_can_hear_lists_whom_this_leg_hears(harness: SimulatorHarness) -> None:
    first, second = await join(harness), await join(harness)
    third = await join(harness, canHear=[first.uuid])
    await first.say("one")
    await second.say("two")
    await harness.step(3)
    assert await speech_heard_by(third) == ["one"]


async def test_conversation_can_hear_can_be_empty(harness: SimulatorHarness) -> None:
    first = await join(harness)
    third = await join(harness, canHear=[])
    await first.say("one")
    await harness.step(3)
    assert await speech_heard_by(third) == []


async def test_conversation_has_up_to_50_members(make_harness: Any) -> None:
    harness = await make_harness(conversation_members=2)
    await join(harness)
    await join(harness)
    third = await join(harness)
    await harness.step(1)
    assert await third.status() == "completed"
    assert [body["reason"] for body in harness.events() if "reason" in body]


async def test_conversation_record_runs_from_the_first_entry_until_all_members_left(
    harness: SimulatorHarness,
) -> None:
    options = {"record": True, "eventUrl": [harness.url("/recordings")]}
    first = await join(harness, **options)
    await harness.step(10)
    second = await join(harness, **options)
    await harness.step(10)
    await first.hang_up()
    await harness.step(10)
    assert not harness.sent_to("/recordings")
    await second.hang_up()
    await harness.step(3)
    (webhook,) = harness.sent_to("/recordings")
    assert webhook.fields["start_time"] == "2023-11-14T22:13:20Z"
    assert webhook.fields["end_time"] == "2023-11-14T22:13:50Z"
    (event, _) = harness.events(type="transfer")
    assert webhook.fields["conversation_uuid"] == event["conversation_uuid_to"]


async def test_conversation_record_of_a_moderated_conversation_starts_with_the_moderator(
    harness: SimulatorHarness,
) -> None:
    waiting = await join(harness, startOnEnter=False)
    await harness.step(10)
    options = {"record": True, "eventUrl": [harness.url("/recordings")], "endOnExit": True}
    moderator = await join(harness, **options)
    await harness.step(5)
    await moderator.hang_up()
    await harness.step(3)
    assert await waiting.status() == "completed"
    (webhook,) = harness.sent_to("/recordings")
    assert webhook.fields["start_time"] == "2023-11-14T22:13:30Z"


@pytest.mark.parametrize("moderator_records", [False, True])
async def test_conversation_record_of_a_waiting_leg_starts_with_the_moderator(
    harness: SimulatorHarness, moderator_records: bool
) -> None:
    url = [harness.url("/recordings")]
    await join(harness, startOnEnter=False, record=True, eventUrl=url)
    await harness.step(10)
    other_url = [harness.url("/others")]
    moderator = await join(harness, record=moderator_records, eventUrl=other_url, endOnExit=True)
    await harness.step(5)
    await moderator.hang_up()
    await harness.step(3)
    (webhook,) = harness.sent_to("/recordings")
    assert webhook.fields["start_time"] == "2023-11-14T22:13:30Z"
    assert webhook.fields["end_time"] == "2023-11-14T22:13:35Z"
    assert not harness.sent_to("/others")


async def test_conversation_record_without_a_moderator_makes_no_recording(
    harness: SimulatorHarness,
) -> None:
    url = [harness.url("/recordings")]
    waiting = await join(harness, startOnEnter=False, record=True, eventUrl=url)
    await harness.step(10)
    await waiting.hang_up()
    moderator = await join(harness, endOnExit=True)  # in an empty room, without record
    await harness.step(10)
    await moderator.hang_up()
    await harness.step(3)
    assert not harness.sent_to("/recordings")
    assert not await harness.entries("recording")


async def test_conversation_event_url_gets_no_call_progress_events(
    harness: SimulatorHarness,
) -> None:
    call = await join(harness, eventUrl=[harness.url("/room")])
    await harness.step(5)
    await call.hang_up()
    assert not harness.sent_to("/room")
    assert harness.events(status="completed")


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
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await harness.receive_call([enter(**bad)])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


async def test_transfer_moves_every_leg_to_an_existing_conversation(
    harness: SimulatorHarness,
) -> None:
    there = await join(harness)
    conversation_uuid = (await there.view())["conversation_uuid"]
    call = await harness.receive_call(
        [{"action": "transfer", "conversationId": conversation_uuid}, talk("never heard")]
    )
    await harness.step(5)
    assert (await call.view())["conversation_uuid"] == conversation_uuid
    assert (
        harness.events(type="transfer", uuid=call.uuid)[0]["conversation_uuid_to"]
        == conversation_uuid
    )
    await there.say("welcome")
    await harness.step(2)
    assert await speech_heard_by(call) == ["welcome"]
    assert await call.texts() == []


async def test_transfer_mute_is_not_heard(harness: SimulatorHarness) -> None:
    there = await join(harness)
    conversation_uuid = (await there.view())["conversation_uuid"]
    call = await harness.receive_call(
        [{"action": "transfer", "conversationId": conversation_uuid, "mute": True}]
    )
    await call.say("hello")
    await harness.step(2)
    assert await speech_heard_by(there) == []


@pytest.mark.parametrize(
    "bad", [{"conversationId": None}, {"conversationId": "CON-x", "mute": True, "canSpeak": []}]
)
async def test_transfer_out_of_range_is_a_syntax_error(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await harness.receive_call([{"action": "transfer"} | bad])
    await harness.step(2)
    assert harness.events(reason=SYNTAX_ERROR)


async def test_transfer_to_an_unknown_conversation_is_an_error_event(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call([{"action": "transfer", "conversationId": "CON-unknown"}])
    await harness.step(2)
    assert [body["reason"] for body in harness.events() if "reason" in body]


async def test_transfer_to_a_conversation_that_has_expired_is_an_error_event(
    make_harness: Any,
) -> None:
    harness = await make_harness(conversations_kept_for=3600.0)
    there = await join(harness)
    conversation_uuid = (await there.view())["conversation_uuid"]
    await there.hang_up()
    await harness.step(3660)
    await harness.receive_call([{"action": "transfer", "conversationId": conversation_uuid}])
    await harness.step(2)
    assert [body["reason"] for body in harness.events() if "reason" in body]
