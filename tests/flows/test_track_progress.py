"""The flow `track_progress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.testing import Phone


def test_the_notification_is_stored(phone: Phone) -> None:
    call = phone.call("track_progress")
    assert call.is_over
    assert "notify" in [event.kind for event in call.events]
