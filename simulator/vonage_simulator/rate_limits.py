"""Vonage's rate limits, as token buckets on the clock (support article 207100288)."""

from .clock import Clock


class RateLimiter:
    """A limit of `rate` requests per second, with bursts of the same size."""

    def __init__(self, clock: Clock, rate: float) -> None:
        self._clock = clock
        self._rate = rate
        self._tokens = rate
        self._filled_at = clock.now()

    def take(self) -> bool:
        """Return whether one more request is allowed now, and count it."""
        now = self._clock.now()
        refilled = self._tokens + (now - self._filled_at) * self._rate
        # The bucket holds at least one token, so that rates below one per second allow requests.
        self._tokens = min(max(self._rate, 1.0), refilled)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
