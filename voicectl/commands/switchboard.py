"""``switchboard``: show and change flows, opening hours and outbound dialing without a deployment.

The admin API validates a document before it stores it (docs/switchboard.md).
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import click

from voicectl.admin_api import AdminApiError, admin_api
from voicectl.call_commands import Choice, json_file
from voicectl.cli import VoicectlGroup
from voicectl.command_line import command_line
from voicectl.errors import ArgumentError, VoicectlError
from voicectl.output import Change
from voicectl.vonage_calls import LIVE_COLUMNS, cell, hang_up_all, live_calls
from voicekit.switchboard import stored_spelling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import SimpleNamespace

    from voicectl.admin_api import AdminApi
    from voicectl.context import Context

_DRAFT = "switchboard.json"
_NOTHING = object()  # a missing part; null is a value, although never a valid one


switchboard = VoicectlGroup(
    "switchboard",
    help="show and change flows, opening hours and outbound dialing without a deployment",
    examples=(
        "voicectl switchboard number 447700900000 voicemail",
        "voicectl switchboard dialing off",
        "voicectl switchboard undo",
    ),
)


@switchboard.command(
    "show",
    help="show the current document, its problems, and the version before",
    examples=("voicectl switchboard show", "voicectl --json switchboard show"),
)
def show(options: SimpleNamespace, context: Context) -> int:
    """Show the stored document; return 1 if it has problems."""
    current = _read(context)
    output, before = context.output, current["previous"]
    output.line(json.dumps(current["document"], indent=2, ensure_ascii=False))
    output.line(f"version {current['version']}, stored {current['since']}")
    for problem in current["problems"]:
        output.warn(f"{problem['field'] or 'the document'}: {problem['reason']}")
    if before is not None:
        output.line(f"version before: {before['version']}, stored {before['since']}")
    output.result(current)
    return 1 if current["problems"] else 0


@switchboard.command(
    "number",
    help="route a number to a flow",
    examples=(
        "voicectl switchboard number 447700900000 voicemail",
        "voicectl switchboard number 447700900000    # remove the route",
    ),
)
@click.argument("number", metavar="NUMBER", help="E.164, with or without the plus")
@click.argument(
    "flow",
    required=False,
    metavar="[FLOW]",
    help="the flow (default: remove the number from the switchboard)",
)
def route_number(options: SimpleNamespace, context: Context) -> int:
    """Change the flow of a number."""
    current = _read(context)
    document = _document(current)
    numbers = document.get("numbers")
    numbers = dict(numbers) if isinstance(numbers, dict) else {}
    called = options.number.removeprefix("+")
    if options.flow is None:
        numbers.pop(called, None)
    else:
        numbers[called] = options.flow
    return _store(document | {"numbers": numbers}, current, options, context)


@switchboard.command(
    "set",
    help="store the document in a file",
    examples=("voicectl switchboard set switchboard.json",),
)
@click.argument("file", type=json_file, metavar="FILE", help="JSON; - is standard input")
def set_document(options: SimpleNamespace, context: Context) -> int:
    """Store a document."""
    return _store(options.file, _read(context), options, context)


@switchboard.command(
    "undo",
    help="restore the version before; a second undo reverts the first",
    examples=("voicectl switchboard undo",),
)
def undo(options: SimpleNamespace, context: Context) -> int:
    """Store the previous version again."""
    current = _read(context)
    before = current["previous"]
    if before is None:
        raise VoicectlError("there is no version before this one")
    return _store(before["document"], current, options, context)


def _read(context: Context) -> dict[str, Any]:
    current: dict[str, Any] = admin_api(context).get("/switchboard")
    return current


def _document(current: dict[str, Any]) -> dict[str, Any]:
    """Return the current document, to change a part of it.

    Raises
    ------
    VoicectlError
        If it is not a JSON object.
    """
    document = current["document"]
    if not isinstance(document, dict):
        raise VoicectlError(
            "the stored switchboard is not a JSON object. Run"
            f" `{command_line('switchboard undo')}` to restore the"
            f" version before, or `{command_line('switchboard edit')}` to replace it."
        )
    return stored_spelling(document)


@switchboard.command(
    "dialing",
    help="turn outbound dialing off or on",
    examples=("voicectl switchboard dialing off --hang-up", "voicectl switchboard dialing on"),
)
@click.argument(
    "state", type=Choice(("on", "off")), metavar="on|off", help="whether flows may dial"
)
@click.option(
    "--hang-up",
    is_flag=True,
    help="with off, hang up all live calls too (default: prompt; with --yes, they continue)",
)
def dialing(options: SimpleNamespace, context: Context) -> int:
    """Turn outbound dialing on or off; with ``off``, offer to hang up the live calls."""
    if options.hang_up and options.state == "on":
        raise ArgumentError("--hang-up is only for `dialing off`")
    current = _read(context)
    document = _document(current) | {"dialling": options.state}
    result = _change(document, current, options, context)
    if result is None:
        return 1
    failed = False
    if options.state == "off":
        api = admin_api(context)
        try:
            live = live_calls(api)
        except VoicectlError as error:  # after the change: it must not look as if it had failed
            context.output.warn(f"cannot list the live calls, which continue: {error}")
            failed = True
        else:
            hung_up, failed = _hang_up(api, live, options, context)
            result |= {"live": [call["uuid"] for call in live], "hung_up": hung_up}
    context.output.result(result)
    return 1 if failed else 0


_alias = copy.copy(dialing)
_alias.hidden = True
switchboard.add_command(_alias, "dialling")


def _hang_up(
    api: AdminApi, live: list[dict[str, Any]], options: SimpleNamespace, context: Context
) -> tuple[list[str], bool]:
    """Hang up live calls if the user wants that; return those that ended, and whether any failed.

    With ``--yes`` or without a terminal, calls continue unless ``--hang-up`` is passed.
    """
    output = context.output
    if not live:
        output.line("there are no live calls")
        return [], False
    rows = [[cell(call.get(name)) for name in LIVE_COLUMNS] for call in live]
    output.table(LIVE_COLUMNS, rows, ("direction", "status"))
    output.line(f"live calls: {len(live)}. Vonage still dials for them, as their NCCOs say")
    if options.dry_run:
        output.line(f"would {'' if options.hang_up else 'offer to '}hang them up")
        return [], False
    may_ask = options.hang_up or output.can_prompt
    if not may_ask or not output.confirm("Hang them all up?"):
        output.line(
            f"they continue; `{command_line('switchboard dialing off --hang-up')}` hangs them up"
        )
        return [], False
    return hang_up_all(api, live, context)


def _store(
    document: Any, current: dict[str, Any], options: SimpleNamespace, context: Context
) -> int:
    """Change the switchboard and report it."""
    result = _change(document, current, options, context)
    if result is None:
        return 1
    context.output.result(result)
    return 0


def _change(
    document: Any, current: dict[str, Any], options: SimpleNamespace, context: Context
) -> dict[str, Any] | None:
    """Show the changes, prompt, and store the document; return the result, None if declined."""
    output = context.output
    if isinstance(document, dict):
        document = stored_spelling(document)
    changes = list(_changes(current["document"], document))
    if not changes and not current["problems"]:
        output.line("nothing to change")
        return {"changed": False, "version": current["version"]}
    output.changes(changes)
    if not changes:
        output.line("  the same values, since the stored document is invalid")
    if options.dry_run:
        return {"changed": False, "would_store": document}
    if not output.confirm("Store this?"):
        return None
    stored = admin_api(context).change("PUT", "/switchboard", document, current["version"]).body
    output.line(f"stored version {stored['version']}; it applies to calls within 30 seconds")
    output.line(f"to undo this, run `{command_line('switchboard undo')}`")
    return {"changed": True, "version": stored["version"]}


def _changes(old: Any, new: Any, where: str = "") -> Iterator[Change]:
    """Yield the differences, part by part."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(one for one in new if one not in old)]:
            before, after = old.get(name, _NOTHING), new.get(name, _NOTHING)
            yield from _changes(before, after, f"{where}.{name}".removeprefix("."))
    elif old != new:
        yield Change(where or "the document", _shown(old), _shown(new))


