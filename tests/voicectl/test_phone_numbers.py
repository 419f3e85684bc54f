"""Phone numbers as users type them."""

from __future__ import annotations

import click
import pytest

from voicectl.phone_numbers import number


@pytest.mark.parametrize(
    "text", ["447700900123", "+447700900123", "+44 7700 900123", "+44 (7700) 900-123"]
)
def test_a_number_may_have_a_plus_and_separators(text: str) -> None:
    assert number(text) == "447700900123"


@pytest.mark.parametrize(
    "text",
    ["", "07700900123", "123456", "4477009001234567", "44770090012a", "٤٤٧٧٠٠٩٠٠١٢٣", "++44"],
)
def test_an_invalid_number_is_rejected_with_the_expected_form(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected 7 to 15 digits"):
        number(text)
