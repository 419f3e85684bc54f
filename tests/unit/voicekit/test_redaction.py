"""voicekit.redaction: what logs may contain of an exception."""

from __future__ import annotations

import json

import pytest

from tests.support import signing
from voicekit.redaction import error_fields

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
