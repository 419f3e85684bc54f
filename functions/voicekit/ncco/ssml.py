"""The text of a talk action: its rule, and escaping of untrusted text."""

from __future__ import annotations

import re

from voicekit.ncco.value_rules import expect, fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Vonage NCCO reference: talk.text, counted without tags.
LONGEST_SPOKEN = 1500
# With tags. Vonage documents no limit; ours is far above what a text of 1500 characters needs.
LONGEST_WRITTEN = 15_000

# Characters that XML, and therefore SSML, doesn't allow: control characters and lone surrogates.
_NOT_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
# No part of a tag matches "<", which keeps the search linear.
_ATTRIBUTE = r"""\s+[A-Za-z][A-Za-z0-9:_-]*\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
_TAG = rf"<(/?)([A-Za-z][A-Za-z0-9:_-]*)((?:{_ATTRIBUTE})*)\s*(/?)>"
_BARE_AMPERSAND = r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)"
_DIGITS = "0123456789"
_ENTITIES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"},
)


def escape(text: str) -> str:
    """Escape untrusted text for SSML, between tags or in an attribute.

    Use text from a caller, a header or a transcript only escaped, inside `<speak>…</speak>`. In
    plain text, a voice might read an entity aloud, and a tag is an error.

    Parameters
    ----------
    text
        Any text. Characters that XML doesn't allow (control characters, lone surrogates) are
        removed.

    Examples
    --------
    >>> "<speak>You said " + escape("rock & roll") + "</speak>"
    '<speak>You said rock &amp; roll</speak>'
    """
    return re.sub(_NOT_XML, "", text).translate(_ENTITIES)


def spell(number: str) -> str:
    """Separate the digits of a number with spaces, so that a voice reads them one by one.

    Depending on the language, a voice reads a hyphen between digits as a pause, as "minus" or as a
    range; a space has no such meaning. Other characters stay: a caller may be "Unknown".

    Parameters
    ----------
    number
        A phone number or any other text.

    Examples
    --------
    >>> spell("447700900000")
    '4 4 7 7 0 0 9 0 0 0 0 0'
    """
    # Not with a pattern: the first caller would wait while it is compiled.
    spelled, before = "", ""
    for character in number:
        spelled += f" {character}" if before and character in _DIGITS else character
        before = character if character in _DIGITS else ""
    return spelled


def spoken(where: str, value: Any) -> None:
    """Require a text to speak: at most 1500 characters without tags, and tags only inside one
    well-formed `<speak>` element (Vonage NCCO reference: talk.text).
    """
    expect(where, value, str, "a string")
    if not 1 <= len(value) <= LONGEST_WRITTEN:
        fail(where, f"has {len(value)} characters; expected 1 to {LONGEST_WRITTEN}")
    if value.isspace():
        fail(where, "blank; expected a text to speak")
    if not value.isprintable() and re.search(_NOT_XML, value):
        fail(where, "has a control character or a lone surrogate")
    length = len(_without_tags(value))
    if length > LONGEST_SPOKEN:
        fail(where, f"has {length} characters without tags; expected at most {LONGEST_SPOKEN}")
    _check_tags(where, value.strip())


def _without_tags(text: str) -> str:
    return re.sub(_TAG, "", text) if "<" in text else text


def _check_tags(where: str, text: str) -> None:
    # If SSML doesn't parse, the caller hears silence. This small check finds the usual causes
    # without an XML parser: an unclosed tag, and a bare "&" or "<".
    if not text.startswith("<speak"):
        if "<" in text and re.search(_TAG, text):
            fail(where, "has tags outside <speak>...</speak>")
        return
    if re.search(_BARE_AMPERSAND, text) or "<" in _without_tags(text):
        fail(
            where,
            "has a bare & or <, or a malformed tag, inside <speak>. Use escape() for untrusted "
            "text.",
        )
    open_tags: list[str] = []
    for tag in re.finditer(_TAG, text):
        closing, name, attributes, empty = tag.groups()
        if tag.start() > 0 and not open_tags:
            fail(where, "has content after <speak>; expected exactly one <speak> element")
        if closing:
            if attributes or empty or open_tags.pop() != name:
                fail(where, f"has an unmatched closing tag at character {tag.start()}")
        elif not empty:
            open_tags.append(name)
    if open_tags:
        fail(where, "has an unclosed tag")
    if not text.endswith("</speak>"):
        fail(where, "has content after <speak>; expected exactly one <speak> element")
