"""The flow `appointment`."""

import pytest


@pytest.mark.parametrize("confirm", [lambda call: call.press("1"), lambda call: call.say("yes")])
def test_a_digit_or_speech_confirms_it(phone, confirm):
    call = phone.call("appointment")
    assert call.heard("tomorrow at ten", "Press 1 or say yes")
    confirm(call)
    assert call.heard("We look forward to seeing you")


def test_a_digit_cancels_it(phone):
    assert phone.call("appointment").press("2").heard("is canceled")


def test_after_three_failed_attempts_it_ends(phone):
    call = phone.call("appointment").press("9").wait()
    assert call.heard("we did not understand", "we did not hear you")
    assert call.press("9").heard("We will call again")
    assert call.is_over


def test_a_digit_connects_to_an_agent(phone):
    phone.callee().answers(says="How can I help?")
    assert phone.call("appointment").press("0").heard("One moment", "How can I help?")


def test_without_an_answer_a_message_is_recorded(phone):
    phone.callee().does_not_answer()
    call = phone.call("appointment").press("0")
    call.say("Please make it eleven.").wait()
    assert call.heard("Leave a message", "(beep)", "Thank you")
    (recording,) = call.recordings
    assert recording.seconds > 1
