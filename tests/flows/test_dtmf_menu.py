"""The flow `dtmf_menu`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_a_digit_gets_its_announcement(phone: Phone) -> None:
    call = phone.call("dtmf_menu").press("1")
    assert call.heard("Press 1 for our opening hours", "from nine to five")
    assert [event.fields["dtmf"]["digits"] for event in call.events if event.kind == "input"] == [
        "1"
    ]


def test_wrong_digits_and_silence_repeat_the_menu_up_to_three_times(phone: Phone) -> None:
    call = phone.call("dtmf_menu").press("7").wait()
    assert not call.is_over
    call.press("8")
    assert call.heard("not one of the choices", "did not hear a key", "did not get your choice")
    assert call.is_over


def test_digit_0_connects_to_a_person(phone: Phone) -> None:
    phone.callee().answers(says="How can I help?")
    call = phone.call("dtmf_menu").press("0")
    assert call.heard("One moment", "How can I help?")
