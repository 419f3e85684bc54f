"""Parse phone numbers, and find one in stored events."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import click

from voicekit.e164 import is_number

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKS = re.compile(r"[\s().-]")


def number(text: str) -> str:
    """Return an E.164 number without the plus, as a click type: 447700900123.

    Raises
    ------
    click.BadParameter
        If the text is not such a number.
    """
    bare = _MARKS.sub("", text).removeprefix("+")
    if not is_number(bare):
        raise click.BadParameter(
            f"{text!r} is not an E.164 number: expected 7 to 15 digits that start with the country"
            " code, such as 447700900123"
        )
    return bare


class Mentions:
    """Finds one number in webhook fields.

    Parameters
    ----------
    number
        An E.164 number without the plus.
    """

    def __init__(self, number: str) -> None:
        self.number = number
        # With a plus or the zeros of an international call, but not as part of a longer number or
        # of an identifier.
        self._pattern = re.compile(rf"(?<![0-9A-Za-z])(?:\+|00)?{number}(?![0-9A-Za-z])")

    def in_text(self, text: str) -> bool:
        """Return whether a text contains the number."""
        return self._pattern.search(text) is not None

    def among(self, value: Any) -> bool:
        """Return whether a JSON value contains the number, field names included."""
        return any(map(self.in_text, _texts(value)))

    def is_party(self, fields: Any) -> bool:
        """Return whether an event belongs to a leg from or to the number."""
        return isinstance(fields, dict) and any(
            self.among(fields.get(name)) for name in ("from", "to")
        )


def fields_of(method: Any, body: Any) -> Any:
    """Return the fields of a stored event: of its JSON body, or of its query string."""
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
    """Yield every text in a JSON value, at any depth; numbers as text."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            pending += one
        elif one is not None:
            yield str(one)
