"""The flow `greet`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_it_reads_back_the_number_and_ends(phone: Phone) -> None:
    call = phone.call("greet", from_="447700900123")
    assert call.heard("Thank you for calling from 4 4 7 7 0 0 9 0 0 1 2 3")
    assert call.status == "completed"
