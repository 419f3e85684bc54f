"""Vonage's rate limits as token buckets on the clock (support article 207100288)."""

from .clock import Clock


class RateLimiter:
    """Lets `rate` requests through in each second, and no more than that at once."""

    def __init__(self, clock: Clock, rate: float) -> None:
        self._clock = clock
        self._rate = rate
        self._tokens = rate
        self._filled_at = clock.now()

    def take(self) -> bool:
        """Whether one more request may pass now."""
        now = self._clock.now()
        grown = self._tokens + (now - self._filled_at) * self._rate
        # At least one whole token fits, so that a limit below one a second can ever be met.
        self._tokens = min(max(self._rate, 1.0), grown)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
