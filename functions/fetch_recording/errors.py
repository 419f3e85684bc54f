"""Which failures are permanent, and which are retried.

    PermanentFailure    the message goes to the dead-letter queue at once
    OutOfTime           the download takes longer than an invocation: retried like any other failure

Any other exception can be temporary, so the message is retried later.
"""

from __future__ import annotations


class PermanentFailure(Exception):
    """A retry would not help. ``reason`` is one word; the text has the details."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class OutOfTime(Exception):
    """The invocation has too little time left."""
