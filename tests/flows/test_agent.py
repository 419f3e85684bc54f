"""The flow `agent`: an AI agent, then a person, then a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.testing import Phone


def test_the_agent_talks_to_the_caller(phone: Phone) -> None:
    phone.agent().says("How can I help you?")
    call = phone.call("agent")
    assert call.heard("One moment", "(audio)")
    assert call.not_heard("putting you through")
    assert call.hang_up().is_over


def test_the_agent_knows_the_call(phone: Phone) -> None:
    agent = phone.agent()
    call = phone.call("agent", from_="447700900124")
    first = agent.messages[0]
    assert (first["from"], first["to"]) == ("447700900124", phone.vonage_number)
    assert first["language"] == "en-US"
    assert {first["conversation"]} == {one.fields["conversation_uuid"] for one in call.events}


@pytest.mark.parametrize("how", ["refuses", "hangs", "closes", "dies", "sends_wrong_frames"])
def test_a_person_answers_if_the_agent_does_not_come_or_leaves(phone: Phone, how: str) -> None:
    getattr(phone.agent(), how)()
    phone.callee().answers(says="Reception.")
    call = phone.call("agent")
    assert call.heard("One moment", "I am putting you through", "Reception.")
    call.other.hang_up()
    assert call.is_over
    assert call.not_heard("leave a message")


def test_the_agent_hands_over_by_closing(phone: Phone) -> None:
    phone.agent().closes(after=10)
    phone.callee().answers(says="Reception.")
    call = phone.call("agent").wait(20)
    assert call.heard("(audio)", "I am putting you through", "Reception.")


@pytest.mark.parametrize("how", ["rejects", "is_busy", "does_not_answer"])
def test_a_message_is_recorded_if_no_person_answers(phone: Phone, how: str) -> None:
    phone.agent().refuses()
    getattr(phone.callee(), how)()
    call = phone.call("agent").say("Please call me back.").press("#")
    assert call.heard("putting you through", "leave a message", "(beep)", "Thank you")
    assert call.words.count("I am putting you through.") == 1
    assert call.is_over
    (recording,) = call.recordings
    assert recording.seconds > 1


def test_the_person_sees_your_number(phone: Phone) -> None:
    phone.agent().refuses()
    call = phone.call("agent")
    event = next(one for one in call.events if one.fields.get("to") == phone.second_number)
    assert event.fields["from"] == phone.vonage_number
