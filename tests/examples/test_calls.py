"""Calls to the flow `agent` that the example bot answers, on a clock that waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.examples.conftest import ROOT

if TYPE_CHECKING:
    from local.testing import Phone, PhoneCall

# What the caller says: speech, as the bot has it.
QUESTION = ROOT / "examples/bot/sounds/2.wav"


def outcome(call: PhoneCall) -> tuple[Any, ...]:
    """Return what was measured and heard."""
    agent = call.agent
    turns = [(one.response, one.cleared, one.silenced, one.talked_over) for one in agent.turns]
    return (*agent.audible, *turns, *call.words, *agent.keys, agent.most_frames, agent.underruns)


def test_it_greets_at_once_in_frames_that_vonage_takes(phone: Phone) -> None:
    call = phone.call("agent").wait(10)
    assert call.heard("One moment", "(audio)")
    assert call.agent.first_audio is not None
    assert call.agent.first_audio <= 0.1
    assert (call.agent.wrong_frames, call.agent.underruns) == (0, 0)
    assert call.agent.most_frames <= 150


def test_it_replies_and_is_interrupted(phone: Phone) -> None:
    call = phone.call("agent").wait(4).speak(QUESTION).wait(0.6).speak(QUESTION)
    first, second = call.wait(5).agent.turns
    assert first.response is not None
    assert 0.36 <= first.response <= 0.6
    assert first.cleared is None
    assert second.cleared is not None
    assert second.cleared <= 0.3
    assert second.talked_over <= 0.35
    assert second.response is not None


def test_it_answers_keys(phone: Phone) -> None:
    call = phone.call("agent").wait(4).press("1").wait(4)
    assert call.agent.keys == ["1"]
    assert len(call.agent.audible) == 2  # the greeting and the answer


def test_ten_calls_have_the_same_times(phone: Phone) -> None:
    results = set()
    for _ in range(10):
        call = phone.call("agent").wait(1).speak(QUESTION).wait(1).speak(QUESTION).wait(3)
        results.add(outcome(call.press("1").wait(3)))
        call.hang_up()
    assert len(results) == 1, results


def test_0_calls_a_person(phone: Phone) -> None:
    phone.callee().answers(says="Reception")
    assert phone.call("agent").press("0").heard("I am putting you through", "Reception")


def test_a_caller_who_stays_silent_gets_a_person(phone: Phone) -> None:
    phone.callee().answers(says="Reception")
    call = phone.call("agent").wait(30)
    assert call.not_heard("putting you through")
    assert call.wait(10).heard("putting you through", "Reception")
