"""Turn records of the table's stream into messages of the queue.

A message has a ``what`` and what that needs; nothing here reads anything. The messages are::

    {"what": "started", "leg", "uuid", "conversation", "direction", "from", "to", "time"}
    {"what": "ended", "leg", "conversation", "time"}             waits until its events arrived
    {"what": "recording" | "transcript" | "lost", "recording"}
    {"what": "emitted", "id", "conversation", "name", "data", "flow", "time"}
    {"what": "item", "pk", "sk"}                                 an item to turn into messages again
    {"what": "mail", "about", …}                                 see publish_events.mail_rules
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from records.reader import read
from records.timeline import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_ITEMS = {"record": "recording", "transcription": "transcript", "lost": "lost"}
_RECORDING = "recording#"
_EMISSION = ("id", "name", "data", "flow")


class QueueMessage(NamedTuple):
    """A message to send, and whether it waits until a call has settled."""

    body: Mapping[str, Any]
    settles: bool = False


def plain(image: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return an item without DynamoDB's type tags."""
    return {name: next(iter(value.values())) for name, value in image.items()}


def messages_of(item: Mapping[str, Any]) -> list[QueueMessage]:
    """Return the messages about a new item, none if it is of no interest.

    Raises
    ------
    Exception
        If the item is not as this application writes it.
    """
    found = [QueueMessage(one) for one in _emissions(item)]
    if item.get("kind") in ("archive", "lost"):
        what = _OF_ITEMS[item["sk"]]
        found.append(QueueMessage({"what": what, "recording": _recording(item["pk"])}))
    elif item.get("kind") == "status" and "leg" in item:
        found += _of_status(item)
    return found


def _of_status(item: Mapping[str, Any]) -> list[QueueMessage]:
    if item.get("status") in ENDED:
        call = {"leg": item["leg"], "conversation": item["pk"], "time": _time(item)}
        return [QueueMessage({"what": "ended", **call}, settles=True)]
    if item.get("status") != "started" or item.get("direction") != "inbound":
        return []
    body = {
        "what": "started",
        "leg": item["leg"],
        "uuid": read(dict(item)).uuid or item["leg"],
        "conversation": item["pk"],
        "direction": "inbound",
        "from": item.get("from"),
        "to": item.get("to"),
        "time": _time(item),
    }
    return [QueueMessage(body)]


def _emissions(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    more = {"what": "emitted", "conversation": item["pk"], "time": _time(item)}
    return [
        more | {name: emission.get(name) for name in _EMISSION}
        for emission in json.loads(item.get("emits", "[]"))
    ]


def _recording(pk: str) -> str:
    if not pk.startswith(_RECORDING):
        raise ValueError("an archive item has the key of another item")
    return pk.removeprefix(_RECORDING)


def _time(item: Mapping[str, Any]) -> str:
    """Return when the event happened, or when it arrived if Vonage does not say."""
    timestamp = str(item["sk"]).partition("#")[0]
    return timestamp if timestamp[:1].isdigit() else str(item.get("received_at", ""))
