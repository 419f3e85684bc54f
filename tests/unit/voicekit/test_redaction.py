"""voicekit.redaction: what logs may contain of an exception."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import signing
from voicekit.redaction import error_fields, redact

OURS = signing.account()
BODY = b"{}"
UUID = "0779a56d002f1c7f47f82ef5fe84ab79"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("no route to 447700900123", "900123"),
        ("no route to +44 7700 900 123", "900"),
        ("no route to 44-7700-900123", "900123"),
        ("no route to (44) 7700 900123", "900123"),
        ("the PIN 1234 is wrong", "1234"),
        (f"token {signing.bearer(OURS, BODY)}", "eyJ"),
        (f"leg {UUID}", UUID),
        ("'my mother died'", "mother"),
        ('"my mother died"', "mother"),
        ("invalid literal for int() with base 10: 'four thousand'", "thousand"),
    ],
    ids=lambda text: text[:12],
)
def test_the_logged_text_has_no_numbers_tokens_or_quoted_content(text: str, hidden: str) -> None:
    fields = error_fields(ValueError(text))
    assert fields["error"] == "ValueError"
    assert hidden not in json.dumps(fields)


@given(
    before=st.text("abc :\n", max_size=9),
    number=st.lists(
        st.tuples(
            st.sampled_from("0123456789"), st.text("+-/._,:;()*# \u00a0\u2013\n", max_size=3)
        ),
        min_size=4,
        max_size=15,
    ),
    after=st.text("abc :\n", max_size=9),
)
def test_no_digit_of_a_number_with_separators_remains(
    before: str, number: list[tuple[str, str]], after: str
) -> None:
    text = before + "".join(digit + separator for digit, separator in number) + after
    assert not re.search(r"\d", redact(text))


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        ("the PIN 12 is wrong", "the PIN … is wrong"),
        ("pin=7", "pin …"),
        ("PIN: 1 2", "PIN …"),
        ("PIN42", "PIN …"),
        ("the passcode is 12", "the passcode …"),
        ("code of 123 refused", "code … refused"),
        ("CVV 123", "CVV …"),
        ("digits: 5", "digits …"),
        ("the caller pressed 1, 2", "the caller pressed …"),
        ("dialed 112", "dialed …"),
        ("account number 99", "account …"),
        ("jane.doe@example.com is unknown", "… is unknown"),
        ("no mailbox <jane@example.com>", "no mailbox …"),
        ("user%40example.com", "…"),
        ("sip:jane@example.com;transport=tls: no allowed domain", "… no allowed domain"),
    ],
)
def test_short_codes_and_addresses_are_not_logged(text: str, logged: str) -> None:
    assert redact(text) == logged


@pytest.mark.parametrize(
    "text",
    [
        "HTTP 503 after 3 attempts",
        "status code 404",
        "exit code 1",
        "loop: 300; expected 0 to 99",
        "line 1, column 12",
        "an E.164 number without the plus",
        "the pinboard has 12 entries",
        "decode 12 bytes",
    ],
)
def test_other_short_numbers_are_logged(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "1 a" * 300_000,
        "pin " * 250_000,
        "'" + '"' * 9 + "x@" * 500_000,
        "@" * 10**6,
    ],
    ids=lambda text: text[:6],
)
def test_a_long_text_takes_less_than_a_second(text: str) -> None:
    start = time.process_time()
    redact(text)
    assert time.process_time() - start < 1


def raised_by(source: str, **names: object) -> BaseException:
    """Return the exception that a line of code raises."""
    try:
        exec(source, {"said": "mother", **names})
    except Exception as error:
        return error
    raise AssertionError("nothing")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("dict(key=1).kye", "kye"),
        ("import sandcastle", "sandcastle"),
        ("sandcastle", "sandcastle"),
        ("(lambda level: 1)(levle=2)", "levle"),
    ],
)
def test_a_name_from_the_code_is_logged(source: str, name: str) -> None:
    assert name in error_fields(raised_by(source))["detail"]


@pytest.mark.parametrize(
    "source",
    [
        "getattr(1, said)",
        "(lambda: 1)(**{said: 1})",
        "{'mother': 1}.pop(said) and {}[said]",
        "raise TypeError(f'code said and {said!r}')",
        "int(said)",
        "__import__(said)",
    ],
)
def test_a_value_from_outside_is_not_logged_as_a_name(source: str) -> None:
    assert "mother" not in error_fields(raised_by(source))["detail"]


def test_the_location_of_an_exception_is_logged() -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        fields = error_fields(error)
    assert fields["at"][0].startswith("voicekit/test_redaction.py:")
