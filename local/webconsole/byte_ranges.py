"""Parse Range headers (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


class RangeNotSatisfiable(Exception):
    """The range contains no byte of the object: status 416."""


def parse_range(header: str | None, size: int) -> range | None:
    """Parse a Range header.

    Parameters
    ----------
    header
        The header. Anything but a single byte range is ignored.
    size
        The object's size in bytes.

    Returns
    -------
    range or None
        The bytes to send with status 206; None to send all of them with status 200.

    Raises
    ------
    RangeNotSatisfiable
        If the range contains no byte of the object.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[0].endswith("=-"):
        return None
    first, last = match.groups()
    if not first:
        selected = range(max(0, size - int(last)), size)
    elif last and int(last) < int(first):
        return None
    else:
        selected = range(int(first), min(int(last) + 1, size) if last else size)
    if not selected:
        raise RangeNotSatisfiable
    return selected
