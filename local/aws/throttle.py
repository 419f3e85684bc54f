"""Throttling of a route, as API Gateway does it: a token bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class RouteThrottle:
    """A token bucket that holds ``burst`` tokens and gains ``rate`` a second; a request takes one.

    Parameters
    ----------
    rate
        Tokens added per second.
    burst
        Capacity of the bucket, which starts full.
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._refilled_at = clock()

    def take(self) -> bool:
        """Take a token and return whether there was one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled_at) * self._rate)
        self._refilled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
