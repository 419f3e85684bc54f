"""Remove what a caller entered from a webhook, for URLs with the parameter ``secret``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from voicekit.webhook import Webhook

_MASK = "secret"  # in place of digits


def without_input(webhook: Webhook) -> Webhook:
    """Return a webhook whose digits are the text ``secret``, and whose speech is empty.

    That nothing was entered is not secret.
    """
    return webhook.with_fields(_masked(webhook.fields))


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
