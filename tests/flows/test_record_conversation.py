"""The flow `record_conversation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_a_conference_is_recorded(phone: Phone) -> None:
    first = phone.call("record_conversation", from_="447700900123")
    second = phone.call("record_conversation", from_="447700900124")
    first.say("Good morning, everybody.")
    second.hang_up()
    first.hang_up()
    assert sum(len(call.recordings) for call in (first, second)) == 1
