"""The text of a talk action: its rule, and how text from outside is made safe to speak."""

from __future__ import annotations

import re

from voicekit.ncco.value_rules import expect, fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Vonage NCCO reference: talk.text, counted without tags.
LONGEST_SPOKEN = 1500
# With tags: no documented bound. Ours is far above what a spoken text of 1500 characters needs.
LONGEST_WRITTEN = 15_000

# What XML, and so SSML, has no place for: control characters and halves of surrogate pairs.
_UNSPEAKABLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
# No part of a tag runs over a "<", which keeps the search linear.
_ATTRIBUTE = r"""\s+[A-Za-z][A-Za-z0-9:_-]*\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
_TAG = rf"<(/?)([A-Za-z][A-Za-z0-9:_-]*)((?:{_ATTRIBUTE})*)\s*(/?)>"
_BARE_AMPERSAND = r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)"
_BETWEEN_DIGITS = r"(?<=[0-9])(?=[0-9])"
_ENTITIES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"},
)


def escape(text: str) -> str:
    """Make text from outside safe to place inside SSML, between tags or in an attribute.

    Text from a caller, a header or a recogniser belongs inside `<speak>…</speak>`, escaped: in
    plain text an entity could be read out as it is written, and a tag is refused.

    Parameters
    ----------
    text
        Any text. Characters that XML has no place for (control characters, halves of surrogate
        pairs) are left out.

    Examples
    --------
    >>> "<speak>You said " + escape("rock & roll") + "</speak>"
    '<speak>You said rock &amp; roll</speak>'
    """
    return re.sub(_UNSPEAKABLE, "", text).translate(_ENTITIES)


def spell(number: str) -> str:
    """Part the digits of a number, so that a voice reads them one by one.

    A space and not a hyphen: voices read a hyphen between digits as a pause, as "minus" or as a
    range, each language in its own way, and a space only parts. What is no digit stays: a caller
    may be "Unknown".

    Parameters
    ----------
    number
        A phone number or any other text.

    Examples
    --------
    >>> spell("447700900000")
    '4 4 7 7 0 0 9 0 0 0 0 0'
    """
    return re.sub(_BETWEEN_DIGITS, " ", number)


def spoken(where: str, value: Any) -> None:
    """Allow text that can be spoken: at most 1500 characters without tags, and tags only inside
    one `<speak>` element that is well-formed (Vonage NCCO reference: talk.text).
    """
    expect(where, value, str, "text")
    if not 1 <= len(value) <= LONGEST_WRITTEN:
        fail(where, f"must have 1 to {LONGEST_WRITTEN} characters, and has {len(value)}")
    if value.isspace():
        fail(where, "must have something to speak")
    if not value.isprintable() and re.search(_UNSPEAKABLE, value):
        fail(where, "has a control character or half of a surrogate pair")
    length = len(_without_tags(value))
    if length > LONGEST_SPOKEN:
        fail(where, f"must have at most {LONGEST_SPOKEN} characters without tags, and has {length}")
    _check_tags(where, value.strip())


def _without_tags(text: str) -> str:
    return re.sub(_TAG, "", text) if "<" in text else text


def _check_tags(where: str, text: str) -> None:
    # A small check and no XML parser: SSML that does not parse is silence to the caller, and the
    # usual causes, a tag left open and a bare "&" or "<", are found without one.
    if not text.startswith("<speak"):
        if "<" in text and re.search(_TAG, text):
            fail(where, "has tags outside <speak>...</speak>")
        return
    if re.search(_BARE_AMPERSAND, text) or "<" in _without_tags(text):
        fail(
            where,
            "has a bare & or <, or a malformed tag, inside <speak>: "
            "use escape() for text from outside",
        )
    still_open: list[str] = []
    for tag in re.finditer(_TAG, text):
        closing, name, attributes, empty = tag.groups()
        if tag.start() > 0 and not still_open:
            fail(where, "must be one <speak> element with nothing after it")
        if closing:
            if attributes or empty or still_open.pop() != name:
                fail(where, f"has a closing tag at {tag.start()} that fits no open one")
        elif not empty:
            still_open.append(name)
    if still_open:
        fail(where, "has a tag that is never closed")
    if not text.endswith("</speak>"):
        fail(where, "must be one <speak> element with nothing after it")
