"""A bounded journal of what happened in the simulator, and its followers."""

import asyncio
import json
from collections import deque
from typing import Any

from .clock import Clock

# A listener that falls this far behind loses the oldest entries; the simulator never waits for it.
LISTENER_ENTRIES = 1000
# Length limit of received JSON in an entry.
MAX_JSON_CHARACTERS = 65_536


def json_copy(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a received object as a journal entry stores it.

    Values that JSON cannot represent (NaN, infinity) become null. An object that is too long or too
    deeply nested becomes `{}`.
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
    """A bounded list of entries `{"id", "at", "kind", ...}`."""

    def __init__(self, clock: Clock, max_entries: int) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=max_entries)
        self._listeners: set[asyncio.Queue[dict[str, Any]]] = set()
        self.count = 0  # number of entries so far, and id of the latest

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
        """Return the stored entries after that id, of one leg or of all."""
        return [
            entry
            for entry in self._entries
            if entry["id"] > after and (uuid is None or entry.get("uuid") == uuid)
        ]

    def follow(self, max_entries: int = LISTENER_ENTRIES) -> asyncio.Queue[dict[str, Any]]:
        """Return a queue that receives every new entry; pass it to `leave` when done."""
        listener: asyncio.Queue[dict[str, Any]] = asyncio.Queue(max_entries)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: asyncio.Queue[dict[str, Any]]) -> None:
        """Stop filling that queue."""
        self._listeners.discard(listener)
