"""The flow `conference`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_callers_hear_each_other(phone: Phone) -> None:
    first = phone.call("conference")
    second = phone.call("conference", from_="447700900124")
    first.say("Good morning, everybody.")
    second.say("Good morning to you.")
    assert second.heard("connect you to the conference", "Good morning, everybody")
    assert first.heard("Good morning to you")
