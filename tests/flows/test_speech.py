"""The flow `speech`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_the_transcript_is_repeated(phone: Phone) -> None:
    call = phone.call("speech").say("good morning")
    assert call.heard("Hello, you said good morning")


def test_after_silence_the_prompt_is_repeated_up_to_three_times(phone: Phone) -> None:
    call = phone.call("speech").wait().wait().wait()
    assert call.heard("We did not hear you", "still did not understand")
    assert call.is_over
