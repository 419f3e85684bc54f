"""Numbers as users type them."""

from __future__ import annotations

import argparse

import pytest

from voicectl.phone_numbers import number


@pytest.mark.parametrize(
    "text", ["447700900123", "+447700900123", "+44 7700 900123", "+44 (7700) 900-123"]
)
def test_a_number_is_read_with_its_plus_and_its_marks(text: str) -> None:
    assert number(text) == "447700900123"


@pytest.mark.parametrize(
    "text",
    ["", "07700900123", "123456", "4477009001234567", "44770090012a", "٤٤٧٧٠٠٩٠٠١٢٣", "++44"],
)
def test_what_is_no_number_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write the country code"):
        number(text)
