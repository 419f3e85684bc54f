"""The flow `voicemail`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_a_message_is_recorded(phone: Phone) -> None:
    call = phone.call("voicemail").say("Please ring me back").press("#")
    assert call.heard("leave a message", "(beep)", "Thank you for your message")
    assert call.is_over
    (recording,) = call.recordings
    assert recording.seconds > 1


def test_silence_ends_the_message(phone: Phone) -> None:
    call = phone.call("voicemail").say("Please ring me back").wait()
    assert call.heard("Thank you for your message")
