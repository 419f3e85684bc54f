"""``watch``: a call's timeline, live, until the call is over."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from records.event import normalized_leg
from voicectl.admin_api import AdminApiError, admin_api
from voicectl.call_commands import add_call_argument, int_in_range, resolve_call
from voicectl.errors import VoicectlError
from voicectl.event_format import describe_event, short_id, time_of_day

if TYPE_CHECKING:
    from voicectl.context import Context

NAME = "watch"
HELP = "show a call live, event by event, until it is over"
_FIRST_EVENT = 30  # seconds that are waited for one; it comes when the call is placed
_INTERRUPTED = 130  # exit status, as a shell gives it
_LAST_LOOK = 3.0  # seconds after the end: recordings are reported a little later


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_call_argument(parser)
    parser.add_argument(
        "--every",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="seconds between looks, 0.5 to 60 (%(default)s)",
    )
    parser.add_argument(
        "--for",
        dest="at_most",
        type=int_in_range(1, 86400),
        default=7200,
        metavar="S",
        help="end after so many seconds in any case (%(default)s)",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Look again and again; each new event is written once, with ``--json`` as a JSON line.

    Ctrl-C ends the watching, and not the call.
    """
    uuid = resolve_call(options, context)
    try:
        _watch(options, context, uuid)
    except KeyboardInterrupt:
        context.output.line("no longer watched")
        return _INTERRUPTED
    context.output.line("the call is over")
    return 0


def _watch(options: argparse.Namespace, context: Context, uuid: str) -> None:
    api = admin_api(context)
    seen: set[str] = set()
    began = context.now()
    over = False
    while True:
        told = _look(api, uuid, waiting=not seen and context.now() - began < _FIRST_EVENT)
        for event in told["events"]:
            _show(context, event, seen)
        if over:
            return
        over = any(leg["uuid"] == normalized_leg(uuid) and leg["ended"] for leg in told["legs"])
        if context.now() - began > options.at_most:
            raise VoicectlError(f"the call goes on after {options.at_most} s: watch it again")
        context.sleep(_LAST_LOOK if over else options.every)


def _look(api: Any, uuid: str, *, waiting: bool) -> dict[str, Any]:
    """Give the timeline as it is now; an empty one while the first event is waited for."""
    try:
        told: dict[str, Any] = api.get(f"/calls/{uuid}/events")
    except AdminApiError as refused:
        if refused.status == 404 and waiting:
            return {"events": [], "legs": []}
        raise
    return told


def _show(context: Context, event: dict[str, Any], seen: set[str]) -> None:
    """Write an event unless it was written before."""
    mark = json.dumps(event, sort_keys=True)
    if mark in seen:
        return
    seen.add(mark)
    when, which = time_of_day(event["timestamp"]), short_id(event["uuid"])
    context.output.line(f"{when}  {which:8}  {event['kind']:13}  {describe_event(event)}")
    context.output.event(event)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds from 0.5 to 60")
    return seconds
