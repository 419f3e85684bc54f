"""The flow `call_whisper`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_the_callee_hears_a_word_that_the_caller_does_not(phone: Phone) -> None:
    phone.callee().answers()
    call = phone.call("call_whisper")
    call.other.say("Bakery, good day.")
    assert call.other.heard("A customer of the bakery")
    assert call.heard("One moment", "(ringing)", "Bakery, good day")
    assert call.not_heard("A customer")
