"""The flow `callback_request`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_a_callback_is_requested_by_an_event(phone: Phone) -> None:
    call = phone.call("callback_request", from_="447700900321").press("1")
    assert call.heard("We will call you back. Goodbye.")
    (event,) = [one for one in phone.events if one["detail-type"] == "callback.requested"]
    assert event["detail"]["data"] == {"number": "447700900321"}
