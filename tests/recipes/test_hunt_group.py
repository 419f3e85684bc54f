"""The flow `hunt_group`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_it_rings_the_next_number_after_one_that_declines(phone: Phone) -> None:
    phone.callee().rings()
    call = phone.call("hunt_group")
    first = call.other
    first.hang_up()
    call.settle()
    call.other.answer().say("Good day.")
    assert call.heard("One moment", "(ringing)", "Good day")
    assert first.status == "rejected"


def test_the_call_ends_when_the_callee_hangs_up(phone: Phone) -> None:
    call = phone.call("hunt_group")
    call.other.hang_up()
    assert call.is_over
    assert call.not_heard("nobody can take")


def test_it_ends_if_no_number_answers(phone: Phone) -> None:
    phone.callee().is_busy()
    call = phone.call("hunt_group")
    assert call.heard("(ringing)", "(ringing)", "nobody can take your call")
    assert call.is_over
