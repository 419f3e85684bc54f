"""Telephone numbers in E.164 form, without the plus, as Vonage writes them."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[1-9][0-9]{6,14}")

# ITU-T E.164 assigns country codes so that none begins another. Those of one or two digits are
# listed; every other code has three.
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
    """Say whether this is an E.164 number of 7 to 15 ASCII digits, without a plus."""
    return isinstance(text, str) and _NUMBER.fullmatch(text) is not None


def country_code(number: str) -> str:
    """Give the country calling code that an E.164 number begins with."""
    if number[:1] in _ONE_DIGIT:
        return number[:1]
    return number[:2] if number[:2] in _TWO_DIGITS else number[:3]


def masked(number: object) -> str | None:
    """Give what logs may show of a number: its country code and last two digits.

    Anything that is no number (a user's name, a SIP URI, ``Unknown``) is shown as ``other``, since
    it may name a person; nothing at all as None.
    """
    if number is None:
        return None
    bare = str(number).strip().removeprefix("+")
    return f"{country_code(bare)}…{bare[-2:]}" if is_number(bare) else "other"
