"""Rules for single values: numbers, strings, URLs, free JSON. `rules` assigns them to options.

A rule is a function of (where, value). It returns nothing, or raises NccoError with a text of the
form `<where>: <problem>; expected <allowed>`. Types are compared exactly, not with isinstance: True
is then not a number, and no method of an unknown class runs. Errors never repeat a string, because
they are logged, and a string may be a phone number or a token.
"""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeAlias

    Rule: TypeAlias = Callable[[str, object], None]

# The reference has no limits for these; ours only exclude unreasonable values.
LARGEST_WHOLE = 2**31 - 1
LONGEST_URL = 2048
LONGEST_NAME = 255
LONGEST_KEYS = 255
LONGEST_HEADER = 8191
MOST_HINTS = 500
# The maximum number of members of a conversation (Vonage NCCO reference: conversation).
MOST_LEGS = 50
# Levels of free JSON; the limit also ends a structure that contains itself.
DEEPEST = 16
LARGEST_FREE_JSON = 32 * 1024
# In bytes as JSON (Vonage NCCO reference: websocket headers).
LARGEST_WEBSOCKET_HEADERS = 512
# Vonage sends the headers and these two fields in one object, the first message.
_RESERVED_HEADERS = ("event", "content-type")

_TYPE_NAMES = (
    (str, "a string"),
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a fraction"),
    (list, "an array"),
    (dict, "an object"),
    (type(None), "null"),
)
# The patterns are strings, which `re` compiles and caches at first use. Most NCCOs need two or
# three of them; compiling all at import took longer than the rest, while a caller waits.

# A likely typing error of an option name; any other name is not repeated in an error.
_WORD = r"[A-Za-z][A-Za-z_-]{0,29}"
_SURROGATE = "[\ud800-\udfff]"
_CONTROL = "[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_WHOLE_TEXT = "-?(?:0|[1-9][0-9]{0,9})"
_NUMBER_TEXT = rf"{_WHOLE_TEXT}(?:\.[0-9]{{1,6}})?"
_LANGUAGE = r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}"
# [0-9] and not \d, which also matches the digits of other scripts.
_E164 = r"[1-9][0-9]{6,14}"
_KEYS = r"[0-9*#p]+"
_LEG = r"[0-9A-Za-z-]{1,64}"
_CONVERSATION = r"CON-[0-9A-Za-z-]{1,64}"
_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}"

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(?::[0-9]{1,5})?"
# The characters of RFC 3986: no space, control character, backslash or non-ASCII character.
_REST = r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
# No user info: a host can't contain "@", and ends at the first of / ? #.
_HTTP = rf"(?i:https?)://{_HOST}{_PORT}(?:[/?#]{_REST})?"
_WEBSOCKET = rf"(?i:wss?)://{_HOST}{_PORT}(?:[/?#]{_REST})?"
# Here the user is part of the URI.
_SIP_USER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:?/-]|%[0-9A-Fa-f]{2})+"
_SIP = rf"(?i:sips?):(?:{_SIP_USER}@)?{_HOST}{_PORT}(?:[;?]{_REST})?"


class NccoError(ValueError):
    """An action or an NCCO that does not conform to Vonage's reference."""


def fail(where: str, what: str) -> NoReturn:
    """Raise NccoError: where the error is, and what is wrong or allowed there."""
    raise NccoError(f"{where}: {what}")


def expect(where: str, value: object, expected: type, expected_name: str) -> None:
    """Require a value of exactly this type."""
    if type(value) is not expected:
        unknown = "a value that is not JSON"
        actual = next((name for kind, name in _TYPE_NAMES if type(value) is kind), unknown)
        fail(where, f"got {actual}; expected {expected_name}")


def shown(name: object) -> str:
    """Return a name for an error text, if it looks like an option name."""
    return name if type(name) is str and re.fullmatch(_WORD, name) else "(a name not shown)"


