"""JSON views of logged API requests: a summary, and everything but the signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.webconsole.webhook_result import source_lines, webhook_result

if TYPE_CHECKING:
    from pathlib import Path

    from local.aws.request_log import LoggedRequest

_REDACTED = "(hidden)"


def summary_view(request: LoggedRequest, code: Path) -> dict[str, Any]:
    """Return the request's id, route, function, status, duration, and the function's result.

    Parameters
    ----------
    request
        The request.
    code
        The folder of the functions.
    """
    return {
        "id": request.id,
        "route": request.route,
        "function": request.function,
        "request_id": request.request_id,
        "status": request.status,
        "ms": request.ms,
        **webhook_result(request, code)._asdict(),
    }


def full_view(request: LoggedRequest, code: Path) -> dict[str, Any]:
    """Return the summary with log lines, Lambda event, response, and the lines around an error."""
    summary = summary_view(request, code)
    return {
        **summary,
        "source": source_lines(summary["location"], code),
        "log": list(request.log),
        "event": _without_signature(request.event),
        "response": {
            "status": request.status,
            "headers": request.headers,
            "body": request.body.decode("utf-8", "replace"),
        },
    }


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
