"""voicekit.e164: recognize and mask phone numbers."""

from __future__ import annotations

import pytest

from voicekit.e164 import country_code, is_number, masked


@pytest.mark.parametrize("text", ["447700900123", "1234567", "123456789012345"])
def test_seven_to_fifteen_digits_are_a_number(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+447700900123",
        "0447700900123",
        "123456",
        "1234567890123456",
        "447700900123\n",
        " 447700900123",
        "44 7700 900123",
        "\u0664\u0664770090012",
        "Unknown",
        447700900123,
        None,
        [],
    ],
)
def test_anything_else_is_not_a_number(text: object) -> None:
    assert not is_number(text)


@pytest.mark.parametrize(
    ("number", "code"),
    [("12025550123", "1"), ("77012345678", "7"), ("447700900123", "44"), ("353201234567", "353")],
)
def test_the_country_code_has_one_to_three_digits(number: str, code: str) -> None:
    assert country_code(number) == code


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("447700900123", "44…23"),
        ("+447700900123", "44…23"),
        (" 447700900123", "44…23"),
        (447700900123, "44…23"),
        ("Unknown", "other"),
        ("sip:447700900123@example.com", "other"),
        ("447700900123 447700900124", "other"),
        ("", "other"),
        ({"number": "447700900123"}, "other"),
        (None, None),
    ],
)
def test_a_masked_number_has_the_country_code_and_two_digits(
    number: object, shown: str | None
) -> None:
    assert masked(number) == shown
