"""``events tail``: show what the event bus carries, one line for each event."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from voicectl.cli import VoicectlGroup
from voicectl.event_format import time_of_day
from voicectl.event_tail import tailing

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context

_WAIT = 10  # seconds of a long poll; requests time out after 20
_LONGEST = 300  # characters of an event in a line


events = VoicectlGroup(
    "events",
    help="show the events of the event bus live",
    examples=("voicectl events tail --type 'voice.call.*'",),
)


@events.command(
    "tail",
    help="show new events until Ctrl-C",
    examples=("voicectl events tail --type 'voice.call.*'",),
)
@click.option(
    "--type", default="*", metavar="PATTERN", help="such as 'voice.call.*' (default: all)"
)
def tail(options: SimpleNamespace, context: Context) -> int:
    """Write each new event, with ``--json`` as one JSON line, until Ctrl-C."""
    output = context.output
    if options.dry_run:
        bus = context.stack.output("EventBusName")
        output.line(f"would create a rule on the event bus {bus}, and a queue")
        output.result({"event_bus": bus, "changed": False})
        return 0
    with tailing(context) as running:
        output.note(f"listening with the rule and queue {running.name}; Ctrl-C removes them")
        try:
            while True:
                for event in running.receive(_WAIT):
                    if fnmatchcase(str(event.get("detail-type")), options.type):
                        output.line(_described(event))
                        output.event(event)
        except KeyboardInterrupt:
            output.note("stopped; removing the rule and the queue")
    return 0


def _described(event: dict[str, Any]) -> str:
    """Return time, type and content: the summary if the event has one."""
    detail = event.get("detail")
    fields = detail if isinstance(detail, dict) else {}
    time = time_of_day(str(fields.get("time") or event.get("time") or ""))
    text = fields.get("summary") or json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    return f"{time:12}  {event.get('detail-type')}  {str(text)[:_LONGEST]}"
