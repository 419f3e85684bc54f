"""The flow `dtmf_menu`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_a_key_is_answered(phone: Phone) -> None:
    call = phone.call("dtmf_menu").press("1")
    assert call.heard("Press 1 for our opening hours", "from nine to five")
    assert [event.fields["dtmf"]["digits"] for event in call.events if event.kind == "input"] == [
        "1"
    ]


def test_wrong_keys_and_silence_are_asked_again_three_times_in_all(phone: Phone) -> None:
    call = phone.call("dtmf_menu").press("7").wait()
    assert not call.is_over
    call.press("8")
    assert call.heard("not one of the choices", "did not hear a key", "did not get your choice")
    assert call.is_over


def test_somebody_can_be_spoken_to(phone: Phone) -> None:
    phone.callee().answers(says="How can I help?")
    assert phone.call("dtmf_menu").press("0").heard("One moment", "How can I help?")
