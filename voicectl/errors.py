"""Errors that end a command with one line of text.

VoicectlError
  AccountApiError   Vonage's Application or Numbers API failed (`voicectl.vonage_account`)
  AdminApiError     the admin API returned an error (`voicectl.admin_api`)
"""

from __future__ import annotations


class VoicectlError(Exception):
    """The command cannot continue; the text tells the user why and what to do."""


class AccountApiError(VoicectlError):
    """An account API of Vonage failed; ``status`` is None if there was no response."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
