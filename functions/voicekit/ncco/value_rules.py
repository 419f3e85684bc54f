"""Rules for single values: numbers, texts, addresses, free JSON. Which option has which rule is
in `rules`.

A rule is a function of (where, value): it returns nothing, or raises NccoError with `where` in
front. The type of a value is compared exactly, never with isinstance: True is then no number, and
no method of a foreign class runs. No text is repeated in an error, since it may be a phone number
or a token and the error goes to the log.
"""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeAlias

    Rule: TypeAlias = Callable[[str, object], None]

# The reference gives no bound for these; ours keep an answer within reason.
LARGEST_WHOLE = 2**31 - 1
LONGEST_URL = 2048
LONGEST_NAME = 255
LONGEST_KEYS = 255
LONGEST_HEADER = 8191
MOST_HINTS = 500
# A conversation has no more members (Vonage NCCO reference: conversation).
MOST_LEGS = 50
# Free JSON ends here, and so does a structure that contains itself.
DEEPEST = 16
LARGEST_FREE_JSON = 32 * 1024

_NAMES_OF_TYPES = (
    (str, "text"),
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a fraction"),
    (list, "an array"),
    (dict, "an object"),
    (type(None), "null"),
)
# The patterns are texts, compiled (and kept) by `re` at their first use: most answers use two or
# three of them, and compiling all at import took longer than the rest, with a caller waiting.

# A word as an author would mistype it; anything else is not repeated in an error.
_WORD = r"[A-Za-z][A-Za-z_-]{0,29}"
_SURROGATE = "[\ud800-\udfff]"
_CONTROL = "[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_LANGUAGE = r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}"
# [0-9] and not \d, which also matches the digits of other scripts.
_E164 = r"[1-9][0-9]{6,14}"
_KEYS = r"[0-9*#p]+"
_LEG = r"[0-9A-Za-z-]{1,64}"
_CONVERSATION = r"CON-[0-9A-Za-z-]{1,64}"
_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}"

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(?::[0-9]{1,5})?"
# The characters of RFC 3986: no space, no control character, no backslash, nothing beyond ASCII.
_REST = r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
# No user info: "@" is not of a host's characters, and a host ends at the first of / ? #.
_HTTP = rf"(?i:https?)://{_HOST}{_PORT}(?:[/?#]{_REST})?"
_WEBSOCKET = rf"(?i:wss?)://{_HOST}{_PORT}(?:[/?#]{_REST})?"
# Here the user is part of the address.
_SIP_USER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:?/-]|%[0-9A-Fa-f]{2})+"
_SIP = rf"(?i:sips?):(?:{_SIP_USER}@)?{_HOST}{_PORT}(?:[;?]{_REST})?"


class NccoError(ValueError):
    """An action, or an NCCO, is not one that Vonage documents."""


def fail(where: str, what: str) -> NoReturn:
    """Raise the one error of this package: where it is, and what is allowed there."""
    raise NccoError(f"{where}: {what}")


def expect(where: str, value: object, wanted: type, wanted_name: str) -> None:
    """Refuse what is not exactly of the wanted type."""
    if type(value) is not wanted:
        found = next((name for kind, name in _NAMES_OF_TYPES if type(value) is kind), "no JSON")
        fail(where, f"must be {wanted_name}, and is {found}")


def shown(name: object) -> str:
    """Give a name for an error text, where it looks like one."""
    return name if type(name) is str and re.fullmatch(_WORD, name) else "(a name not shown)"


# Numbers and choices


def flag(where: str, value: object) -> None:
    """Allow true and false."""
    expect(where, value, bool, "true or false")


def whole(low: int, high: int, unit: str = "") -> Rule:
    """Allow whole numbers of a range, its ends included."""

    def rule(where: str, value: Any) -> None:
        expect(where, value, int, "a whole number")
        _within(where, value, low, high, unit)

    return rule


def number(low: float, high: float, unit: str = "") -> Rule:
    """Allow whole numbers and fractions of a range, its ends included."""

    def rule(where: str, value: Any) -> None:
        if type(value) is not int:
            expect(where, value, float, "a number")
        _within(where, value, low, high, unit)

    return rule


