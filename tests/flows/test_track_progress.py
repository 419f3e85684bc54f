"""The flow `track_progress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_how_far_the_ncco_has_come_is_reported_and_kept(phone: Phone) -> None:
    call = phone.call("track_progress")
    assert call.is_over
    assert "notify" in [event.kind for event in call.events]
