"""``restore``: restore what `up` or a killed command replaced at Vonage, the latest first.

What a killed `events tail` left in the stack comes before these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicectl import application as applications
from voicectl import event_tail, restore_points, webhook_redirect
from voicectl.cli import command
from voicectl.command_line import command_line
from voicectl.commands.up import linked_to, shown_link
from voicectl.output import Change

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import SimpleNamespace

    from voicectl.context import Context


@command(
    "restore",
    help="restore what `up`, or a killed tunnel or `events tail`, changed",
    examples=("voicectl restore --dry-run", "voicectl restore"),
)
def restore(options: SimpleNamespace, context: Context) -> int:
    """Restore the latest replacement."""
    tails = event_tail.left_behind_in(context)
    if tails:
        return _remove_tails(options, context, tails)
    application_id = applications.needed_id(context)
    if restore_points.path_of(context.folder, "tunnel", application_id).exists():
        return _restore_tunnel(options, context, application_id)
    path = restore_points.path_of(context.folder, "up", application_id)
    saved = restore_points.read(path)
    if saved is None:
        context.output.line("nothing to restore for this application")
        context.output.result({"changes": [], "changed": False})
        return 0
    return _restore_up(options, context, path, saved)


def _remove_tails(
    options: SimpleNamespace, context: Context, tails: list[tuple[Path, dict[str, Any]]]
) -> int:
    """Remove the rules and queues of killed `events tail` commands."""
    output = context.output
    names = [str(saved["name"]) for _, saved in tails]
    for name in names:
        output.line(f"left by `events tail`, which was killed: the rule and the queue {name}")
    if not options.dry_run:
        if not output.confirm("Remove them?"):
            return 1
        for path, saved in tails:
            event_tail.remove_saved(context, path, saved)
        output.line(f"removed; run `{command_line('restore')}` again to restore anything else")
    output.result({"removed": [] if options.dry_run else names, "changed": not options.dry_run})
    return 0


def _restore_tunnel(options: SimpleNamespace, context: Context, application_id: str) -> int:
    output = context.output
    if options.dry_run:
        output.line("a tunnel was killed; its webhooks would be restored")
        output.result({"changes": [], "changed": False})
        return 0
    if not output.confirm("A tunnel was killed. Restore its webhooks?"):
        return 1
    webhook_redirect.restore_stale(context, application_id)
    if restore_points.path_of(context.folder, "up", application_id).exists():
        output.line(f"run `{command_line('restore')}` again to restore what `up` replaced")
    output.result({"changes": [], "changed": True})
    return 0


def _restore_up(
    options: SimpleNamespace, context: Context, path: Path, saved: dict[str, Any]
) -> int:
    output = context.output
    application_id, old = str(saved["application"]["id"]), saved["application"]
    changes: list[Change] = []
    fields: dict[str, Any] | None = None
    if not old.get("made"):
        present = applications.read(context, application_id)
        fields = applications.restored(present, old)
        changes += applications.differences(present, fields)
        fields = _sent(fields, old, saved) if changes or saved["key_replaced"] else None
        if fields is not None and "keys" in fields:
            changes.append(Change("public key at Vonage", "the stack's key", "the old key"))
    numbers = _numbers(context, saved)
    changes += [
        Change(f"number {one['msisdn']} linked to", shown_link(now), shown_link(one))
        for one, now in numbers
    ]
    output.line("to restore:" if changes else "everything is restored already")
    output.changes(changes)
    if old.get("made"):
        output.line(f"the application {application_id} was created by `up`; it is not deleted")
    if options.dry_run:
        output.result(_result(changes, changed=False))
        return 0
    if changes and not output.confirm("Restore this?"):
        output.line("nothing changed")
        return 1
    # Numbers first, so that new calls reach their old destination during the update.
    for number, _ in numbers:
        context.account.restore_link(number, number)
    if fields is not None:
        context.account.update(application_id, fields)
    path.unlink()
    output.line("done; the secrets in Secrets Manager are unchanged", "green")
    output.result(_result(changes, changed=bool(changes)))
    return 0


def _sent(
    fields: Mapping[str, Any], old: Mapping[str, Any], saved: Mapping[str, Any]
) -> dict[str, Any]:
    sent = applications.sendable(fields)
    public = applications.public_key_of(old)
    if saved["key_replaced"] and public:
        sent["keys"] = {"public_key": public}
    return sent


def _numbers(
    context: Context, saved: Mapping[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the numbers with another link than before, each as it was and as it is now."""
    found = []
    for msisdn, old in saved["numbers"].items():
        present = context.account.number(msisdn)
        if present is None:
            context.output.warn(f"skipped {msisdn}: the account no longer rents it")
        elif (linked_to(present), shown_link(present)) != (linked_to(old), shown_link(old)):
            found.append((old, present))
    return found


def _result(changes: list[Change], *, changed: bool) -> dict[str, Any]:
    shown = [(one.what, *one.shown()) for one in changes]
    return {
        "changes": [{"what": what, "old": old, "new": new} for what, old, new in shown],
        "changed": changed,
    }
