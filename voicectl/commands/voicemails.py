"""``voicemails``: list the voicemails of a month, play one, or save them."""

from __future__ import annotations

import re
import webbrowser
from typing import TYPE_CHECKING, Any

import click

from voicectl.admin_api import admin_api
from voicectl.cli import command
from voicectl.errors import VoicectlError
from voicectl.output import counted
from voicectl.recording_files import describe_recording, save_option, save_recordings

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_MONTH = re.compile("[0-9]{4}-(0[1-9]|1[0-2])")
_PAGE = 100
_COLUMNS = ("number", "time", "caller", "line", "length", "first words")


def _month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not a month: expected 2026-01")
    return text


@command(
    "voicemails",
    help="list the voicemails of a month, play one, or save them",
    examples=(
        "voicectl voicemails",
        "voicectl voicemails --play 3",
        "voicectl voicemails --month 2026-01 --save messages",
    ),
)
@click.option(
    "--month", type=_month, metavar="MONTH", help="such as 2026-01 (UTC; default: this month)"
)
@click.option(
    "--play",
    type=click.IntRange(1),
    metavar="N",
    help="open voicemail number N in the browser",
)
@save_option
def voicemails(options: SimpleNamespace, context: Context) -> int:
    """List the voicemails, oldest first; their numbers stay the same as new ones arrive."""
    output, api = context.output, admin_api(context)
    month, found = _of_month(api, options.month)
    if options.play is not None:
        return _play(options, context, api, month, found)
    if options.save is not None and found and not options.dry_run:
        recordings = [describe_recording(api, one["recording_uuid"]) for one in found]
        save_recordings(recordings, options.save, local=context.stack.local)
        for one, saved in zip(found, recordings, strict=True):
            one |= {name: saved[name] for name in ("file", "transcript_file") if name in saved}
    if found:
        rows = [_row(number, one) for number, one in enumerate(found, 1)]
        output.table(_COLUMNS, rows, ("length", "line", "first words"))
    output.line(f"{counted(len(found), 'voicemail') if found else 'no voicemails'} in {month}")
    output.result({"month": month, "voicemails": found})
    return 0


def _of_month(api: AdminApi, month: str | None) -> tuple[str, list[dict[str, Any]]]:
    """Return the month, and its voicemails in order of time."""
    query = {"page_size": str(_PAGE)} | ({"month": month} if month else {})
    found: list[dict[str, Any]] = []
    while True:
        page = api.get("/voicemails", query)
        found += page["voicemails"]
        query["month"] = page["month"]  # of all pages, also if the month ends in between
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    return query["month"], sorted(found, key=lambda one: (one["at"], one["recording_uuid"]))


def _play(
    options: SimpleNamespace,
    context: Context,
    api: AdminApi,
    month: str,
    found: list[dict[str, Any]],
) -> int:
    """Open the link of a voicemail in the browser."""
    if not found:
        raise VoicectlError(f"there are no voicemails in {month}. Name another month with --month.")
    if options.play > len(found):
        raise VoicectlError(
            f"there is no voicemail {options.play} in {month}: expected --play 1 to {len(found)}."
            " Run the command without --play to list them."
        )
    chosen = found[options.play - 1]
    known = describe_recording(api, chosen["recording_uuid"])
    if "url" not in known:
        raise VoicectlError(f"the recording of voicemail {options.play} is {known['state']}.")
    context.output.line("\t".join(_row(options.play, chosen)))
    if not options.dry_run and not webbrowser.open(known["url"]):
        raise VoicectlError(
            "no browser could be opened. Set BROWSER, or save the voicemails with --save FOLDER."
        )
    context.output.result({"month": month, "played": chosen})
    return 0


def _row(number: int, one: dict[str, Any]) -> tuple[str, ...]:
    at = str(one["at"])[:19].replace("T", " ")
    line = one["line"] or one["to"] or ""
    caller = one["from"] or "unknown"
    return (str(number), at, caller, line, _length(one["seconds"]), one["transcript"] or "")


def _length(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
