"""How long a message waits after a failed attempt."""

from __future__ import annotations

QUEUE_VISIBILITY = 1800
"""Seconds that a received message is invisible by default: VisibilityTimeout in template.yaml."""

# A message can be invisible for 12 hours, counted from its receipt (SQS Developer Guide: visibility
# timeout); SQS refuses more. The receipt was at most QUEUE_VISIBILITY ago, or it has expired.
MAX_PAUSE = 12 * 3600 - QUEUE_VISIBILITY - 1
"""The longest pause in seconds, counted from now."""


def pause(attempt: int, first: float, retry_after: float | None, share: float) -> float:
    """Return the seconds until the next attempt: full jitter below a limit that quadruples.

    Parameters
    ----------
    attempt
        The number of the failed attempt, from 1.
    first
        The limit after the first attempt, in seconds.
    retry_after
        The seconds that Vonage asks to wait, None if it does not.
    share
        A random number from 0 to 1.
    """
    limit = min(MAX_PAUSE, first * 4.0 ** (attempt - 1))
    return min(MAX_PAUSE, max(0.0, retry_after or 0.0) + share * limit)
