"""``watch``: show a call's timeline live until the call is over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from records.event import normalized_leg
from voicectl.admin_api import AdminApiError, admin_api
from voicectl.call_commands import FloatRange, call_argument, resolve_call
from voicectl.cli import command
from voicectl.errors import VoicectlError
from voicectl.event_format import describe_event, short_id, time_of_day

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_FIRST_EVENT = 30  # seconds to wait for it; Vonage sends it when the call is placed
_INTERRUPTED = 130  # the exit status that shells use
_LAST_POLL = 3.0  # seconds after the end, since record events arrive later


@command(
    "watch",
    help="show a call live, event by event, until it is over",
    examples=("voicectl watch 5ad3e1f0", "voicectl --json watch 5ad3e1f0 --for 600"),
)
@call_argument
@click.option(
    "--every",
    type=FloatRange(0.5, 60),
    default=1.0,
    metavar="S",
    help="seconds between requests",
    show_default=True,
)
@click.option(
    "--for",
    "at_most",
    type=click.IntRange(1, 86400),
    default=7200,
    metavar="S",
    help="stop after this many seconds",
    show_default=True,
)
def watch(options: SimpleNamespace, context: Context) -> int:
    """Poll, and write each new event once, with ``--json`` as one JSON line.

    Ctrl-C stops watching; the call continues.
    """
    uuid = resolve_call(options, context)
    try:
        _watch(options, context, uuid)
    except KeyboardInterrupt:
        context.output.line("stopped watching; the call continues")
        return _INTERRUPTED
    context.output.line("the call is over")
    return 0


def _watch(options: SimpleNamespace, context: Context, uuid: str) -> None:
    api = admin_api(context)
    seen: set[str] = set()
    start = context.now()
    over = False
    while True:
        timeline = _poll(api, uuid, waiting=not seen and context.now() - start < _FIRST_EVENT)
        for event in timeline["events"]:
            _show(context, event, seen)
        if over:
            return
        over = any(
            normalized_leg(leg["uuid"]) == normalized_leg(uuid) and leg["ended"]
            for leg in timeline["legs"]
        )
        if context.now() - start > options.at_most:
            raise VoicectlError(
                f"stopped after {options.at_most} s; the call continues. Run the command again."
            )
        context.sleep(_LAST_POLL if over else options.every)


def _poll(api: AdminApi, uuid: str, *, waiting: bool) -> dict[str, Any]:
    """Return the current timeline, or an empty one while waiting for the first event."""
    try:
        return api.timeline(uuid)
    except AdminApiError as error:
        if error.status == 404 and waiting:
            return {"events": [], "legs": []}
        raise


def _show(context: Context, event: dict[str, Any], seen: set[str]) -> None:
    """Write an event unless it was written before."""
    identity = json.dumps(event, sort_keys=True)
    if identity in seen:
        return
    seen.add(identity)
    time, leg = time_of_day(event["timestamp"]), short_id(event["uuid"])
    context.output.line(f"{time}  {leg:8}  {event['kind']:13}  {describe_event(event)}")
    context.output.event(event)
