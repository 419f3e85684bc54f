"""What a webhook function did with a request, from the log line that it writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from local.explore.flow_errors import FLOW_LOCATION, flow_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.aws.request_log import LoggedRequest

CONSOLE_USER_AGENT = "web console"
"""The user agent of the webhooks that the web console itself sends."""

_MAX_TEXT = 300  # characters of a field
_CONTEXT = 3  # source lines before and after the line of an error
# The caller did not get what the flow intends, or an event was not stored.
_FAILED = ("apology", "error", "transient", "not_stored")
# Refused on purpose, or delivered later.
_REFUSED = ("rejected", "unsigned", "invalid", "too_large", "overflowed")


class WebhookResult(NamedTuple):
    """The result of a request to a webhook.

    Attributes
    ----------
    outcome
        The outcome that the function logged, such as ``answered`` or ``apology``; ``no_response``
        if it logged none, as after a timeout; None for a route without webhook log lines.
    level
        ``failed`` if the caller did not get what the flow intends, ``notice`` for a refusal, a
        closed line, or dialing that is off, ``ok`` otherwise.
    flow
        The flow that ran, or that the URL names; None if unknown.
    conversation
        The conversation; None if unknown.
    error, detail
        The type and the text of an error, or the reason of a refusal.
    location
        File and line of an error in a flow, such as ``flows/greet.py:12``.
    closed, dialing_off
        Whether the opening hours answered, and whether the switchboard replaced a call.
    """

    outcome: str | None
    level: str
    flow: str | None
    conversation: str | None
    error: str | None
    detail: str | None
    location: str | None
    closed: bool
    dialing_off: bool


def webhook_result(request: LoggedRequest, code: Path) -> WebhookResult:
    """Return the result of a request; ``code`` is the folder of the functions."""
    fields = log_fields(request.log)
    place, detail = flow_error(fields, code)
    location = FLOW_LOCATION.match(place)
    is_webhook = " /webhooks/" in request.route
    outcome = _text(fields.get("outcome"))
    if outcome is None and is_webhook and request.status >= 500:
        outcome = "no_response"
    closed, dialing_off = fields.get("closed") is True, fields.get("dialling") == "off"
    level = "ok"
    if request.status >= 500 or outcome in _FAILED:
        level = "failed"
    if outcome in _REFUSED or (level == "ok" and (closed or dialing_off)):
        level = "notice"
    return WebhookResult(
        outcome=outcome,
        level=level,
        flow=_text(fields.get("flow")) or _requested_flow(request),
        conversation=_text(fields.get("conversation")),
        error=_text(fields.get("error")),
        detail=_text(detail),
        location=location[0] if location else None,
        closed=closed,
        dialing_off=dialing_off,
    )


def log_fields(log: Sequence[str]) -> dict[str, Any]:
    """Return the fields of the last JSON log line with an outcome, empty without one."""
    for line in reversed(log):
        if line.startswith("{"):
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(fields, dict) and isinstance(fields.get("outcome"), str):
                return fields
    return {}


def source_lines(location: str | None, code: Path) -> dict[str, Any] | None:
    """Return the lines around an error in a flow.

    Parameters
    ----------
    location
        File and line, such as ``flows/greet.py:12``.
    code
        The folder of the functions.

    Returns
    -------
    dict or None
        ``file``, ``line`` (the number of the failed line), ``first`` (the number of the first line)
        and ``lines``; None without a location or a readable file.
    """
    found = FLOW_LOCATION.fullmatch(location or "")
    if found is None:
        return None
    try:
        text = (code / found[1]).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    line = int(found[2])
    first = max(1, line - _CONTEXT)
    lines = text[first - 1 : line + _CONTEXT]
    return {"file": found[1], "line": line, "first": first, "lines": lines} if lines else None


def _requested_flow(request: LoggedRequest) -> str | None:
    query = (request.event or {}).get("rawQueryString", "")
    return _text(parse_qs(query).get("flow", [None])[0])


def _text(value: object) -> str | None:
    return value[:_MAX_TEXT] if isinstance(value, str) and value else None
