"""Which part of an object a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


class OutOfRange(Exception):
    """Nothing of the object lies in the range that was asked for: 416."""


def part(header: str | None, size: int) -> range | None:
    """Read a Range header.

    Parameters
    ----------
    header
        The header; what is not one range of bytes is to be ignored, and the whole object sent.
    size
        Bytes of the object.

    Returns
    -------
    range or None
        The bytes to send with status 206; None for all of them with status 200.

    Raises
    ------
    OutOfRange
        If the range holds none of its bytes.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found[0].endswith("=-"):
        return None
    first, last = found.groups()
    if not first:
        wanted = range(max(0, size - int(last)), size)
    elif last and int(last) < int(first):
        return None
    else:
        wanted = range(int(first), min(int(last) + 1, size) if last else size)
    if not wanted:
        raise OutOfRange
    return wanted
