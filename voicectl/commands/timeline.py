"""``timeline``: show the stored legs and events of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicectl.admin_api import admin_api
from voicectl.call_commands import call_argument, resolve_call
from voicectl.cli import command
from voicectl.event_format import describe_event, short_id, time_of_day

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context


@command(
    "timeline",
    help="show the legs and events of a call, and of the calls it was joined with",
    examples=("voicectl timeline 5ad3e1f0", "voicectl --json timeline 5ad3e1f0"),
)
@call_argument
def timeline(options: SimpleNamespace, context: Context) -> int:
    """Show the timeline."""
    found = admin_api(context).timeline(resolve_call(options, context))
    rows = [
        (
            time_of_day(event["timestamp"]),
            short_id(event["uuid"]),
            event["kind"],
            describe_event(event),
        )
        for event in found["events"]
    ]
    context.output.table(("time", "leg", "kind", "what"), rows)
    if not found["complete"]:  # from a stack of an earlier version, which has no pages
        context.output.warn("the call has more events than the stack returns")
    context.output.line("")
    context.output.table(
        ("leg", "state", "outcome", "direction", "from", "to", "seconds", "price"),
        [_row(leg) for leg in found["legs"]],
        ("price", "seconds", "direction", "outcome", "state"),
    )
    context.output.result(found)
    return 0


def _row(leg: dict[str, Any]) -> tuple[object, ...]:
    names = ("state", "outcome", "direction", "from", "to")
    costs = leg["costs"]
    return (leg["uuid"], *(leg[name] for name in names), costs.get("duration"), costs.get("price"))
