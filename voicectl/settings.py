"""The user's settings, from the environment and .env: account, application, phone numbers.

The variable names are those of Vonage's own code snippets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicectl.errors import NotConfiguredError, VoicectlError
from voicekit.e164 import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_DASHBOARD = "https://dashboard.nexmo.com"
# What each setting is, and where to find it.
WHERE = {
    "VONAGE_API_KEY": f"API key, on the first page of the dashboard: {_DASHBOARD}",
    "VONAGE_API_SECRET": f"API secret, under the API key: {_DASHBOARD}/settings",
    "VONAGE_APPLICATION_ID": f"Application ID: {_DASHBOARD}/applications",
    "VONAGE_APPLICATION_PRIVATE_KEY": "the application's private key, as you downloaded it; or"
    " set VONAGE_APPLICATION_PRIVATE_KEY_PATH to its file",
    "VONAGE_NUMBER": f"a number that you rent: {_DASHBOARD}/your-numbers",
    "VONAGE_SIGNATURE_SECRET": f"Signature secret, under Signed webhooks: {_DASHBOARD}/settings",
    "TO_NUMBER": "the number to call, such as your own phone number",
    "SECOND_NUMBER": "a second number, to which flows connect calls",
    "CALL_UUID": "the UUID of a call, as `call` and `calls` print it",
}
_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


@dataclass(frozen=True)
class UserSettings:
    """The settings, None where missing; the repr hides the secrets.

    ``local`` means those of the local platform, ``placeholders`` are the variables with a value
    that is not filled in, such as ``…``.
    """

    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    application_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    number: str | None = None
    to_number: str | None = None
    second_number: str | None = None
    uuid: str | None = None
    signature_secret: str | None = field(default=None, repr=False)
    local: bool = False
    placeholders: frozenset[str] = frozenset()

    def need(self, name: str, argument: str = "") -> str:
        """Return a setting by its field name.

        Parameters
        ----------
        argument
            How to pass the value to this command instead, as the beginning of a sentence.

        Raises
        ------
        VoicectlError
            If it is missing; the text names the variable and where to find its value.
        """
        value: str | None = getattr(self, name)
        if value is None:
            variable = _VARIABLES[name]
            where = "in .env or in the environment"
            if argument:
                raise VoicectlError(
                    f"{argument}, or set {variable} {where}. Its value: {WHERE[variable]}."
                )
            problem = (
                "is not filled in: it has characters that are not ASCII"
                if variable in self.placeholders
                else "is not set"
            )
            raise (VoicectlError if self.local else NotConfiguredError)(
                f"{variable} {problem}. Its value: {WHERE[variable]}. Set it {where}."
            )
        return value


_KEY, _KEY_PATH = "VONAGE_APPLICATION_PRIVATE_KEY", "VONAGE_APPLICATION_PRIVATE_KEY_PATH"
_VARIABLES = {
    "api_key": "VONAGE_API_KEY",
    "api_secret": "VONAGE_API_SECRET",
    "application_id": "VONAGE_APPLICATION_ID",
    "private_key": _KEY,
    "number": "VONAGE_NUMBER",
    "to_number": "TO_NUMBER",
    "second_number": "SECOND_NUMBER",
    "uuid": "CALL_UUID",
    "signature_secret": "VONAGE_SIGNATURE_SECRET",
}
_NUMBERS = ("number", "to_number", "second_number")


def read(environment: Mapping[str, str], folder: Path) -> UserSettings:
    """Read the settings.

    1. The environment takes precedence.
    2. Missing and empty variables are read from the file .env in ``folder``, if it exists.
    3. A value with characters that are not ASCII is a placeholder, and counts as missing. No value
       of Vonage has any; a path can have all but ``…``.

    Raises
    ------
    VoicectlError
        If a value or the file is invalid.
    """
    variables = _env_file(folder / ".env") | {k: v for k, v in environment.items() if v}
    placeholders = {
        name
        for name in (*_VARIABLES.values(), _KEY_PATH)
        if "…" in (value := variables.get(name, ""))
        or (name not in (_KEY, _KEY_PATH) and not value.isascii())
    }
    variables = {name: value for name, value in variables.items() if name not in placeholders}
    found: dict[str, Any] = {
        name: variables.get(variable, "").strip() or None for name, variable in _VARIABLES.items()
    }
    found["private_key"] = _private_key(found["private_key"], variables, folder)
    for name in _NUMBERS:
        found[name] = _number(found[name], _VARIABLES[name])
    return UserSettings(**found, placeholders=frozenset(placeholders))


def of_local(stack: Mapping[str, Any], own: UserSettings) -> UserSettings:
    """Return the settings for the local platform: its account, and the user's numbers to call.

    Nothing of the user's Vonage account is used; the private key is in the stack's secret.
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
        local=True,
    )


def parse_env(text: str) -> dict[str, str]:
    r"""Parse a .env file: lines ``NAME=value``, with optional quotes, ``export`` and comments.

    In double quotes, ``\n`` is a line break. Quoted values may span several lines.

    Raises
    ------
    VoicectlError
        If a line is invalid; the text names its number, never its content.
    """
    found = {}
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise VoicectlError(f".env, line {number}: expected NAME=value")
        value = match["value"]
        quote = value[:1]
        if quote not in ("'", '"'):
            found[match["name"]] = re.split(r"\s+#", value)[0].strip()
            continue
        value = value[1:]
        while quote not in value:
            following = next(lines, None)
            if following is None:
                raise VoicectlError(f".env, line {number}: missing closing quote")
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
        raise VoicectlError(f"cannot read {path.name}: {error}") from None


def _private_key(value: str | None, variables: Mapping[str, str], folder: Path) -> str | None:
    """Return the key from the value itself, or from the file that either variable names."""
    path = variables.get(_KEY_PATH, "").strip()
    if value is not None and "PRIVATE KEY" in value:
        return value.replace("\\n", "\n")
    if value is None and not path:
        return None
    # Vonage's own snippets accept a path in either variable.
    return _read_key(folder / Path(value or path).expanduser())


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise VoicectlError(f"cannot read the private key from {path}: {reason}") from None


def _number(value: str | None, variable: str) -> str | None:
    if value is None:
        return None
    number = value.removeprefix("+")
    if not is_number(number):
        raise VoicectlError(
            f"{variable} is not an E.164 number: expected 7 to 15 digits that start with the"
            " country code, such as 447700900000"
        )
    return number
