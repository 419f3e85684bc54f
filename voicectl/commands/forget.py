"""``forget``: what is kept of a number is found, shown, and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicectl.errors import VoicectlError
from voicectl.phone_numbers import number
from voicectl.stored_data import DataEraser

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context
    from voicectl.stored_data import StoredData

NAME = "forget"
HELP = "find and delete what the stack keeps of a number, recordings included"

_SHOWN_CALLS = 20
_NAMES = {
    "events": "events, with those of the other legs of its calls",
    "archives": "entries about recordings and transcripts",
    "objects": "recordings and transcripts in the bucket, with all versions",
    "uploads": "uploads to the bucket that were not completed",
    "claims": "claims to Idempotency-Keys",
    "messages": "messages on queues",
}
# What holds for every stack. The logs show of a number its country code and last two digits.
_BEYOND = (
    "the table's backups: for 35 days it can be restored to a point in time before this",
    "logs: they show no more of a number than its country code and last two digits",
    "claims to keys whose answer got lost: they hold a digest of the request, and no call",
    "Vonage's own records: calls, and recordings for 30 days",
    "files that were saved from here, such as by `recordings --save`",
    "what comes of calls that go on: run this again after they have ended",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("number", type=number, metavar="NUMBER", help="E.164: 447700900123")


def run(options: argparse.Namespace, context: Context) -> int:
    """Find what is kept, show it, ask, delete it, and say what could not be reached."""
    wanted = options.number
    if context.output.json and not (context.output.yes or options.dry_run):
        raise VoicectlError(
            "with --json nobody is asked: say --yes to delete, or --dry-run to look"
        )
    _refuse_own(wanted, context)
    keeper = DataEraser(context.stack, context.output.line, context.sleep)
    kept = keeper.find(wanted)
    held, deleted = kept, False
    try:
        found = _show(context, kept)
        if found and not options.dry_run and context.output.confirm("delete all of it for good?"):
            lost = keeper.delete(kept)
            held, deleted = kept._replace(messages=()), True
            context.output.line("deleted")
            if lost:
                context.output.warn(f"{lost} messages were held no more: run this again")
    finally:
        keeper.leave(held)
    unreached = [*kept.unreached, *_named(wanted, context), *_BEYOND]
    context.output.line("not reached by this:")
    for text in unreached:
        context.output.line(f"  {text}")
    context.output.result(
        {
            "number": wanted,
            "found": kept.counts(),
            "calls": [call._asdict() for call in kept.calls],
            "deleted": deleted,
            "not_reached": unreached,
        }
    )
    return 0


def _refuse_own(wanted: str, context: Context) -> None:
    """Refuse the rented numbers: every call is from or to one of them."""
    parameters = context.stack.parameters
    routed = [pair.partition("=")[0] for pair in parameters.get("NumberFlows", "").split(",")]
    if wanted in (context.settings.number, parameters.get("VonageNumber"), *routed):
        raise VoicectlError(
            f"{wanted} is a Vonage number of yours: every call is from or to it. To forget all,"
            " delete the stack, its table and its bucket"
        )


def _show(context: Context, kept: StoredData) -> bool:
    """Show what is kept; say whether it is anything."""
    rows = [
        (call.since, call.conversation, call.legs, call.events, call.recordings)
        for call in kept.calls[:_SHOWN_CALLS]
    ]
    if rows:
        context.output.table(("since", "conversation", "legs", "events", "recordings"), rows)
    if len(kept.calls) > _SHOWN_CALLS:
        context.output.line(f"and {len(kept.calls) - _SHOWN_CALLS} more calls")
    counts = kept.counts()
    for name, said in _NAMES.items():
        if counts[name]:
            context.output.line(f"kept: {counts[name]} {said}")
    if kept.claims:
        context.output.line(
            "a request that comes again with one of those Idempotency-Keys would dial again"
        )
    if not any(counts.values()):
        context.output.line("nothing is kept of it")
    return any(counts.values())


def _named(wanted: str, context: Context) -> list[str]:
    """Say which parameters of the stack name the number."""
    naming = [
        name for name, value in context.stack.parameters.items() if wanted in value.split(",")
    ]
    return [f"the stack's parameter {name}, which names it" for name in naming]
