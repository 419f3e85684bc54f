"""The flow `conference_pin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_only_a_pin_opens_its_conference(phone: Phone) -> None:
    first = phone.call("conference_pin").press("4711")
    second = phone.call("conference_pin", from_="447700900124")
    second.press("1234").press("4711")
    assert second.heard("no such conference", "joining")
    second.say("Good morning.")
    assert first.heard("Good morning")


def test_after_three_wrong_pins_the_call_ends(phone: Phone) -> None:
    call = phone.call("conference_pin")
    call.press("1111").press("2222").press("3333")
    assert call.heard("call again")
    assert call.is_over
    digits = [one.fields["dtmf"]["digits"] for one in call.events if one.kind == "input"]
    assert digits == ["secret"] * 3
