"""Errors that end a command with one line of text.

VoicectlError
  ArgumentError        an argument is wrong
  NotConfiguredError   a stack, an account or a setting is missing
  AccountApiError      Vonage's Application or Numbers API failed (`voicectl.vonage_account`)
  AdminApiError        the admin API returned an error (`voicectl.admin_api`)
"""

from __future__ import annotations

WITHOUT_ACCOUNT = "Without any account, run `make up` in a checkout, and pass --local."


class VoicectlError(Exception):
    """The command cannot continue; the text tells the user why and what to do."""

    exit_status = 1


class ArgumentError(VoicectlError):
    """An argument is wrong, as only the command can find out."""

    exit_status = 2


class NotConfiguredError(VoicectlError):
    """A stack, an account or a setting is missing; ``text`` names the next step."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text} {WITHOUT_ACCOUNT}")


class AccountApiError(VoicectlError):
    """An account API of Vonage failed; ``status`` is None if there was no response."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
