"""``recordings``: list or save the recordings of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicectl.admin_api import admin_api
from voicectl.call_commands import call_argument, resolve_call
from voicectl.cli import command
from voicectl.output import counted
from voicectl.recording_files import describe_recording, save_option, save_recordings

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_COLUMNS = ("recording", "state", "seconds", "channels", "bytes", "type", "file")
_LEAST_IMPORTANT = ("type", "channels", "bytes", "seconds")


@command(
    "recordings",
    help="list the recordings of a call, and save them",
    examples=("voicectl recordings 5ad3e1f0", "voicectl recordings 5ad3e1f0 --save calls"),
)
@call_argument
@save_option
def recordings(options: SimpleNamespace, context: Context) -> int:
    """List the recordings of the call, and save those that are stored."""
    api = admin_api(context)
    found = [
        describe_recording(api, uuid) for uuid in _recorded(api, resolve_call(options, context))
    ]
    if options.save is not None and not options.dry_run:
        save_recordings(found, options.save, local=context.stack.local)
    for one in found:  # links grant access to anyone, and expire in minutes
        one.pop("url", None)
        one.pop("transcript_url", None)
    context.output.table(_COLUMNS, [_row(one) for one in found], _LEAST_IMPORTANT)
    context.output.line(counted(len(found), "recording"))
    context.output.result({"recordings": found})
    return 0


def _recorded(api: AdminApi, uuid: str) -> list[str]:
    events = api.timeline(uuid)["events"]
    named = (one["fields"].get("recording_uuid") for one in events if one["kind"] == "record")
    return list(dict.fromkeys(one for one in named if isinstance(one, str) and one))


def _row(known: dict[str, Any]) -> tuple[object, ...]:
    names = ("uuid", "state", "seconds", "channels", "size", "content_type", "file")
    values = [known.get(name) for name in names]
    return tuple(f"{one:g}" if isinstance(one, float) else one for one in values)
