"""Environment settings of this function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicekit.settings import EnvironmentReader, non_empty, read_stack_settings, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicekit.settings import StackSettings

_MOST_DELAY = 900  # seconds (SQS quotas: message timer)


class PublishSettings(NamedTuple):
    """The settings of this function.

    ``topic`` is empty if nobody gets mails. ``settle_seconds`` is the time from the end of a call
    until its outcome is computed.
    """

    stack: StackSettings
    bucket: str
    queue_url: str
    dead_letter_queue_url: str
    bus: str
    topic: str
    base_url: str
    settle_seconds: int


def from_environment(environment: Mapping[str, str]) -> PublishSettings:
    """Return the settings of this function.

    Raises
    ------
    SettingsError
        If any of them is missing or invalid.
    """
    reader = EnvironmentReader(environment)
    settings = PublishSettings(
        stack=read_stack_settings(reader),
        bucket=reader.read("BUCKET_NAME", non_empty),
        queue_url=reader.read("CALL_EVENTS_QUEUE_URL", non_empty),
        dead_letter_queue_url=reader.read("CALL_EVENTS_DEAD_LETTER_QUEUE_URL", non_empty),
        bus=reader.read("EVENT_BUS_NAME", non_empty),
        topic=reader.read("NOTIFICATION_TOPIC_ARN", str),
        base_url=reader.read("BASE_URL", non_empty),
        settle_seconds=reader.read("SETTLE_SECONDS", _delay),
    )
    reader.check()
    return settings


def _delay(value: str) -> int:
    seconds = whole(value)
    if seconds > _MOST_DELAY:
        raise ValueError("is above 900 seconds")
    return seconds
