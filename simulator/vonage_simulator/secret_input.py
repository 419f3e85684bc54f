"""Hide what callers enter for an input whose URL has the query parameter `secret`.

The application receives the digits and the words. The journal, the control API and the sounds of
the call have the text `secret` instead. Vonage has no such parameter: it is a mark for this
simulator.
"""

from typing import Any
from urllib.parse import parse_qs, urlsplit

HIDDEN = "secret"


def is_secret(url: Any) -> bool:
    """Return whether a URL has the mark."""
    try:
        return isinstance(url, str) and "secret" in _parameters(urlsplit(url).query)
    except ValueError:
        return False


def _parameters(query: str) -> dict[str, list[str]]:
    return parse_qs(query, keep_blank_values=True)


def shown_fields(url: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a webhook as the journal shows them.

    A fallback request repeats the fields of the webhook that failed, so its URL counts too.
    """
    original = fields.get("original_request")
    failed = original.get("url") if isinstance(original, dict) else None
    if not is_secret(url) and not is_secret(failed):
        return fields
    shown = {name: value for name, value in fields.items() if name != "speech"}
    dtmf = fields.get("dtmf")
    if isinstance(dtmf, dict):
        shown["dtmf"] = dtmf | {"digits": HIDDEN if dtmf.get("digits") else dtmf.get("digits")}
    elif dtmf:
        shown["dtmf"] = HIDDEN
    return shown
