"""The flow `record_split`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_both_parties_are_recorded(phone: Phone) -> None:
    phone.callee().answers(says="Hello, who is there?")
    call = phone.call("record_split").say("It is me.").hang_up()
    (recording,) = call.recordings
    assert recording.channels == 2
    assert len(recording.content) > 1000
