"""The flow `blocked_callers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.testing import Phone


@pytest.mark.parametrize(
    ("caller", "connected"),
    [("447700900666", False), ("449012345678", False), ("447700900123", True)],
)
def test_blocked_callers_are_not_connected(phone: Phone, caller: str, connected: bool) -> None:
    phone.callee().answers()
    call = phone.call("blocked_callers", from_=caller)
    assert call.is_over != connected
    assert call.heard("One moment" if connected else "cannot take your call")
