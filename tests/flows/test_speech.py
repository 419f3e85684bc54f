"""The flow `speech`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_what_is_said_is_said_back(phone: Phone) -> None:
    assert phone.call("speech").say("good morning").heard("Hello, you said good morning")


def test_silence_is_asked_again_three_times_in_all(phone: Phone) -> None:
    call = phone.call("speech").wait().wait().wait()
    assert call.heard("We did not hear you", "still did not understand")
    assert call.is_over
