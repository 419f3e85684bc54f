"""``switchboard``: flows of numbers, opening hours, dialling: changed without a deployment.

What a switchboard may say, the application judges when it is stored (docs/switchboard.md); here it
is read, shown, changed as a whole, and put back.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from voicectl.admin_api import AdminApiError, admin_api
from voicectl.call_commands import json_file
from voicectl.errors import VoicectlError
from voicectl.output import Change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from voicectl.context import Context

NAME = "switchboard"
HELP = "change flows, opening hours and dialling without a deployment; show and undo that"
_DRAFT = "switchboard.json"
_NOTHING = object()  # where a part is left out; null is a value, if never a right one


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    todo = parser.add_subparsers(dest="todo", required=True, metavar="what")
    todo.add_parser("show", help="the document that holds, its faults, and the version before")
    edit = todo.add_parser("edit", help="change it in $VISUAL or $EDITOR")
    edit.add_argument("--discard", action="store_true", help="drop the draft that was left there")
    put = todo.add_parser("set", help="store the document in a file")
    put.add_argument("file", metavar="FILE", type=json_file, help="JSON; - is standard input")
    number = todo.add_parser("number", help="lead a number to a flow")
    number.add_argument("number", help="E.164, with or without the plus")
    number.add_argument("flow", nargs="?", help="without it, the stack's settings decide again")
    dialling = todo.add_parser("dialling", help="stop all dialling, or allow it again")
    dialling.add_argument("state", choices=("on", "off"))
    todo.add_parser("undo", help="put the version before back; once more takes that back")


def run(options: argparse.Namespace, context: Context) -> int:
    """Show the switchboard, or change it."""
    told = admin_api(context).get("/switchboard")
    if options.todo == "show":
        return _show(told, context)
    if options.todo == "edit":
        return _edit(told, options, context)
    if options.todo == "set":
        return _store(options.file, told, options, context)
    if options.todo == "undo":
        before = told["previous"]
        if before is None:
            raise VoicectlError("there is no version before this one")
        return _store(before["document"], told, options, context)
    document = _held(told)
    if options.todo == "dialling":
        return _store(document | {"dialling": options.state}, told, options, context)
    numbers = document.get("numbers")
    numbers = dict(numbers) if isinstance(numbers, dict) else {}
    called = options.number.removeprefix("+")
    if options.flow is None:
        numbers.pop(called, None)
    else:
        numbers[called] = options.flow
    return _store(document | {"numbers": numbers}, told, options, context)


def _held(told: dict[str, Any]) -> dict[str, Any]:
    """Give the document that holds, to change a part of it.

    Raises
    ------
    ConnectError
        If it has no parts.
    """
    document = told["document"]
    if not isinstance(document, dict):
        raise VoicectlError(
            "the switchboard is no JSON object, and cannot be changed in part: `switchboard undo`"
            " puts the version before back, `switchboard edit` shows all of it"
        )
    return document


def _show(told: dict[str, Any], context: Context) -> int:
    output = context.output
    output.line(json.dumps(told["document"], indent=2, ensure_ascii=False))
    output.line(f"version {told['version']}, stored {told['since']}")
    for problem in told["problems"]:
        output.warn(f"{problem['field'] or 'the document'}: {problem['reason']}")
    if told["previous"] is not None:
        output.line(f"before it {told['previous']['version']}, stored {told['previous']['since']}")
    output.result(told)
    return 1 if told["problems"] else 0


def _store(
    document: Any, told: dict[str, Any], options: argparse.Namespace, context: Context
) -> int:
    """Show what changes, ask, and have the application judge and store it."""
    output = context.output
    changes = list(_changes(told["document"], document))
    if not changes and not told["problems"]:
        output.line("nothing to change")
        output.result({"changed": False, "version": told["version"]})
        return 0
    output.changes(changes)
    if not changes:
        output.line("  the same, written anew: what is stored is broken")
    if options.dry_run:
        output.result({"changed": False, "would_store": document})
        return 0
    if not output.confirm("Store this?"):
        return 1
    stored = admin_api(context).change("PUT", "/switchboard", document, told["version"]).body
    output.line(f"stored as version {stored['version']}; calls follow it within 30 seconds")
    output.line("`python -m voicectl switchboard undo` puts the version before back")
    output.result({"changed": True, "version": stored["version"]})
    return 0


def _changes(old: Any, new: Any, where: str = "") -> Iterator[Change]:
    """Give what differs, part by part."""
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


def _edit(told: dict[str, Any], options: argparse.Namespace, context: Context) -> int:
    """Have it edited until it is taken or given up. A draft that is given up is kept."""
    draft = context.folder / _DRAFT
    if options.discard:
        draft.unlink(missing_ok=True)
    if draft.exists():
        context.output.warn(f"going on with the draft in {draft} (--discard drops it)")
    else:
        held = told["document"]
        text = held if isinstance(held, str) else json.dumps(held, indent=2, ensure_ascii=False)
        draft.touch(mode=0o600)
        draft.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    while True:
        _open_editor(draft)
        try:
            status = _store(json_file(str(draft)), told, options, context)
        except (argparse.ArgumentTypeError, AdminApiError) as error:
            context.output.warn(str(error))
            refused = error.status if isinstance(error, AdminApiError) else 400
            # With yes to every question, an editor that is a program would be opened for ever.
            given_up = options.yes or options.json or refused != 400
            if given_up or not context.output.confirm("Edit it again?"):
                # Any other fault may have come after it was stored.
                what = "nothing was changed" if refused in (400, 412) else "`show` tells what holds"
                raise VoicectlError(f"{what}; your draft is in {draft}") from None
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
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603 - theirs
    except (OSError, ValueError) as error:
        raise VoicectlError(
            f"the editor {editor} cannot be started ({error}): name one in EDITOR"
        ) from None
    if done.returncode:
        raise VoicectlError(
            f"the editor ended with {done.returncode}, so nothing was changed; your draft is in"
            f" {path}"
        )
