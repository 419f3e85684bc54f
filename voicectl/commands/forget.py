"""``forget``: find, show and delete everything stored about a phone number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from voicectl.admin_api import admin_api
from voicectl.cli import command
from voicectl.command_line import command_line
from voicectl.errors import ArgumentError, VoicectlError
from voicectl.output import counted
from voicectl.phone_numbers import Mentions, number
from voicectl.stored_data import DataEraser

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context
    from voicectl.stored_data import StoredData

_SHOWN_CALLS = 20
_NAMES = {
    "events": "events, including those of other legs of its calls",
    "archives": "table items of recordings and transcripts, also of recordings that were lost",
    "objects": "recordings and transcripts in the bucket, in all versions",
    "uploads": "incomplete uploads to the bucket",
    "claims": "idempotency records",
    "messages": "messages in queues",
}
# True for every stack.
_BEYOND = (
    "recordings of calls whose events have expired: only KeepRecordingsDays deletes those",
    "the table's backups: for 35 days, it can be restored to a point in time before this",
    "the table's stream: for 24 hours, it holds what was stored, and only the stack reads it",
    "mails that were sent, and what other programs took from the event bus",
    "logs: they show only a number's country code and last two digits",
    "idempotency records without a response: they have a digest of the request, and no call",
    "Vonage's own records: calls, and recordings for 30 days",
    "saved files, such as those of `recordings --save`",
    "data of calls in progress: run the command again after they end",
)


@command(
    "forget",
    help="find and delete everything the stack stores about a number, including recordings",
    examples=("voicectl forget 447700900123 --dry-run", "voicectl forget 447700900123"),
)
@click.argument("number", type=number, metavar="NUMBER", help="E.164: 447700900123")
def forget(options: SimpleNamespace, context: Context) -> int:
    """Find the data, show it, prompt, delete it, and list what could not be reached."""
    number = options.number
    if context.output.json and not (context.output.yes or options.dry_run):
        raise ArgumentError("--json does not prompt. Pass --yes to delete, or --dry-run to look.")
    switchboard = _read_switchboard(context)
    _refuse_own(number, context, switchboard)
    eraser = DataEraser(context.stack, context.output.line, context.sleep)
    found = eraser.find(number)
    hidden, deleted = found, False
    try:
        any_found = _show(context, found)
        if any_found and not options.dry_run and context.output.confirm("Delete all of it?"):
            lost = eraser.delete(found)
            hidden, deleted = found._replace(messages=()), True
            context.output.line("deleted")
            if lost:
                context.output.warn(
                    f"{lost} messages became visible again before they were deleted. Run the"
                    " command again."
                )
    finally:
        eraser.release(hidden)
    unreached = [
        *found.unreached,
        *_parameters_with(number, context),
        *_switchboards_with(number, switchboard),
        *_BEYOND,
    ]
    context.output.line("not reached:")
    for text in unreached:
        context.output.line(f"  {text}")
    context.output.result(
        {
            "number": number,
            "found": found.counts(),
            "calls": [call._asdict() for call in found.calls],
            "deleted": deleted,
            "not_reached": unreached,
        }
    )
    return 0


def _read_switchboard(context: Context) -> dict[str, Any] | None:
    """Return the switchboard of the admin API, None if it cannot be read."""
    try:
        found: dict[str, Any] = admin_api(context).get("/switchboard")
    except VoicectlError:
        return None
    return found


def _refuse_own(number: str, context: Context, switchboard: dict[str, Any] | None) -> None:
    """Refuse the rented numbers, since every call is from or to one of them."""
    parameters = context.stack.parameters
    routed = list(context.stack.number_flows())
    document = switchboard["document"] if switchboard else None
    if isinstance(document, dict):
        parts = (document.get(name) for name in ("lines", "numbers"))
        routed += [one for part in parts if isinstance(part, dict) for one in part]
    if number in (context.settings.number, parameters.get("VonageNumber"), *routed):
        raise VoicectlError(
            f"{number} is one of your Vonage numbers: every call is from or to it. To delete"
            " everything, delete the stack, its table and its bucket."
        )


def _show(context: Context, found: StoredData) -> bool:
    """Show what is stored; return whether there is anything."""
    rows = [
        (call.since, call.conversation, call.legs, call.events, call.recordings)
        for call in found.calls[:_SHOWN_CALLS]
    ]
    if rows:
        columns = ("since", "conversation", "legs", "events", "recordings")
        context.output.table(columns, rows, ("legs", "events"))
    if len(found.calls) > _SHOWN_CALLS:
        context.output.line(f"and {counted(len(found.calls) - _SHOWN_CALLS, 'more call')}")
    counts = found.counts()
    for name, description in _NAMES.items():
        if counts[name]:
            context.output.line(f"found {description}: {counts[name]}")
    if found.claims:
        context.output.line(
            "after this, a repeated request with one of these Idempotency-Keys dials again"
        )
    if not any(counts.values()):
        context.output.line("nothing is stored about this number")
    return any(counts.values())


def _switchboards_with(number: str, switchboard: dict[str, Any] | None) -> list[str]:
    """Return descriptions of the switchboard's versions that contain the number."""
    if switchboard is None:
        return ["the switchboard, which could not be read: look for the number there"]
    versions = {
        "the switchboard, which contains it: remove it with"
        f" `{command_line('switchboard edit')}`": switchboard,
        "the switchboard's version before, which contains it until the next change": switchboard[
            "previous"
        ],
    }
    mentions = Mentions(number)
    return [text for text, one in versions.items() if one and mentions.among(one["document"])]


def _parameters_with(number: str, context: Context) -> list[str]:
    """Return descriptions of the stack parameters that contain the number."""
    names = [name for name, value in context.stack.parameters.items() if number in value.split(",")]
    return [f"the stack's parameter {name}, which contains it" for name in names]
