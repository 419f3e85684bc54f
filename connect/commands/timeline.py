"""``timeline``: the legs and events of a call, as they were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connect.owner_api import owner_api
from connect.steering import call_of, takes_call
from connect.telling import clock, said, short

if TYPE_CHECKING:
    import argparse

    from connect.context import Context

NAME = "timeline"
HELP = "show what happened on a call, and on those that it was joined with"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    takes_call(parser)


def run(options: argparse.Namespace, context: Context) -> int:
    """Show the timeline."""
    told = owner_api(context).get(f"/calls/{call_of(options, context)}/events")
    rows = [
        (clock(event["timestamp"]), short(event["uuid"]), event["kind"], said(event))
        for event in told["events"]
    ]
    context.output.table(("time", "leg", "kind", "what"), rows)
    context.output.line("")
    context.output.table(
        ("leg", "state", "outcome", "direction", "from", "to", "seconds", "price"),
        [_row(leg) for leg in told["legs"]],
    )
    if not told["complete"]:
        context.output.warn("there are more events than one answer of the API holds")
    context.output.result(told)
    return 0


def _row(leg: dict[str, Any]) -> tuple[object, ...]:
    names = ("state", "outcome", "direction", "from", "to")
    costs = leg["costs"]
    return (leg["uuid"], *(leg[name] for name in names), costs.get("duration"), costs.get("price"))
