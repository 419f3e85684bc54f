"""How an exchange of the API is shown: in a line, and as a whole without the signature it had."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.aws.request_log import LoggedRequest

_HIDDEN = "(hidden)"
_LONGEST_NAME = 100  # characters of a flow's name


def summary(exchange: LoggedRequest) -> dict[str, Any]:
    """Say in short what was asked and answered, and by which flow."""
    return {
        "id": exchange.id,
        "route": exchange.route,
        "function": exchange.function,
        "request_id": exchange.request_id,
        "status": exchange.status,
        "ms": exchange.ms,
        "flow": _flow(exchange),
    }


def whole(exchange: LoggedRequest) -> dict[str, Any]:
    """Say everything that is known of an exchange."""
    return {
        **summary(exchange),
        "log": list(exchange.log),
        "event": _without_signature(exchange.event),
        "response": {
            "status": exchange.status,
            "headers": exchange.headers,
            "body": exchange.body.decode("utf-8", "replace"),
        },
    }


def noted(log: Sequence[str], name: str) -> str | None:
    """Give a field of the function's JSON log lines, from the last one that has it as text."""
    for line in reversed(log):
        if line.startswith("{"):
            try:
                value = json.loads(line).get(name)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, str):
                return value[:_LONGEST_NAME]
    return None


def _flow(exchange: LoggedRequest) -> str | None:
    """Say which flow answered: as the function logged it, else as the URL asked for it."""
    query = (exchange.event or {}).get("rawQueryString", "")
    named = parse_qs(query).get("flow", [None])[0]
    return noted(exchange.log, "flow") or (named and named[:_LONGEST_NAME])


def _without_signature(event: dict[str, Any] | None) -> dict[str, Any] | None:
    """Give an event whose credentials open nothing any more.

    A token's header and claims stay, since they say what was signed.
    """
    if event is None:
        return None
    headers = dict(event["headers"])
    if "authorization" in headers:
        scheme, _, rest = headers["authorization"].partition(" ")
        claims, dot, _ = rest.rpartition(".")
        is_token = scheme.lower() == "bearer" and dot
        headers["authorization"] = f"{scheme} {claims}.{_HIDDEN}" if is_token else _HIDDEN
    if "x-amz-security-token" in headers:
        headers["x-amz-security-token"] = _HIDDEN
    return {**event, "headers": headers}
