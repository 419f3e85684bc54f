"""Remove what a caller entered from a webhook, for URLs with the parameter ``secret``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from voicekit.signature import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicekit.webhook import Webhook

_INPUT = ("dtmf", "speech")
_MASK = "secret"  # in place of digits


def without_input(webhook: Webhook) -> Webhook:
    """Return a webhook whose digits are the text ``secret``, and whose speech is empty.

    Its body, or on GET its query string, is written anew from these fields, so whatever is derived
    from it, such as a digest, reveals nothing of the input. That nothing was entered is not secret.
    """
    request, fields = webhook.request, _masked(webhook.fields)
    if request.method != "GET":
        request = request._replace(body=json.dumps(fields, separators=(",", ":")).encode())
        return webhook._replace(request=request, fields=fields)
    shown = {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in fields.items()
        if name in _INPUT
    }
    pairs = [(name, shown.get(name, value)) for name, value in parameters(request.query)]
    return webhook._replace(request=request._replace(query=urlencode(pairs)), fields=fields)


def _masked(fields: Mapping[str, Any]) -> dict[str, Any]:
    masked = dict(fields)
    if "speech" in fields:
        masked["speech"] = {}
    dtmf = fields.get("dtmf")
    if isinstance(dtmf, dict):
        digits = dtmf.get("digits")
        masked["dtmf"] = {
            "digits": _MASK if digits else "",
            "timed_out": dtmf.get("timed_out") in (True, "true"),
        }
    elif dtmf:  # the format before the option `type` existed, or anything else
        masked["dtmf"] = _MASK
    return masked
