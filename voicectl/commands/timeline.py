"""``timeline``: show the stored legs and events of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicectl.admin_api import admin_api
from voicectl.call_commands import add_call_argument, resolve_call
from voicectl.event_format import describe_event, short_id, time_of_day

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context

NAME = "timeline"
HELP = "show the legs and events of a call, and of the calls it was joined with"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_call_argument(parser)


def run(options: argparse.Namespace, context: Context) -> int:
    """Show the timeline."""
    timeline = admin_api(context).timeline(resolve_call(options, context))
    rows = [
        (
            time_of_day(event["timestamp"]),
            short_id(event["uuid"]),
            event["kind"],
            describe_event(event),
        )
        for event in timeline["events"]
    ]
    context.output.table(("time", "leg", "kind", "what"), rows)
    if not timeline["complete"]:  # from a stack of an earlier version, which has no pages
        context.output.warn("the call has more events than the stack returns")
    context.output.line("")
    context.output.table(
        ("leg", "state", "outcome", "direction", "from", "to", "seconds", "price"),
        [_row(leg) for leg in timeline["legs"]],
    )
    context.output.result(timeline)
    return 0


def _row(leg: dict[str, Any]) -> tuple[object, ...]:
    names = ("state", "outcome", "direction", "from", "to")
    costs = leg["costs"]
    return (leg["uuid"], *(leg[name] for name in names), costs.get("duration"), costs.get("price"))
