"""The flow `connect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.testing import Phone


def test_the_caller_is_connected_to_the_second_number(phone: Phone) -> None:
    phone.callee().answers(says="Hello, who is there?")
    call = phone.call("connect")
    call.say("It is me.")
    assert call.heard("(ringing)", "who is there")
    assert call.other.heard("It is me")


def test_the_call_ends_when_the_callee_hangs_up(phone: Phone) -> None:
    call = phone.call("connect")
    call.other.hang_up()
    assert call.is_over


def test_the_caller_hears_that_the_line_is_busy(phone: Phone) -> None:
    phone.callee().is_busy()
    call = phone.call("connect")
    assert call.heard("(ringing)", "The line is busy")
    assert call.is_over


@pytest.mark.parametrize("how", ["rejects", "does_not_answer"])
def test_the_caller_hears_that_there_is_no_answer(phone: Phone, how: str) -> None:
    getattr(phone.callee(), how)()
    call = phone.call("connect")
    assert call.heard("(ringing)", "nobody can take your call")
    assert call.is_over


def test_the_test_can_answer_for_the_callee(phone: Phone) -> None:
    phone.callee().rings()
    call = phone.call("connect")
    assert call.other.status == "ringing"
    call.other.answer().say("Here I am.")
    assert call.heard("(ringing)", "Here I am")
