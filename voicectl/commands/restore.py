"""Puts back what `up` or a killed `tunnel` replaced at Vonage, the latest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicectl import application as applications
from voicectl import restore_points, webhook_redirect
from voicectl.commands.up import linked_to, shown_link
from voicectl.output import Change

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from voicectl.context import Context

NAME = "restore"
HELP = "put back what `up` (or a tunnel that was killed) replaced at Vonage"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: it has none."""


def run(options: argparse.Namespace, context: Context) -> int:
    """Put back the latest thing that was replaced."""
    application_id = applications.needed_id(context)
    if restore_points.path_of(context.folder, "tunnel", application_id).exists():
        return _restore_tunnel(options, context, application_id)
    path = restore_points.path_of(context.folder, "up", application_id)
    kept = restore_points.read(path)
    if kept is None:
        context.output.line("nothing is kept for this application: there is nothing to put back")
        context.output.result({"changes": [], "changed": False})
        return 0
    return _restore_up(options, context, path, kept)


def _restore_tunnel(options: argparse.Namespace, context: Context, application_id: str) -> int:
    output = context.output
    if options.dry_run:
        output.line("a tunnel was killed; what it kept would be put back")
        output.result({"changes": [], "changed": False})
        return 0
    if not output.confirm("A tunnel was killed. Put back where its webhooks led before it?"):
        return 1
    webhook_redirect.restore_stale(context, application_id)
    if restore_points.path_of(context.folder, "up", application_id).exists():
        output.line("what `up` replaced is kept still: run `restore` again to put that back")
    output.result({"changes": [], "changed": True})
    return 0


def _restore_up(
    options: argparse.Namespace, context: Context, path: Path, kept: dict[str, Any]
) -> int:
    output = context.output
    application_id, old = str(kept["application"]["id"]), kept["application"]
    changes: list[Change] = []
    fields: dict[str, Any] | None = None
    if not old.get("made"):
        present = applications.read(context, application_id)
        fields = applications.put_back(present, old)
        changes += applications.differences(present, fields)
        fields = _sent(fields, old, kept) if changes or kept["key_replaced"] else None
        if fields is not None and "keys" in fields:
            changes.append(Change("public key at Vonage", "of the stack's pair", "the old one"))
    numbers = _numbers(context, kept)
    changes += [
        Change(f"number {one['msisdn']} leads to", shown_link(now), shown_link(one))
        for one, now in numbers
    ]
    output.line("to be put back:" if changes else "all of it is back already")
    output.changes(changes)
    if old.get("made"):
        output.line(f"the application {application_id} was made by `up`, and stays")
    if options.dry_run:
        output.result(_result(changes, changed=False))
        return 0
    if changes and not output.confirm("Put this back?"):
        output.line("nothing was changed")
        return 1
    # The number first: whoever calls meanwhile is to reach what the number led to.
    for number, _ in numbers:
        context.account.route(number, number)
    if fields is not None:
        context.account.update(application_id, fields)
    path.unlink()
    output.line("done; the secrets in Secrets Manager stay as they are", "green")
    output.result(_result(changes, changed=bool(changes)))
    return 0


def _sent(
    fields: Mapping[str, Any], old: Mapping[str, Any], kept: Mapping[str, Any]
) -> dict[str, Any]:
    sent = applications.sendable(fields)
    public = applications.public_key_of(old)
    if kept["key_replaced"] and public:
        sent["keys"] = {"public_key": public}
    return sent


def _numbers(
    context: Context, kept: Mapping[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Give the numbers that lead elsewhere than before, each as it was and as it is."""
    found = []
    for msisdn, old in kept["numbers"].items():
        present = context.account.number(msisdn)
        if present is None:
            context.output.warn(f"the account no longer rents {msisdn}: it is left out")
        elif (linked_to(present), shown_link(present)) != (linked_to(old), shown_link(old)):
            found.append((old, present))
    return found


def _result(changes: list[Change], *, changed: bool) -> dict[str, Any]:
    shown = [(one.what, *one.shown()) for one in changes]
    return {
        "changes": [{"what": what, "old": old, "new": new} for what, old, new in shown],
        "changed": changed,
    }