# Numbers and choices


def flag(where: str, value: object) -> None:
    """Require true or false."""
    expect(where, value, bool, "true or false")


TEXT_FORMS: dict[Rule, str] = {flag: "true|false"}
"""What Vonage takes in quotes as well, by rule: its own samples have "45" and "true"."""


def whole(low: int, high: int, unit: str = "") -> Rule:
    """Return a rule for integers from low to high."""

    def rule(where: str, value: Any) -> None:
        expect(where, value, int, "an integer")
        _within(where, value, low, high, unit)

    TEXT_FORMS[rule] = _WHOLE_TEXT
    return rule


def number(low: float, high: float, unit: str = "") -> Rule:
    """Return a rule for integers and fractions from low to high."""

    def rule(where: str, value: Any) -> None:
        if type(value) is not int:
            expect(where, value, float, "a number")
        _within(where, value, low, high, unit)

    TEXT_FORMS[rule] = _NUMBER_TEXT
    return rule


def _within(where: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:  # NaN is in no range
        # Python cannot format a number of thousands of digits.
        number = str(value) if -1e9 < value < 1e9 else "the number"
        fail(where, f"{number} is out of range; expected {low} to {high}{unit and ' ' + unit}")


_volume = number(-1, 1)


def talk_level(where: str, value: Any) -> None:
    """Require a volume from -1 to 1 in steps of 0.1 (Vonage NCCO reference: talk.level)."""
    _volume(where, value)
    if abs(value * 10 - round(value * 10)) > 1e-6:
        fail(where, f"{value} is not a multiple of 0.1; expected -1 to 1 in steps of 0.1")


TEXT_FORMS[talk_level] = _NUMBER_TEXT


def one_of(*choices: str, or_lower_case: bool = False) -> Rule:
    """Return a rule for a few strings."""
    allowed = {*choices, *(choice.lower() for choice in choices if or_lower_case)}

    def rule(where: str, value: object) -> None:
        if type(value) is not str or value not in allowed:
            expected = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
            fail(where, f"invalid value; expected {expected}")

    return rule


# Strings


def text(most: int) -> Rule:
    """Return a rule for one line of text, not empty, without control characters."""

    def rule(where: str, value: Any) -> None:
        expect(where, value, str, "a string")
        if not 1 <= len(value) <= most:
            fail(where, f"has {len(value)} characters; expected 1 to {most}")
        if not value.isprintable() and re.search(_CONTROL, value):
            fail(where, "has a control character or a lone surrogate")

    return rule


def _matching(pattern: str, most: int, allowed: str) -> Rule:
    def rule(where: str, value: Any) -> None:
        expect(where, value, str, "a string")
        if len(value) > most or not re.fullmatch(pattern, value):
            fail(where, f"invalid value; expected {allowed}")

    return rule


name = text(LONGEST_NAME)
header_value = text(LONGEST_HEADER)
key = one_of(*"0123456789*#")
keys = _matching(_KEYS, LONGEST_KEYS, f"1 to {LONGEST_KEYS} characters of 0-9 * # p")
language = _matching(_LANGUAGE, 35, "a BCP-47 language such as en-GB")
phone_number = _matching(_E164, 15, "E.164 without a plus: 7 to 15 digits, the first not 0")
leg = _matching(_LEG, 64, "the UUID of a leg")
conversation_id = _matching(_CONVERSATION, 68, "a conversation id, CON-...")
host = _matching(_HOST, LONGEST_NAME, "a host name or IP address")
sip_user = _matching(_SIP_USER, LONGEST_NAME, "the user part of a SIP URI")


# URLs

_ALLOWED_URL = (
    "an absolute http or https URL in ASCII, without user info, of at most 2048 characters"
)
url = _matching(_HTTP, LONGEST_URL, _ALLOWED_URL)
websocket_uri = _matching(
    _WEBSOCKET, LONGEST_URL, _ALLOWED_URL.replace("http or https", "ws or wss")
)
sip_uri = _matching(_SIP, LONGEST_URL, "a sip: or sips: URI")


def array(item: Rule, most: int, least: int = 0) -> Rule:
    """Return a rule for an array whose items all follow one rule."""
    count = f"{least} to {most}" if least != most else f"exactly {most}"

    def rule(where: str, value: Any) -> None:
        expect(where, value, list, f"an array of {count} item{'s' if most > 1 else ''}")
        if not least <= len(value) <= most:
            fail(where, f"has {len(value)} items; expected {count}")
        for position, member in enumerate(value):
            item(f"{where}[{position}]", member)

    return rule


one_url = array(url, 1, 1)
legs = array(leg, MOST_LEGS)
one_leg = array(leg, 1, 1)
hints = array(name, MOST_HINTS)


def ringback_tone(where: str, value: object) -> None:
    """Require a URL, or an array with one: the reference shows the former, and the official Python
    SDK can send only the latter. No other option has two formats.
    """
    (one_url if type(value) is list else url)(where, value)


# Objects


def as_object(where: str, value: Any) -> None:
    """Require a plain dict whose keys are all strings."""
    expect(where, value, dict, "an object")
    for name_ in value:
        if type(name_) is not str:
            fail(where, "has a key that is not a string")


def free_json(where: str, value: object) -> None:
    """Require an object of any JSON values, limited in size and depth."""
    as_object(where, value)
    pending: list[tuple[Any, int]] = [(value, 1)]
    size = 0
    while pending:
        member, depth = pending.pop()
        parts: list[Any] = []
        if type(member) is dict:
            as_object(where, member)
            parts = [*member, *member.values()]
        elif type(member) is list:
            parts = member
        else:
            _scalar(where, member)
        size += 1 + (len(member) if type(member) is str else len(parts))
        if size > LARGEST_FREE_JSON:
            fail(where, f"too large; expected at most {LARGEST_FREE_JSON} characters")
        if depth > DEEPEST:
            fail(where, f"nested too deeply, or contains itself; expected at most {DEEPEST} levels")
        pending.extend((part, depth + 1) for part in parts)


def _scalar(where: str, value: object) -> None:
    if type(value) is str:
        if not value.isprintable() and re.search(_SURROGATE, value):
            fail(where, "has a lone surrogate")
    elif type(value) is int:
        if not -(2**63) <= value < 2**63:
            fail(where, "has an integer out of range; expected 64-bit integers")
    elif type(value) is float:
        if not abs(value) < float("inf"):
            fail(where, "has NaN or Infinity; expected finite numbers")
    elif value is not None and type(value) is not bool:
        fail(where, "has a value that is not JSON")


def size_as_json(value: object) -> int:
    """Return the bytes of a value as compact JSON in UTF-8."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def websocket_headers(where: str, value: Any) -> None:
    """Require an object of at most 512 bytes as JSON, without Vonage's own names."""
    free_json(where, value)
    for name_ in _RESERVED_HEADERS:
        if name_ in value:
            fail(f"{where}.{name_}", "reserved by Vonage; expected another name")
    size = size_as_json(value)
    if size > LARGEST_WEBSOCKET_HEADERS:
        fail(where, f"has {size} bytes as JSON; expected at most {LARGEST_WEBSOCKET_HEADERS}")


def sip_headers(where: str, value: Any) -> None:
    """Require an object of header names and single-line values."""
    as_object(where, value)
    for name_, content in value.items():
        if not re.fullmatch(_HEADER_NAME, name_):
            fail(where, "invalid header name; expected 1 to 64 letters, digits and SIP marks")
        header_value(f"{where}.{shown(name_)}", content)
    if sum(len(name_) + len(content) for name_, content in value.items()) > LONGEST_HEADER:
        fail(where, f"too large; expected at most {LONGEST_HEADER} characters together")
