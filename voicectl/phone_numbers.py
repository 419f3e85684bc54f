"""Telephone numbers as users type them, and where one stands in what Vonage sent."""

from __future__ import annotations

import argparse
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from voicekit.e164 import is_number

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = re.compile(r"[\s().-]")


def number(text: str) -> str:
    """Give an E.164 number without the plus, for argparse: `+44 7700 900123` is `447700900123`.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    bare = _MARKS.sub("", text).removeprefix("+")
    if not is_number(bare):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no E.164 number: write the country code and 7 to 15 digits in all,"
            " without a zero in front, such as 447700900123"
        )
    return bare


class Mentions:
    """Finds one number in what Vonage sent.

    Parameters
    ----------
    wanted
        An E.164 number without the plus.
    """

    def __init__(self, wanted: str) -> None:
        self.number = wanted
        # With a plus or the zeros of an international call, and not as a part of a longer number
        # or of an identifier.
        self._pattern = re.compile(rf"(?<![0-9A-Za-z])(?:\+|00)?{wanted}(?![0-9A-Za-z])")

    def in_text(self, text: str) -> bool:
        """Say whether a text has the number."""
        return self._pattern.search(text) is not None

    def among(self, value: Any) -> bool:
        """Say whether a value has it anywhere, names of fields included."""
        return any(map(self.in_text, _texts(value)))

    def is_party(self, fields: Any) -> bool:
        """Say whether an event is of a leg from or to the number."""
        return isinstance(fields, dict) and any(
            self.among(fields.get(name)) for name in ("from", "to")
        )


def fields_of(method: Any, body: Any) -> Any:
    """Give what an event says, out of what was kept of it: a JSON body, or a query string."""
    if not isinstance(body, str):
        return {}
    if method == "GET":
        return {name: _decoded(text) for name, text in parse_qsl(body, keep_blank_values=True)}
    return _decoded(body)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _texts(value: Any) -> Iterator[str]:
    """Give every text in a JSON value, with numbers as texts; nesting of any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif one is not None:
            yield str(one)
