"""What happened on the platform, in order: kept for a while, and handed to whoever listens."""

import asyncio
import json
from collections import deque
from typing import Any

from .clock import Clock

# A listener that falls this far behind loses the oldest entries; the platform never waits for it.
LISTENER_ENTRIES = 1000
# The longest JSON from outside that an entry holds, in characters.
MAX_JSON_CHARACTERS = 65_536


def json_copy(fields: dict[str, Any]) -> dict[str, Any]:
    """An object that came in, as an entry holds it: null for what JSON cannot say (NaN, infinity),
    and `{}` where it is too long or too deep.
    """
    try:
        text = json.dumps(fields)
        if len(text) > MAX_JSON_CHARACTERS:
            return {}
        copy: dict[str, Any] = json.loads(text, parse_constant=lambda name: None)
    except RecursionError:
        return {}
    return copy


class Journal:
    """A bounded list of entries `{"id", "at", "kind", ...}` and those who follow it."""

    def __init__(self, clock: Clock, max_entries: int) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=max_entries)
        self._listeners: set[asyncio.Queue[dict[str, Any]]] = set()
        self.count = 0  # entries so far, and the id of the latest

    def write(self, kind: str, **details: Any) -> None:
        """Add an entry."""
        self.count += 1
        entry = {"id": self.count, "at": self._clock.now(), "kind": kind, **details}
        self._entries.append(entry)
        for listener in self._listeners:
            if listener.full():
                listener.get_nowait()
            listener.put_nowait(entry)

    def entries(self, uuid: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """The kept entries after one with that id, of one leg or of all."""
        return [
            entry
            for entry in self._entries
            if entry["id"] > after and (uuid is None or entry.get("uuid") == uuid)
        ]

    def follow(self) -> asyncio.Queue[dict[str, Any]]:
        """A queue that gets every entry from now on; give it back to `leave`."""
        listener: asyncio.Queue[dict[str, Any]] = asyncio.Queue(LISTENER_ENTRIES)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: asyncio.Queue[dict[str, Any]]) -> None:
        """Stop filling that queue."""
        self._listeners.discard(listener)
