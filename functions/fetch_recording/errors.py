"""What can keep a recording from being stored.

    Permanent       it will not get better: the message goes to the dead-letter queue at once
    NoTime          the invocation is nearly over: the message comes again

Everything else may pass, and is tried again later.
"""

from __future__ import annotations


class PermanentFailure(Exception):
    """It will not get better. ``reason`` names it in one word, the text says more."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class OutOfTime(Exception):
    """Too little of the invocation's time is left."""
