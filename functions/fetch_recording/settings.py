"""What this function needs from its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicekit.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXTS = (
    "TABLE_NAME",
    "BUCKET_NAME",
    "RECORDINGS_QUEUE_URL",
    "RECORDINGS_DEAD_LETTER_QUEUE_URL",
    "APPLICATION_SECRET_ID",
)
_NUMBERS = (
    "KEEP_EVENTS_DAYS",
    "KEEP_RECORDINGS_DAYS",
    "MAX_RECORDING_MEGABYTES",
    "RETRY_SECONDS",
)
LOCAL_HOST = "VONAGE_LOCAL_HOST"
"""The variable that the local platform alone sets: its simulated Vonage's host and port."""


class FetchSettings(NamedTuple):
    """The settings of this function in a stack.

    ``max_megabytes`` is how large a recording may be, ``retry_seconds`` how long the first pause
    after a failure is at most. ``local_host`` is set by the local platform alone.
    """

    table: str
    bucket: str
    queue_url: str
    dead_letter_queue_url: str
    secret_id: str
    keep_events_days: int
    keep_recordings_days: int
    max_megabytes: int
    retry_seconds: int
    local_host: str | None


def from_environment(environment: Mapping[str, str]) -> FetchSettings:
    """Read the settings.

    Raises
    ------
    SettingsError
        If any is missing or wrong. The text names all of them at once.
    """
    missing = [name for name in _TEXTS if not environment.get(name)]
    numbers = {name: _whole(environment.get(name, "")) for name in _NUMBERS}
    wrong = [name for name, value in numbers.items() if not value]
    if missing or wrong:
        problems = [f"{name} is missing" for name in missing]
        problems += [f"{name} is not a whole number above zero" for name in wrong]
        raise SettingsError("; ".join(problems))
    return FetchSettings(
        table=environment["TABLE_NAME"],
        bucket=environment["BUCKET_NAME"],
        queue_url=environment["RECORDINGS_QUEUE_URL"],
        dead_letter_queue_url=environment["RECORDINGS_DEAD_LETTER_QUEUE_URL"],
        secret_id=environment["APPLICATION_SECRET_ID"],
        keep_events_days=numbers["KEEP_EVENTS_DAYS"],
        keep_recordings_days=numbers["KEEP_RECORDINGS_DAYS"],
        max_megabytes=numbers["MAX_RECORDING_MEGABYTES"],
        retry_seconds=numbers["RETRY_SECONDS"],
        local_host=environment.get(LOCAL_HOST),
    )


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
