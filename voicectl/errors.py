"""What ends a command with one clear line.

ConnectError
  VonageRefused   Vonage's account APIs answered with an error; its status is kept
"""

from __future__ import annotations


class VoicectlError(Exception):
    """The command cannot go on; the text says why and what to do, for the user."""


class AccountApiError(VoicectlError):
    """Vonage answered with an error status; ``status`` is None where it did not answer at all."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
