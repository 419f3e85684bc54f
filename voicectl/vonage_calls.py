"""Calls at Vonage: list them, and hang up those that are live."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from records.event import normalized_leg
from voicectl.admin_api import AdminApiError
from voicectl.command_line import command_line
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_PAGE = 100  # the maximum (Voice API reference: page_size)
LIVE_COLUMNS = ("uuid", "status", "direction", "from", "to")
LIVE = ("started", "ringing", "answered", "machine")  # Voice API reference: getCalls
_MOST = 10_000  # of each status
_HISTORY_PAGE = 1000  # the maximum of the admin API
_SEARCHED = 1000  # calls at Vonage among which a prefix is looked up
_DAYS = 7  # of stored calls
_CONVERSATION = len("CON-") + 36
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
    for status in LIVE:
        calls, _ = list_calls(api, {"status": status}, _MOST)
        found |= {call["uuid"]: call for call in calls}
    return list(found.values())


def find_call(api: AdminApi, prefix: str, today: date) -> str:
    """Return the UUID of the only call that begins with a prefix.

    Calls at Vonage come first, and then the stored ones of the last week (UTC), the latest day
    first.

    Raises
    ------
    VoicectlError
        If there is none, or more than one; then the text lists them.
    """
    start = normalized_leg(prefix)
    for uuids in _uuids(api, today):
        matches = {normalized_leg(one): one for one in uuids}
        found = [uuid for leg, uuid in matches.items() if leg.startswith(start)]
        if found:
            return _only(prefix, found)
    raise VoicectlError(
        f"no call begins with {prefix}: neither one of the last two days at Vonage, nor a stored"
        f" one of the last {_DAYS} days. Find it with `{command_line('calls --day DATE')}`, and"
        " pass its"
        " whole UUID."
    )


def _uuids(api: AdminApi, today: date) -> Iterable[list[str]]:
    """Yield the UUIDs of the calls at Vonage, and then those of each stored day."""
    yield [call["uuid"] for call in list_calls(api, {}, _SEARCHED)[0]]
    for back in range(_DAYS):
        day = (today - timedelta(days=back)).isoformat()
        yield [entry["uuid"] for entry in stored_calls(api, day, _MOST)[0] if entry["uuid"]]


def find_conversation(api: AdminApi, prefix: str) -> str:
    """Return the only conversation at Vonage that begins with a prefix, or a whole one unchanged.

    Raises
    ------
    VoicectlError
        If there is none, or more than one; then the text lists them.
    """
    if len(prefix) >= _CONVERSATION:
        return prefix
    calls, _ = list_calls(api, {}, _SEARCHED)
    names = dict.fromkeys(str(call.get("conversation_uuid")) for call in calls)
    found = [name for name in names if name.lower().startswith(prefix.lower())]
    if not found:
        raise VoicectlError(
            f"no conversation of the last two days at Vonage begins with {prefix}. Pass all of it."
        )
    return _only(prefix, found)


def _only(prefix: str, found: list[str]) -> str:
    if len(found) > 1:
        raise VoicectlError(
            f"{prefix} is the beginning of {len(found)}: {', '.join(sorted(found))}. Pass more"
            " digits."
        )
    return found[0]


def stored_calls(api: AdminApi, day: str, most: int) -> tuple[list[dict[str, Any]], bool]:
    """Return the stored starts and ends of calls on a day, and whether there are more."""
    found: list[dict[str, Any]] = []
    query = {"day": day}
    while True:
        size = min(_HISTORY_PAGE, most - len(found))
        page = api.get("/history", query | {"page_size": str(size)})
        found += page["entries"]
        if page["next"] is None or len(found) >= most:
            return found, page["next"] is not None
        query["cursor"] = page["next"]


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
