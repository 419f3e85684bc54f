"""The flow `connect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.testing import Phone


def test_the_caller_talks_with_the_second_number(phone: Phone) -> None:
    phone.callee().answers(says="Hello, who is there?")
    call = phone.call("connect")
    call.say("It is me.")
    assert call.heard("(ringing)", "who is there")
    assert call.other.heard("It is me")


def test_when_the_other_side_hangs_up_the_call_is_over(phone: Phone) -> None:
    call = phone.call("connect")
    call.other.hang_up()
    assert call.is_over


def test_the_caller_is_told_when_the_line_is_busy(phone: Phone) -> None:
    phone.callee().is_busy()
    call = phone.call("connect")
    assert call.heard("(ringing)", "The line is busy")
    assert call.is_over


@pytest.mark.parametrize("how", ["rejects", "does_not_answer"])
def test_the_caller_is_told_when_nobody_takes_the_call(phone: Phone, how: str) -> None:
    getattr(phone.callee(), how)()
    call = phone.call("connect")
    assert call.heard("(ringing)", "nobody can take your call")
    assert call.is_over


def test_a_call_can_be_taken_by_the_test_itself(phone: Phone) -> None:
    phone.callee().rings()
    call = phone.call("connect")
    assert call.other.status == "ringing"
    call.other.answer().say("Here I am.")
    assert call.heard("(ringing)", "Here I am")
