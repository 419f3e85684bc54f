"""Calls at Vonage: list them, and hang up those that are live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicectl.admin_api import AdminApiError
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_PAGE = 100  # the maximum (Voice API reference: page_size)
LIVE_COLUMNS = ("uuid", "status", "direction", "from", "to")
_LIVE = ("started", "ringing", "answered", "machine")  # Voice API reference: getCalls
_MOST = 10_000  # of each status
_ATTEMPTS = 5
_PAUSE = 1.0  # seconds; Vonage allows 15 requests a second


def list_calls(
    api: AdminApi, filters: dict[str, str], most: int
) -> tuple[list[dict[str, Any]], int]:
    """Return the latest calls at Vonage, and how many there are (Voice API reference: getCalls)."""
    query = filters | {"order": "desc"}
    found: list[dict[str, Any]] = []
    while True:
        size = min(_PAGE, most - len(found))
        page = api.get("/calls", query | {"page_size": str(size), "record_index": str(len(found))})
        found += page["calls"]
        count = page.get("count") or len(found)
        if not page["calls"] or len(found) >= min(most, count):
            return found, count


def live_calls(api: AdminApi) -> list[dict[str, Any]]:
    """Return the live calls of the Vonage application, each once."""
    found: dict[str, dict[str, Any]] = {}
    for status in _LIVE:
        calls, _ = list_calls(api, {"status": status}, _MOST)
        found |= {call["uuid"]: call for call in calls}
    return list(found.values())


def cell(value: Any) -> str:
    """Return a value as text; for an endpoint, its address."""
    if isinstance(value, dict):
        names = ("number", "uri", "user", "extension")
        return next((str(value[name]) for name in names if value.get(name)), "")
    return "" if value is None else str(value)


def hang_up_all(
    api: AdminApi, calls: list[dict[str, Any]], context: Context
) -> tuple[list[str], bool]:
    """Hang up calls; return the UUIDs of those that ended, and whether any did not."""
    ended = []
    for call in calls:
        uuid = call["uuid"]
        try:
            _hang_up(api, uuid, context)
        except VoicectlError as error:
            context.output.warn(f"{uuid}: {error}")
            continue
        ended.append(uuid)
        context.output.line(f"{uuid}: hung up")
    return ended, len(ended) < len(calls)


def _hang_up(api: AdminApi, uuid: str, context: Context) -> None:
    """Hang up a call, and retry at Vonage's rate limit."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            api.change("PUT", f"/calls/{uuid}", {"action": "hangup"})
            return
        except AdminApiError as error:
            if error.status not in (429, 503) or attempt == _ATTEMPTS:
                raise
        context.sleep(_PAUSE * attempt)
