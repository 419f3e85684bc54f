"""The flows `record_call`, `record_split` and `record_conversation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.testing import Phone


@pytest.mark.parametrize(("flow", "channels"), [("record_call", 1), ("record_split", 2)])
def test_both_parties_are_recorded(phone: Phone, flow: str, channels: int) -> None:
    phone.callee().answers(says="Hello, who is there?")
    call = phone.call(flow).say("It is me.").hang_up()
    (recording,) = call.recordings
    assert recording.channels == channels
    assert len(recording.content) > 1000


def test_a_conference_is_recorded(phone: Phone) -> None:
    first, second = (phone.call("record_conversation", from_=f"44770090012{n}") for n in (3, 4))
    first.say("Good morning, everybody.")
    second.hang_up()
    first.hang_up()
    assert sum(len(call.recordings) for call in (first, second)) == 1
