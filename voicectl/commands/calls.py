"""``calls``: list the calls of the last two days at Vonage, or the stored calls of a day."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from voicectl.admin_api import admin_api
from voicectl.cli import command
from voicectl.vonage_calls import cell, list_calls

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_STATUSES = (
    *("started", "ringing", "answered", "machine", "completed", "busy", "cancelled", "failed"),
    *("rejected", "timeout", "unanswered"),
)
_CONVERSATION = re.compile(r"CON-[A-Za-z0-9-]{1,60}")
_HISTORY_PAGE = 1000
_COLUMNS = ("uuid", "status", "direction", "from", "to", "start_time", "duration")
_DAY_COLUMNS = ("time", "uuid", "status", "direction", "from", "to", "duration")


def _day(text: str) -> str:
    try:
        right = date.fromisoformat(text).isoformat() == text
    except ValueError:
        right = False
    if not right:
        raise click.BadParameter(f"{text!r} is not a date: expected 2026-01-31")
    return text


def _time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a time: expected 2026-01-31T00:00:00Z") from None
    return text


def _conversation(text: str) -> str:
    if not _CONVERSATION.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not a conversation id: expected CON-…")
    return text


# Options: Voice API reference, getCalls
@command(
    "calls",
    help="list recent calls at Vonage, or with --day the stored calls of a day",
    examples=(
        "voicectl calls --status answered",
        "voicectl calls --since 2026-01-31T08:00:00Z --most 500",
        "voicectl calls --day 2026-01-31",
    ),
)
@click.option(
    "--day",
    type=_day,
    metavar="DATE",
    help="list stored starts and ends of calls on this day (UTC), such as 2026-01-31",
)
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    metavar="STATUS",
    help=f"only calls with this status: {', '.join(_STATUSES)}",
)
@click.option(
    "--since", type=_time, metavar="TIME", help="only calls from then on: 2026-01-31T00:00:00Z"
)
@click.option("--until", type=_time, metavar="TIME", help="only calls until then")
@click.option(
    "--conversation", type=_conversation, metavar="CON-…", help="only legs of this conversation"
)
@click.option(
    "--most",
    type=click.IntRange(1, 10_000),
    default=100,
    metavar="N",
    help="list up to this many",
    show_default=True,
)
def calls(options: SimpleNamespace, context: Context) -> int:
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


def _at_vonage(options: SimpleNamespace, api: AdminApi) -> tuple[list[dict[str, Any]], int]:
    filters = {
        "status": options.status,
        "date_start": options.since,
        "date_end": options.until,
        "conversation_uuid": options.conversation,
    }
    query = {name: text for name, text in filters.items() if text is not None}
    return list_calls(api, query, options.most)


def _show_day(options: SimpleNamespace, context: Context, api: AdminApi) -> int:
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
