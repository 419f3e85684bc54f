"""``watch``: a call's timeline, live, until the call is over."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from connect.errors import ConnectError
from connect.owner_api import Refused, owner_api
from connect.steering import call_of, takes_call, whole
from connect.telling import bare, clock, said, short

if TYPE_CHECKING:
    from connect.context import Context

NAME = "watch"
HELP = "show a call live, event by event, until it is over"
_FIRST_EVENT = 30  # seconds that are waited for one; it comes when the call is placed
_INTERRUPTED = 130  # exit status, as a shell gives it
_LAST_LOOK = 3.0  # seconds after the end: recordings are reported a little later


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    takes_call(parser)
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
        type=whole(1, 86400),
        default=7200,
        metavar="S",
        help="end after so many seconds in any case (%(default)s)",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Look again and again; each new event is written once, with ``--json`` as a JSON line.

    Ctrl-C ends the watching, and not the call.
    """
    uuid = call_of(options, context)
    try:
        _watch(options, context, uuid)
    except KeyboardInterrupt:
        context.output.line("no longer watched")
        return _INTERRUPTED
    context.output.line("the call is over")
    return 0


def _watch(options: argparse.Namespace, context: Context, uuid: str) -> None:
    api = owner_api(context)
    seen: set[str] = set()
    began = context.now()
    over = False
    while True:
        told = _look(api, uuid, waiting=not seen and context.now() - began < _FIRST_EVENT)
        for event in told["events"]:
            _show(context, event, seen)
        if over:
            return
        over = any(leg["uuid"] == bare(uuid) and leg["ended"] for leg in told["legs"])
        if context.now() - began > options.at_most:
            raise ConnectError(f"the call goes on after {options.at_most} s: watch it again")
        context.sleep(_LAST_LOOK if over else options.every)


def _look(api: Any, uuid: str, *, waiting: bool) -> dict[str, Any]:
    """Give the timeline as it is now; an empty one while the first event is waited for."""
    try:
        told: dict[str, Any] = api.get(f"/calls/{uuid}/events")
    except Refused as refused:
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
    when, which = clock(event["timestamp"]), short(event["uuid"])
    context.output.line(f"{when}  {which:8}  {event['kind']:13}  {said(event)}")
    context.output.event(event)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds from 0.5 to 60")
    return seconds
