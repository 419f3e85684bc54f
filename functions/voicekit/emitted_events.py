"""The events that a flow emits. They are stored with the webhook, and published afterwards."""

from __future__ import annotations

import json
import re

from voicekit.signed_state import json_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_MAX_EVENTS = 10  # of a webhook
_MAX_BYTES = 16_384  # of JSON, of all events of a webhook
_MAX_NAME = 64  # characters
_NAME = re.compile(r"(?!voice\.)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")


def add_event(emitted: list[dict[str, Any]], name: str, data: Mapping[str, Any], flow: str) -> None:
    """Add an event to those of a webhook, as ``{"name": …, "data": …, "flow": …}``.

    Raises
    ------
    ValueError
        If the name or the data is invalid, or there are too many events.
    TypeError
        If the data is not a dict, or has a value that JSON does not know.
    """
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise ValueError(
            "emit: invalid name; expected at most 64 characters: words in lower case, separated "
            "by periods, such as appointment.cancelled. The first word is not voice."
        )
    if len(emitted) == _MAX_EVENTS:
        raise ValueError("emit: too many events; a webhook has at most ten")
    # A copy: the flow may change its data later.
    event = {"name": name, "data": json.loads(json_of(data, "data")), "flow": flow}
    if sum(len(json_of(one, "event")) for one in (*emitted, event)) > _MAX_BYTES:
        raise ValueError("emit: too much data; the events of a webhook have at most 16 KB")
    emitted.append(event)


def emits_attribute(emitted: Sequence[Mapping[str, Any]], digest: str) -> str:
    """Return the events as an attribute of the item of the webhook that caused them.

    The identifiers depend only on the webhook and the position, so a repeat has the same ones.
    ``digest`` is that of the webhook's event.
    """
    events = [{"id": f"{digest}-{position}", **event} for position, event in enumerate(emitted)]
    return json.dumps(events, separators=(",", ":"), ensure_ascii=False)
