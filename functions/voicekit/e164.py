"""Phone numbers in E.164 format without the plus, as Vonage writes them."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[1-9][0-9]{6,14}")

# In ITU-T E.164, no country code is a prefix of another. Those of one or two digits are listed;
# every other code has three.
_ONE_DIGIT = frozenset("17")
_TWO_DIGITS = frozenset(
    [
        "20",
        "27",
        "30",
        "31",
        "32",
        "33",
        "34",
        "36",
        "39",
        "40",
        "41",
        "43",
        "44",
        "45",
        "46",
        "47",
        "48",
        "49",
        "51",
        "52",
        "53",
        "54",
        "55",
        "56",
        "57",
        "58",
        "60",
        "61",
        "62",
        "63",
        "64",
        "65",
        "66",
        "81",
        "82",
        "84",
        "86",
        "90",
        "91",
        "92",
        "93",
        "94",
        "95",
        "98",
    ]
)


def is_number(text: object) -> bool:
    """Return whether this is an E.164 number of 7 to 15 ASCII digits, without a plus."""
    return isinstance(text, str) and _NUMBER.fullmatch(text) is not None


def country_code(number: str) -> str:
    """Return the country calling code of an E.164 number."""
    if number[:1] in _ONE_DIGIT:
        return number[:1]
    return number[:2] if number[:2] in _TWO_DIGITS else number[:3]


def masked(number: object) -> str | None:
    """Return the number masked for logs: country code and last two digits.

    Anything but a number (a user name, a SIP URI, ``Unknown``) may identify a person, so it becomes
    ``other``. None stays None.
    """
    if number is None:
        return None
    digits = str(number).strip().removeprefix("+")
    return f"{country_code(digits)}…{digits[-2:]}" if is_number(digits) else "other"