def _shown(value: Any) -> str | None:
    if value is _NOTHING:
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


@switchboard.command(
    "edit",
    help="edit the document in $VISUAL or $EDITOR",
    examples=("voicectl switchboard edit", "voicectl switchboard edit --discard"),
)
@click.option("--discard", is_flag=True, help="discard an earlier draft")
def edit(options: SimpleNamespace, context: Context) -> int:
    """Open the editor until the document is stored or you give up; then the draft stays."""
    current = _read(context)
    draft = context.folder / _DRAFT
    if options.discard:
        draft.unlink(missing_ok=True)
    if draft.exists():
        context.output.warn(f"continuing with the draft in {draft} (--discard discards it)")
    else:
        held = current["document"]
        text = held if isinstance(held, str) else json.dumps(held, indent=2, ensure_ascii=False)
        draft.touch(mode=0o600)
        draft.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    while True:
        _open_editor(draft)
        try:
            status = _store(json_file(str(draft)), current, options, context)
        except (click.BadParameter, AdminApiError) as error:
            context.output.warn(str(error))
            code = error.status if isinstance(error, AdminApiError) else 400
            # With --yes, an editor that is a program would be opened forever.
            stop = options.yes or options.json or code != 400
            if stop or not context.output.confirm("Edit it again?"):
                # Any other error may have occurred after the document was stored.
                what = (
                    "nothing changed"
                    if code in (400, 412)
                    else "the change may have been stored: check with"
                    f" `{command_line('switchboard show')}`"
                )
                raise VoicectlError(f"{what}. Your draft is in {draft}.") from None
            continue
        if status == 0 and not options.dry_run:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
        else:
            context.output.line(f"your draft is in {draft}")
        return status


def _open_editor(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603 - yours
    except (OSError, ValueError) as error:
        raise VoicectlError(f"cannot start the editor {editor} ({error}). Set EDITOR.") from None
    if done.returncode:
        raise VoicectlError(
            f"the editor exited with status {done.returncode}; nothing changed. Your draft is in"
            f" {path}."
        )
