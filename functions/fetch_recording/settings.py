"""Environment settings of this function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicekit.settings import EnvironmentReader, non_empty, positive

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL_HOST = "VONAGE_LOCAL_HOST"
"""The variable with the simulator's host and port; only the local platform sets it."""


class FetchSettings(NamedTuple):
    """The settings of this function.

    ``max_megabytes`` is the largest size of a recording. ``retry_seconds`` is the longest pause
    after the first failure. ``local_host`` is None everywhere but on the local platform.
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
    """Return the settings of this function.

    Raises
    ------
    SettingsError
        If any of them is missing or invalid.
    """
    reader = EnvironmentReader(environment)
    settings = FetchSettings(
        table=reader.read("TABLE_NAME", non_empty),
        bucket=reader.read("BUCKET_NAME", non_empty),
        queue_url=reader.read("RECORDINGS_QUEUE_URL", non_empty),
        dead_letter_queue_url=reader.read("RECORDINGS_DEAD_LETTER_QUEUE_URL", non_empty),
        secret_id=reader.read("APPLICATION_SECRET_ID", non_empty),
        keep_events_days=reader.read("KEEP_EVENTS_DAYS", positive),
        keep_recordings_days=reader.read("KEEP_RECORDINGS_DAYS", positive),
        max_megabytes=reader.read("MAX_RECORDING_MEGABYTES", positive),
        retry_seconds=reader.read("RETRY_SECONDS", positive),
        local_host=environment.get(LOCAL_HOST),
    )
    reader.check()
    return settings
