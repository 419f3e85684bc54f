"""The flow `appointment`."""

import pytest


@pytest.mark.parametrize("confirm", [lambda call: call.press("1"), lambda call: call.say("yes")])
def test_it_is_confirmed_by_key_and_by_word(phone, confirm):
    call = phone.call("appointment")
    assert call.heard("tomorrow at ten", "Press 1 or say yes")
    confirm(call)
    assert call.heard("We look forward to seeing you")


def test_it_is_cancelled(phone):
    assert phone.call("appointment").press("2").heard("is cancelled")


def test_wrong_keys_and_silence_are_asked_again_three_times_in_all(phone):
    call = phone.call("appointment").press("9").wait()
    assert call.heard("we did not understand", "we did not hear you")
    assert call.press("9").heard("We will call again")
    assert call.is_over


def test_somebody_can_be_spoken_to(phone):
    phone.callee().answers(says="How can I help?")
    assert phone.call("appointment").press("0").heard("One moment", "How can I help?")


def test_where_nobody_answers_a_message_is_kept(phone):
    phone.callee().does_not_answer()
    call = phone.call("appointment").press("0")
    call.say("Please make it eleven.").wait()
    assert call.heard("Leave a message", "(beep)", "Thank you")
    (recording,) = call.recordings
    assert recording.seconds > 1
