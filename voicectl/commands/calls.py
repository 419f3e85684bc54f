"""``calls``: list the calls of the last two days at Vonage, or the stored calls of a day."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from voicectl.admin_api import admin_api
from voicectl.call_commands import Choice
from voicectl.call_rows import (
    COLUMNS,
    LEAST_IMPORTANT,
    call_rows,
    conversation_of,
    current_flows,
)
from voicectl.cli import command
from voicectl.output import counted
from voicectl.vonage_calls import find_conversation, list_calls, stored_calls

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_STATUSES = (
    *("started", "ringing", "answered", "machine", "completed", "busy", "cancelled", "failed"),
    *("rejected", "timeout", "unanswered"),
)
_CONVERSATION = re.compile(r"CON-[A-Za-z0-9-]{1,60}")


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
    help="list recent calls at Vonage, or with --day the stored ones, with flow and result",
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
    type=Choice(_STATUSES),
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
    if not options.json:
        partial = conversation_of(found[-1]) if len(found) < count else None
        newest_last = call_rows(
            found[::-1], current_flows(api, context), partial="*" if options.status else partial
        )
        context.output.table(COLUMNS, newest_last[::-1], LEAST_IMPORTANT)
    context.output.line(f"{len(found)} of {counted(count, 'leg')}")
    context.output.result({"count": count, "calls": found})
    return 0


def _at_vonage(options: SimpleNamespace, api: AdminApi) -> tuple[list[dict[str, Any]], int]:
    if options.conversation is not None:
        options.conversation = find_conversation(api, options.conversation)
    filters = {
        "status": options.status,
        "date_start": options.since,
        "date_end": options.until,
        "conversation_uuid": options.conversation,
    }
    query = {name: text for name, text in filters.items() if text is not None}
    return list_calls(api, query, options.most)


def _show_day(options: SimpleNamespace, context: Context, api: AdminApi) -> int:
    found, more = stored_calls(api, options.day, options.most)
    if not options.json:
        rows = call_rows(found, current_flows(api, context))
        context.output.table(COLUMNS, rows, LEAST_IMPORTANT)
    hint = "; there are more: raise --most" if more else ""
    context.output.line(f"starts and ends of calls: {len(found)}{hint}")
    context.output.result({"day": options.day, "entries": found, "more": more})
    return 0
