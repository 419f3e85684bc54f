"""Environment settings of the admin API, in addition to the settings of the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicekit.settings import (
    EnvironmentReader,
    StackSettings,
    flag,
    non_empty,
    read_stack_settings,
    whole,
)
from vonage_client.client import API_URL

if TYPE_CHECKING:
    from collections.abc import Mapping


class AdminApiSettings(NamedTuple):
    """The settings of the stack and of this function.

    Attributes
    ----------
    stack
        The settings that all functions share.
    application_secret_id
        The secret with the private key that places calls.
    bucket
        The bucket of the recordings.
    calls_per_day
        How many callees this API can call in a day (UTC); 0 for none.
    foreign_answer_urls
        Whether NCCOs can come from other hosts, where the dial policy does not apply.
    vonage_url
        The base URL of the Voice API, in the region of the Vonage application.
    """

    stack: StackSettings
    application_secret_id: str
    bucket: str
    calls_per_day: int
    foreign_answer_urls: bool
    vonage_url: str


def from_environment(environment: Mapping[str, str]) -> AdminApiSettings:
    """Return the settings of the admin API.

    Raises
    ------
    SettingsError
        If any of them is missing or invalid.
    """
    reader = EnvironmentReader(environment)
    settings = AdminApiSettings(
        stack=read_stack_settings(reader),
        application_secret_id=reader.read("APPLICATION_SECRET_ID", non_empty),
        bucket=reader.read("BUCKET_NAME", non_empty),
        calls_per_day=reader.read("CALLS_PER_DAY", whole),
        foreign_answer_urls=reader.read("FOREIGN_ANSWER_URLS", flag(off="refuse", on="allow")),
        vonage_url=environment.get("VONAGE_API_URL", API_URL),
    )
    reader.check()
    return settings
