"""What the user tells the command: the account, the application, numbers, from where they stand.

The names are those of Vonage's own code snippets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicectl.errors import VoicectlError
from voicekit.e164 import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_DASHBOARD = "https://dashboard.nexmo.com"
# Where a user finds each of them.
WHERE = {
    "VONAGE_API_KEY": f"API key, on the first page of the dashboard: {_DASHBOARD}",
    "VONAGE_API_SECRET": f"API secret, below the API key: {_DASHBOARD}/settings",
    "VONAGE_APPLICATION_ID": f"Application ID: {_DASHBOARD}/applications",
    "VONAGE_APPLICATION_PRIVATE_KEY": "the private.key that was downloaded when the application's"
    " key pair was made; or name the file in VONAGE_APPLICATION_PRIVATE_KEY_PATH",
    "VONAGE_NUMBER": f"a number that you rent: {_DASHBOARD}/your-numbers",
    "VONAGE_SIGNATURE_SECRET": f"Signature secret, below Signed webhooks: {_DASHBOARD}/settings",
    "TO_NUMBER": "the number to call, such as your own telephone's",
    "SECOND_NUMBER": "a second number, to which calls are put through",
    "UUID": "the uuid of a call, as `call` and `calls` print it",
}
_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


@dataclass(frozen=True)
class UserSettings:
    """What was found, None where nothing was; secrets stay out of the repr."""

    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    application_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    number: str | None = None
    to_number: str | None = None
    second_number: str | None = None
    uuid: str | None = None
    signature_secret: str | None = field(default=None, repr=False)

    def need(self, name: str) -> str:
        """Give a setting by its field's name.

        Raises
        ------
        ConnectError
            If it is missing; the text names the variable and where its value is found.
        """
        value: str | None = getattr(self, name)
        if value is None:
            variable = _VARIABLES[name]
            raise VoicectlError(
                f"{variable} is not set. It is: {WHERE[variable]}. Put it into .env or the"
                " environment"
            )
        return value


_VARIABLES = {
    "api_key": "VONAGE_API_KEY",
    "api_secret": "VONAGE_API_SECRET",
    "application_id": "VONAGE_APPLICATION_ID",
    "private_key": "VONAGE_APPLICATION_PRIVATE_KEY",
    "number": "VONAGE_NUMBER",
    "to_number": "TO_NUMBER",
    "second_number": "SECOND_NUMBER",
    "uuid": "UUID",
    "signature_secret": "VONAGE_SIGNATURE_SECRET",
}
_NUMBERS = ("number", "to_number", "second_number")


def read(environment: Mapping[str, str], folder: Path) -> UserSettings:
    """Read the settings.

    1. The environment wins.
    2. What it lacks, or has empty, comes from the file .env in ``folder``, where there is one.

    Raises
    ------
    ConnectError
        If a value or the file cannot be used.
    """
    given = _env_file(folder / ".env") | {k: v for k, v in environment.items() if v}
    found: dict[str, Any] = {
        name: given.get(variable, "").strip() or None for name, variable in _VARIABLES.items()
    }
    found["private_key"] = _private_key(found["private_key"], given, folder)
    for name in _NUMBERS:
        found[name] = _number(found[name], _VARIABLES[name])
    return UserSettings(**found)


def of_local(stack: Mapping[str, Any], own: UserSettings) -> UserSettings:
    """Give the settings for the local platform: its account, and the user's own numbers to call.

    Nothing of the user's true account is used there; the private key is in the stack's secret.
    """
    return UserSettings(
        api_key=stack.get("api_key"),
        api_secret=stack.get("api_secret"),
        application_id=stack.get("application_id"),
        number=stack.get("vonage_number"),
        to_number=own.to_number or stack.get("second_number"),
        second_number=own.second_number or stack.get("second_number"),
        uuid=own.uuid,
        signature_secret=stack.get("signature_secret"),
    )


def parse_env(text: str) -> dict[str, str]:
    """Read the lines of a .env file: ``NAME=value``, with quotes, ``export`` and comments or not.

    In double quotes, backslash and n is a line break; the value of quotes may have several lines.

    Raises
    ------
    ConnectError
        If a line is none of these; its number is named, never what stands in it.
    """
    found = {}
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise VoicectlError(f".env, line {number}: NAME=value is expected there")
        value = match["value"]
        quote = value[:1]
        if quote not in ("'", '"'):
            found[match["name"]] = re.split(r"\s+#", value)[0].strip()
            continue
        value = value[1:]
        while quote not in value:
            following = next(lines, None)
            if following is None:
                raise VoicectlError(f".env, line {number}: the quote is not closed")
            value += f"\n{following[1]}"
        inner = value.partition(quote)[0]
        found[match["name"]] = inner.replace("\\n", "\n") if quote == '"' else inner
    return found


def _env_file(path: Path) -> dict[str, str]:
    try:
        return parse_env(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise VoicectlError(f"{path.name} cannot be read: {error}") from None


def _private_key(given: str | None, every: Mapping[str, str], folder: Path) -> str | None:
    """Give the key itself, from the text or from the file that one of two names leads to."""
    path = every.get("VONAGE_APPLICATION_PRIVATE_KEY_PATH", "").strip()
    if given is not None and "PRIVATE KEY" in given:
        return given.replace("\\n", "\n")
    if given is None and not path:
        return None
    # Vonage's own snippets take a path under either name.
    return _read_key(folder / Path(given or path).expanduser())


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise VoicectlError(f"the private key cannot be read from {path}: {reason}") from None


def _number(value: str | None, variable: str) -> str | None:
    if value is None:
        return None
    number = value.removeprefix("+")
    if not is_number(number):
        raise VoicectlError(f"{variable} is no E.164 number, such as 447700900000")
    return number
