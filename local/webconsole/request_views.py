"""JSON views of logged API requests: a summary, and everything but the signatures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.aws.request_log import LoggedRequest

_REDACTED = "(hidden)"
_MAX_NAME_LENGTH = 100  # characters of a flow name


def summary_view(request: LoggedRequest) -> dict[str, Any]:
    """Return the request's id, route, function, status, duration and flow."""
    return {
        "id": request.id,
        "route": request.route,
        "function": request.function,
        "request_id": request.request_id,
        "status": request.status,
        "ms": request.ms,
        "flow": _flow(request),
    }


def full_view(request: LoggedRequest) -> dict[str, Any]:
    """Return the summary with the log lines, the Lambda event and the response."""
    return {
        **summary_view(request),
        "log": list(request.log),
        "event": _without_signature(request.event),
        "response": {
            "status": request.status,
            "headers": request.headers,
            "body": request.body.decode("utf-8", "replace"),
        },
    }


def log_field(log: Sequence[str], name: str) -> str | None:
    """Return a field from the last JSON log line that has it as a string."""
    for line in reversed(log):
        if line.startswith("{"):
            try:
                value = json.loads(line).get(name)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, str):
                return value[:_MAX_NAME_LENGTH]
    return None


def _flow(request: LoggedRequest) -> str | None:
    """Return the flow that the function logged, else the flow that the URL named."""
    query = (request.event or {}).get("rawQueryString", "")
    requested = parse_qs(query).get("flow", [None])[0]
    return log_field(request.log, "flow") or (requested and requested[:_MAX_NAME_LENGTH])


def _without_signature(event: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the event with its credentials made unusable.

    A token keeps its header and claims, because they show what was signed.
    """
    if event is None:
        return None
    headers = dict(event["headers"])
    if "authorization" in headers:
        scheme, _, rest = headers["authorization"].partition(" ")
        claims, dot, _ = rest.rpartition(".")
        is_token = scheme.lower() == "bearer" and dot
        headers["authorization"] = f"{scheme} {claims}.{_REDACTED}" if is_token else _REDACTED
    if "x-amz-security-token" in headers:
        headers["x-amz-security-token"] = _REDACTED
    return {**event, "headers": headers}
