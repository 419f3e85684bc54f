"""``calls``: list the calls of the last two days at Vonage, or the stored calls of a day."""

from __future__ import annotations

import argparse
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from voicectl.admin_api import admin_api
from voicectl.call_commands import int_in_range
from voicectl.vonage_calls import cell, list_calls

if TYPE_CHECKING:
    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

NAME = "calls"
HELP = "list recent calls at Vonage, or with --day the stored calls of a day"
_STATUSES = (
    *("started", "ringing", "answered", "machine", "completed", "busy", "cancelled", "failed"),
    *("rejected", "timeout", "unanswered"),
)
_CONVERSATION = re.compile(r"CON-[A-Za-z0-9-]{1,60}")
_HISTORY_PAGE = 1000
_COLUMNS = ("uuid", "status", "direction", "from", "to", "start_time", "duration")
_DAY_COLUMNS = ("time", "uuid", "status", "direction", "from", "to", "duration")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments (Voice API reference: getCalls)."""
    parser.add_argument(
        "--day", type=_day, help="list stored starts and ends of calls on this day (UTC)"
    )
    parser.add_argument("--status", choices=_STATUSES)
    parser.add_argument("--since", type=_time, metavar="TIME", help="2026-01-31T00:00:00Z")
    parser.add_argument("--until", type=_time, metavar="TIME")
    parser.add_argument("--conversation", type=_conversation, metavar="CON-…")
    parser.add_argument(
        "--most", type=int_in_range(1, 10_000), default=100, metavar="N", help="(%(default)s)"
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """List calls, newest first; with ``--day``, oldest first."""
    api = admin_api(context)
    if options.day is not None:
        return _show_day(options, context, api)
    found, count = _at_vonage(options, api)
    rows = [[cell(call.get(name)) for name in _COLUMNS] for call in found]
    context.output.table(_COLUMNS, rows)
    context.output.line(f"{len(found)} of {count} calls")
    context.output.result({"count": count, "calls": found})
    return 0


def _at_vonage(options: argparse.Namespace, api: AdminApi) -> tuple[list[dict[str, Any]], int]:
    filters = {
        "status": options.status,
        "date_start": options.since,
        "date_end": options.until,
        "conversation_uuid": options.conversation,
    }
    query = {name: text for name, text in filters.items() if text is not None}
    return list_calls(api, query, options.most)


def _show_day(options: argparse.Namespace, context: Context, api: AdminApi) -> int:
    found: list[dict[str, Any]] = []
    query = {"day": options.day}
    while True:
        size = min(_HISTORY_PAGE, options.most - len(found))
        page = api.get("/history", query | {"page_size": str(size)})
        found += page["entries"]
        if page["next"] is None or len(found) >= options.most:
            break
        query["cursor"] = page["next"]
    rows = [[cell(entry.get(name)) for name in _DAY_COLUMNS] for entry in found]
    context.output.table(_DAY_COLUMNS, rows)
    more = "" if page["next"] is None else "; there are more: raise --most"
    context.output.line(f"{len(found)} entries{more}")
    context.output.result({"day": options.day, "entries": found, "more": page["next"] is not None})
    return 0


def _day(text: str) -> str:
    try:
        right = date.fromisoformat(text).isoformat() == text
    except ValueError:
        right = False
    if not right:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: expected 2026-01-31")
    return text


def _time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: expected 2026-01-31T00:00:00Z"
        ) from None
    return text


def _conversation(text: str) -> str:
    if not _CONVERSATION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a conversation id: expected CON-…")
    return text
