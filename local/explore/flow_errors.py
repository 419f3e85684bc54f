"""Where a flow failed and why, from the log line that its function wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from local.explore.flow_files import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FLOW_LOCATION = re.compile(r"(flows/\w+\.py):(\d+)\b")
# How Python ends the text of a syntax error.
_IN_SOURCE = re.compile(r"\((\w+\.py), line (\d+)\)$")


class FlowError(NamedTuple):
    """The place in a flow, such as ``flows/greet.py:12 answer``, and the text; empty if unknown."""

    place: str
    detail: str


def flow_error(fields: Mapping[str, Any], code: Path) -> FlowError:
    """Return the innermost place in a flow of a logged error, and the error's text.

    The log masks what a text quotes. That of a syntax error is read from the file again.

    Parameters
    ----------
    fields
        The fields of the log line.
    code
        The folder of the functions.
    """
    at = fields.get("at")
    places = [str(one) for one in at] if isinstance(at, list) else []
    place = next((one for one in reversed(places) if FLOW_LOCATION.match(one)), "")
    detail = str(fields.get("detail") or "")
    if found := _IN_SOURCE.search(detail):
        file, line = found.groups()
        error = read(code / "flows" / file)["error"] or {}
        if str(error.get("line")) == line:
            return FlowError(f"flows/{file}:{line}", error["text"])
    return FlowError(place, detail)
