"""What the owner's API needs from its environment beside the settings of every function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicekit.settings import SettingsError, StackSettings
from voicekit.settings import from_environment as stack_settings
from vonage_client.client import API_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class AdminApiSettings(NamedTuple):
    """The settings of the stack, and those of this function alone.

    Attributes
    ----------
    stack
        The settings that all functions share.
    application_secret_id, bucket
        Where the key that places calls is, and where the recordings are.
    calls_per_day
        How many telephones this API may ring in a day, by UTC; 0 for none at all.
    foreign_answer_urls
        Whether NCCOs may come from other hosts than this application, where nobody judges them.
    vonage_url
        Where the Voice API is; another place than Vonage's own on the local platform alone.
    """

    stack: StackSettings
    application_secret_id: str
    bucket: str
    calls_per_day: int
    foreign_answer_urls: bool
    vonage_url: str


def from_environment(environment: Mapping[str, str]) -> AdminApiSettings:
    """Read the settings of the owner's API.

    Raises
    ------
    SettingsError
        If any is missing or wrong. The text names all of them at once.
    """
    problems: list[str] = []
    stack = None
    try:
        stack = stack_settings(environment)
    except SettingsError as error:
        problems.append(str(error))
    given = {name: environment.get(name, "") for name in _WANTED}
    problems += [
        f"{name} {wanted}" for name, (right, wanted) in _WANTED.items() if not right(given[name])
    ]
    if stack is None or problems:
        raise SettingsError("; ".join(problems))
    return AdminApiSettings(
        stack,
        given["APPLICATION_SECRET_ID"],
        given["BUCKET_NAME"],
        int(given["CALLS_PER_DAY"]),
        given["FOREIGN_ANSWER_URLS"] == "allow",
        environment.get("VONAGE_API_URL", API_URL),
    )


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


_WANTED: dict[str, tuple[Callable[[str], bool], str]] = {
    "APPLICATION_SECRET_ID": (bool, "is missing"),
    "BUCKET_NAME": (bool, "is missing"),
    "CALLS_PER_DAY": (_is_whole, "is not a whole number"),
    "FOREIGN_ANSWER_URLS": (("refuse", "allow").__contains__, "is neither refuse nor allow"),
}