def _within(where: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:  # NaN is within no range
        # Python refuses to write out a number of thousands of digits.
        seen = str(value) if -1e9 < value < 1e9 else "the number"
        fail(where, f"{seen} is not between {low} and {high}{unit and ' ' + unit}")


_volume = number(-1, 1)


def talk_level(where: str, value: Any) -> None:
    """Allow a volume from -1 to 1 in steps of 0.1 (Vonage NCCO reference: talk.level)."""
    _volume(where, value)
    if abs(value * 10 - round(value * 10)) > 1e-6:
        fail(where, f"{value} is not a step of 0.1 between -1 and 1")


def one_of(*choices: str) -> Rule:
    """Allow a few words, spelled just so."""

    def rule(where: str, value: object) -> None:
        if type(value) is not str or value not in choices:
            fail(where, f"must be one of {', '.join(choices)}")

    return rule


# Texts


def text(most: int) -> Rule:
    """Allow one line of text, not empty, without control characters."""

    def rule(where: str, value: Any) -> None:
        expect(where, value, str, "text")
        if not 1 <= len(value) <= most:
            fail(where, f"must have 1 to {most} characters, and has {len(value)}")
        if not value.isprintable() and re.search(_CONTROL, value):
            fail(where, "has a control character or half of a surrogate pair")

    return rule


def _matching(pattern: str, most: int, wanted: str) -> Rule:
    def rule(where: str, value: Any) -> None:
        expect(where, value, str, "text")
        if len(value) > most or not re.fullmatch(pattern, value):
            fail(where, f"must be {wanted}")

    return rule


name = text(LONGEST_NAME)
header_value = text(LONGEST_HEADER)
key = one_of(*"0123456789*#")
keys = _matching(_KEYS, LONGEST_KEYS, f"1 to {LONGEST_KEYS} of 0-9 * # p")
language = _matching(_LANGUAGE, 35, "a BCP-47 language such as en-GB")
phone_number = _matching(_E164, 15, "E.164 without a plus: 7 to 15 digits, the first not 0")
leg = _matching(_LEG, 64, "the UUID of a leg")
conversation_id = _matching(_CONVERSATION, 68, "the id of a conversation, CON-...")
host = _matching(_HOST, LONGEST_NAME, "a host name or address")
sip_user = _matching(_SIP_USER, LONGEST_NAME, "the user part of a SIP URI")


# Addresses

_URL_WANTED = (
    "an absolute http or https URL in ASCII, without user info, of at most 2048 characters"
)
url = _matching(_HTTP, LONGEST_URL, _URL_WANTED)
websocket_uri = _matching(
    _WEBSOCKET, LONGEST_URL, _URL_WANTED.replace("http or https", "ws or wss")
)
sip_uri = _matching(_SIP, LONGEST_URL, "a sip: or sips: URI")


def array(item: Rule, most: int, least: int = 0) -> Rule:
    """Allow an array whose items all keep one rule."""
    count = f"{least} to {most} items" if least != most else f"exactly {most} item"

    def rule(where: str, value: Any) -> None:
        expect(where, value, list, f"an array of {count}")
        if not least <= len(value) <= most:
            fail(where, f"must have {count}, and has {len(value)}")
        for position, member in enumerate(value):
            item(f"{where}[{position}]", member)

    return rule


one_url = array(url, 1, 1)
legs = array(leg, MOST_LEGS)
one_leg = array(leg, 1, 1)
hints = array(name, MOST_HINTS)


def ringback_tone(where: str, value: object) -> None:
    """Allow a URL, or an array with one: the reference shows the former, and the official Python
    SDK can send nothing but the latter. It is the only option that is taken in two shapes.
    """
    (one_url if type(value) is list else url)(where, value)


# Objects


def as_object(where: str, value: Any) -> None:
    """Allow a plain dict whose names are all text."""
    expect(where, value, dict, "an object")
    for name_ in value:
        if type(name_) is not str:
            fail(where, "must have names that are text")


def free_json(where: str, value: object) -> None:
    """Allow an object of any JSON values, bounded in size and depth."""
    as_object(where, value)
    waiting: list[tuple[Any, int]] = [(value, 1)]
    size = 0
    while waiting:
        member, depth = waiting.pop()
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
            fail(where, f"is larger than {LARGEST_FREE_JSON} characters")
        if depth > DEEPEST:
            fail(where, f"is nested more than {DEEPEST} deep, or contains itself")
        waiting.extend((part, depth + 1) for part in parts)


def _scalar(where: str, value: object) -> None:
    if type(value) is str:
        if not value.isprintable() and re.search(_SURROGATE, value):
            fail(where, "has half of a surrogate pair, which is no text")
    elif type(value) is int:
        if not -(2**63) <= value < 2**63:
            fail(where, "has a whole number of more than 64 bits")
    elif type(value) is float:
        if not abs(value) < float("inf"):
            fail(where, "has a number that is not finite, which JSON cannot write")
    elif value is not None and type(value) is not bool:
        fail(where, "has a value that JSON does not know")


def websocket_headers(where: str, value: object) -> None:
    """Allow an object of at most 512 bytes as JSON (Vonage NCCO reference: websocket headers)."""
    free_json(where, value)
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > 512:
        fail(where, f"must have at most 512 bytes as JSON, and has {size}")


def sip_headers(where: str, value: Any) -> None:
    """Allow an object of header names and single-line values."""
    as_object(where, value)
    for name_, content in value.items():
        if not re.fullmatch(_HEADER_NAME, name_):
            fail(where, "must have names of 1 to 64 letters, digits and marks that SIP allows")
        header_value(f"{where}.{shown(name_)}", content)
    if sum(len(name_) + len(content) for name_, content in value.items()) > LONGEST_HEADER:
        fail(where, f"must have at most {LONGEST_HEADER} characters together")
