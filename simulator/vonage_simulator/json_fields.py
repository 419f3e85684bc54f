"""Read JSON fields as leniently as Vonage does.

Numbers and booleans may be text (php-sdk issue 233). Phone numbers and digits may be integers:
samples send them without quotes.
Each function takes an object and a field name, and returns the default if the field is absent or
null. It raises `FieldError` with the field's name if the value is invalid.
"""

import math
import re
from typing import Any, TypeGuard
from urllib.parse import urlsplit

NUMBER = re.compile(r"\+?[0-9]{7,15}")
DIGITS = re.compile(r"[0-9*#pP]+")


class FieldError(ValueError):
    """A field is missing, has the wrong type, or is out of range."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def number(
    fields: dict[str, Any], name: str, default: float | None, low: float, high: float
) -> float | None:
    """Return a number from `low` to `high`, also if given as text."""
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise FieldError(name, "must be a number")
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        raise FieldError(name, "must be a number") from None
    if not math.isfinite(parsed) or not low <= parsed <= high:
        raise FieldError(name, f"must be between {low:g} and {high:g}")
    return parsed


def integer(
    fields: dict[str, Any], name: str, default: int | None, low: int, high: int
) -> int | None:
    """Return an integer from `low` to `high`, also if given as text."""
    value = number(fields, name, default, low, high)
    if value is None:
        return None
    if value != int(value):
        raise FieldError(name, "must be an integer")
    return int(value)


def boolean(fields: dict[str, Any], name: str, default: bool = False) -> bool:
    """Return a boolean, also if given as the text true or false."""
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise FieldError(name, "must be true or false")


def string(fields: dict[str, Any], name: str, longest: int = 8192) -> str | None:
    """Return a string that is not empty."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > longest:
        raise FieldError(name, f"must be a string of 1 to {longest} characters")
    return value


def numeral(fields: dict[str, Any], name: str) -> str | None:
    """Return a phone number, an address or digits as a string, also if given as an integer."""
    return string({name: _text(fields.get(name))}, name)


def digits(fields: dict[str, Any], name: str) -> str:
    """Return up to 500 DTMF digits and pauses, or "" if there are none."""
    if fields.get(name) in (None, ""):
        return ""
    value = numeral(fields, name) or ""
    if not DIGITS.fullmatch(value) or len(value) > 500:
        raise FieldError(name, "can contain the digits 0-9, * and #, and p")
    return value


def choice(
    fields: dict[str, Any], name: str, default: str | None, allowed: tuple[str, ...]
) -> str | None:
    """Return one of the allowed strings, also if given as an integer."""
    value = _text(fields.get(name))
    if value is None:
        return default
    if value not in allowed:
        raise FieldError(name, f"must be one of {', '.join(allowed)}")
    return str(value)


def mapping(fields: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return a JSON object."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise FieldError(name, "must be an object")
    return value


def strings(fields: dict[str, Any], name: str) -> tuple[str, ...] | None:
    """Return an array of strings."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise FieldError(name, "must be an array of strings")
    return tuple(value)


def single_url(fields: dict[str, Any], name: str) -> str | None:
    """Return the URL in an array of exactly one; a bare string is an error (java-sdk issue 63)."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 1 or not is_url(value[0]):
        raise FieldError(name, f"Invalid type parameter provided: {name} is an array of one URL")
    return str(value[0])


def method(fields: dict[str, Any], name: str, default: str) -> str:
    """Return GET or POST, whatever the case."""
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, str) or value.upper() not in ("GET", "POST"):
        raise FieldError(name, "must be GET or POST")
    return value.upper()


def is_url(value: Any) -> TypeGuard[str]:
    """Return whether a value is an http or https URL with a host."""
    if not isinstance(value, str) or len(value) > 8192:
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _text(value: Any) -> Any:
    """Return an integer as text, and any other value as it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
