"""Hide what callers entered in a logged event whose URL has the query parameter ``secret``."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

HIDDEN = "secret"


def without_secret(event: dict[str, Any]) -> dict[str, Any]:
    """Return a function's event without digits, speech and token, if its input was secret.

    The token has the digest of the body, from which a few digits can be found.
    """
    body = event.get("body", "")
    if not _is_secret(event["rawQueryString"]) and not _is_secret(_failed_query(body)):
        return event
    pairs = parse_qsl(event["rawQueryString"], keep_blank_values=True)
    shown = [(name, HIDDEN if name in ("dtmf", "speech") else value) for name, value in pairs]
    return {
        **event,
        "rawQueryString": urlencode(shown),
        "queryStringParameters": dict(shown),
        "headers": {n: v for n, v in event["headers"].items() if n != "authorization"},
        **({"body": _shown_body(body)} if body else {}),
    }


def _is_secret(query: str) -> bool:
    return "secret" in parse_qs(query, keep_blank_values=True)


def _failed_query(body: str) -> str:
    """Return the query of the webhook whose fields a fallback request repeats."""
    try:
        return str(urlsplit(json.loads(body)["original_request"]["url"]).query)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def _shown_body(body: str) -> str:
    try:
        fields = json.loads(body)
        shown = {name: value for name, value in fields.items() if name != "speech"}
    except (ValueError, AttributeError, RecursionError):
        return HIDDEN
    if isinstance(shown.get("dtmf"), dict):
        shown["dtmf"] = {**shown["dtmf"], "digits": HIDDEN}
    elif "dtmf" in shown:
        shown["dtmf"] = HIDDEN
    return json.dumps(shown, separators=(",", ":"))
