"""``up``: link a deployed stack to Vonage: application, key pair, secrets, number.

Each step reads the current state first. A second run changes nothing, and a run after a failed one
continues where that one ended:

1. Store the private key in Secrets Manager, before Vonage gets its public key.
2. Create the application with that public key, by which a later run would recognize it.
3. Store the application's id in both secrets, to verify webhooks and place calls.
4. Point the application's webhooks at the stack.
5. Link the number to the application.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from voicectl import application as applications
from voicectl import key_pair, restore_points, stack_secrets
from voicectl.cli import command
from voicectl.command_line import command_line
from voicectl.errors import VoicectlError
from voicectl.output import Change

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import SimpleNamespace

    from voicectl.context import Context


class KeyChoice(NamedTuple):
    """The key pair to use; ``replaces`` if Vonage needs its public key, ``made`` if it is new."""

    private: str
    replaces: bool
    made: bool

    def __repr__(self) -> str:
        return f"KeyChoice(replaces={self.replaces}, made={self.made})"


class CurrentState(NamedTuple):
    """The state before any change.

    ``application`` is None if it must be created, ``number`` if none is set. ``signing`` and
    ``application_secret`` are the fields of the two secrets.
    """

    application: dict[str, Any] | None
    key: KeyChoice
    signing: dict[str, str]
    application_secret: dict[str, str]
    number: dict[str, Any] | None

    def __repr__(self) -> str:
        return "CurrentState(…)"


@command(
    "up",
    help="link the deployed stack to Vonage: application, key pair, secrets, number",
    examples=("voicectl up --dry-run", "voicectl up", "voicectl up --stack voice-staging"),
)
@click.option(
    "--name", metavar="NAME", help="name of a new application (default: the stack's name)"
)
@click.option(
    "--new-key",
    is_flag=True,
    help="replace the application's key pair if its private key is not here; Vonage then rejects"
    " tokens of the old key",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="also write the private key to this file, if a new one is created",
)
def up(options: SimpleNamespace, context: Context) -> int:
    """Read the current state, show the changes, prompt, and make them."""
    output = context.output
    state = _read(options, context)
    changes = _changes(options, context, state)
    if state.number is None:
        output.warn("no number is set. Set VONAGE_NUMBER to link one to the application.")
    if not changes:
        output.line("nothing to change")
        output.result(_result(context, state.application, [], changed=False))
        return 0
    output.line("changes:")
    output.changes(changes)
    if options.dry_run:
        output.result(_result(context, state.application, changes, changed=False))
        return 0
    if not output.confirm("Make these changes?"):
        output.line("nothing changed")
        return 1
    application = _apply(options, context, state)
    output.line(f"done. Run `{command_line('doctor')}` to verify the setup.", "green")
    output.result(_result(context, application, changes, changed=True))
    return 0


# Read the current state


def _read(options: SimpleNamespace, context: Context) -> CurrentState:
    stack = context.stack
    context.settings.need("api_key")
    context.settings.need("api_secret")
    signing = stack_secrets.read(stack, stack.signing_secret)
    secret = stack_secrets.read(stack, stack.application_secret)
    if not signing.get("signature_secret"):
        context.settings.need("signature_secret")
    application = _application(context, secret)
    key = _key(
        options,
        application,
        secret.get("private_key"),
        context.settings.private_key,
        rotating=bool(secret.get("next_private_key")),
    )
    if options.key_file is not None and key.made and options.key_file.exists():
        raise VoicectlError(f"{options.key_file} exists already. Name another file.")
    return CurrentState(application, key, signing, secret, _number(context))


def _application(context: Context, secret: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the application to link, or None if it must be created."""
    application_id = applications.id_of(context)
    if application_id:
        return applications.read(context, application_id)
    public = _public_key(secret.get("private_key"))
    if public is None:
        return None
    # An earlier run may have created it without receiving its id.
    return next(
        (
            one
            for one in context.account.applications()
            if key_pair.is_public(applications.public_key_of(one), public)
        ),
        None,
    )


def _key(
    options: SimpleNamespace,
    application: Mapping[str, Any] | None,
    stored: str | None,
    own: str | None,
    *,
    rotating: bool,
) -> KeyChoice:
    """Choose the key pair: the one that Vonage knows, else one that is here, else a new one.

    Raises
    ------
    VoicectlError
        If Vonage knows one whose private key is not here, or a rotation is in progress.
    """
    known = None if application is None else applications.public_key_of(application)
    here = [pem for pem in (stored, own) if pem and _public_key(pem) is not None]
    if own and _public_key(own) is None:
        key_pair.private_key_of(own)  # raises with the reason
    if known is None:
        return KeyChoice(here[0], True, False) if here else _new_key()
    for pem in here:
        if key_pair.is_public(known, key_pair.public_half(pem)):
            return KeyChoice(pem, False, False)
    if rotating:
        raise VoicectlError(
            f"a key rotation is in progress. Run `{command_line('rotate key')}` to finish it,"
            f" then `{command_line('up')}`."
        )
    if options.new_key:
        return _new_key()
    raise VoicectlError(
        "the private key of this application is neither in the stack's secret nor in your settings."
        " Set VONAGE_APPLICATION_PRIVATE_KEY_PATH to its file, or run"
        f" `{command_line('up --new-key')}` to replace the"
        " key pair; Vonage then rejects tokens of the old key."
    )


def _new_key() -> KeyChoice:
    return KeyChoice(key_pair.make()[0], True, True)


def _public_key(pem: str | None) -> str | None:
    try:
        return key_pair.public_half(pem) if pem else None
    except VoicectlError:
        return None


def _number(context: Context) -> dict[str, Any] | None:
    named = context.settings.number or context.stack.parameters.get("VonageNumber")
    if not named:
        return None
    number = context.account.number(named)
    if number is None:
        raise VoicectlError(
            f"this Vonage account does not rent {named}. Correct VONAGE_NUMBER, or rent the number"
            " in the dashboard."
        )
    return number


# Plan the changes


def _signing_fields(
    context: Context, state: CurrentState, application_id: str | None
) -> dict[str, str]:
    """Return the fields to set in the signing secret; the old secret stays valid.

    Raises
    ------
    VoicectlError
        If two secrets are valid already, and the settings have a third one.
    """
    fields = {"api_key": context.settings.need("api_key")}
    if application_id:
        fields["application_id"] = application_id
    own = context.settings.signature_secret
    present = state.signing.get("signature_secret")
    previous = state.signing.get("previous_signature_secret")
    # During a rotation, .env may still have the previous one.
    if own and own not in (present, previous):
        if previous:
            raise VoicectlError(
                "the stack accepts two signature secrets, and VONAGE_SIGNATURE_SECRET is a third"
                f" one. Finish the rotation with `{command_line('rotate signature')}`, then run"
                f" `{command_line('up')}` again."
            )
        fields |= {"signature_secret": own, "previous_signature_secret": present or ""}
    return fields


def _changes(options: SimpleNamespace, context: Context, state: CurrentState) -> list[Change]:
    name = options.name or context.stack.name
    if state.application is None:
        changes = [
            Change("Vonage application", None, f"{name} (new)"),
            *applications.differences({}, _target(context, {})),
        ]
        application_id = None
        target = f"{name} (new)"
    else:
        application_id = target = str(state.application["id"])
        changes = applications.differences(state.application, _target(context, state.application))
    if state.key.replaces:
        before = state.application and applications.public_key_of(state.application)
        changes.append(
            Change(
                "public key at Vonage",
                "another key" if before else None,
                "of a new key pair" if state.key.made else "of your private key",
            )
        )
    changes += _secret_changes(context, state, application_id, target)
    number = state.number
    if number is not None and (application_id is None or linked_to(number) != application_id):
        what = f"number {number['msisdn']} linked to"
        changes.append(Change(what, shown_link(number), target))
    return changes


def _secret_changes(
    context: Context, state: CurrentState, application_id: str | None, target: str
) -> list[Change]:
    changes = []
    signing = _signing_fields(context, state, application_id)
    for name in ("signature_secret", "previous_signature_secret", "api_key"):
        old, new = state.signing.get(name, ""), signing.get(name)
        if new is not None and new != old:
            what = f"{name} in the stack's signing secret"
            changes.append(Change(what, old, new, secret=name != "api_key"))
    stored = state.application_secret.get("private_key")
    if state.key.private != stored:
        what = "private_key in the stack's application secret"
        changes.append(Change(what, stored, state.key.private, secret=True))
    for label, fields in (("signing", state.signing), ("application", state.application_secret)):
        if application_id is None or fields.get("application_id") != application_id:
            what = f"application_id in the stack's {label} secret"
            changes.append(Change(what, fields.get("application_id"), target))
    return changes


def linked_to(number: Mapping[str, Any]) -> str | None:
    """Return the id of the application that a number is linked to, or None."""
    if number.get("app_id"):
        return str(number["app_id"])
    if number.get("voiceCallbackType") == "app":
        return number.get("voiceCallbackValue") or None
    return None


def shown_link(number: Mapping[str, Any]) -> str | None:
    """Return what a number is linked to, for display."""
    if linked_to(number):
        return linked_to(number)
    if number.get("voiceCallbackValue"):
        return f"{number.get('voiceCallbackType')} {number['voiceCallbackValue']}"
    return None


def _target(context: Context, application: Mapping[str, Any]) -> dict[str, Any]:
    stack = context.stack
    addresses = {
        name: stack.output(webhook.output) for name, webhook in applications.WEBHOOKS.items()
    }
    return applications.with_webhooks(application, addresses)


# Make the changes


def _apply(options: SimpleNamespace, context: Context, state: CurrentState) -> dict[str, Any]:
    stack, output = context.stack, context.output
    if state.application is not None:
        _save(context, state.application, state)
    if options.key_file is not None and state.key.made:
        _write_key(options.key_file, state.key.private)
    if stack_secrets.merge(stack, stack.application_secret, {"private_key": state.key.private}):
        output.line("  stored the private key in Secrets Manager")
    application = state.application
    if application is None:
        application = _create(options, context, state)
    application_id = str(application["id"])
    stack_secrets.merge(stack, stack.application_secret, {"application_id": application_id})
    stack_secrets.merge(
        stack, stack.signing_secret, _signing_fields(context, state, application_id)
    )
    output.line("  updated the secrets in Secrets Manager")
    application = _update(context, application, state)
    if state.number is not None and linked_to(state.number) != application_id:
        context.account.link(state.number, application_id)
        output.line(f"  linked {state.number['msisdn']} to the application")
    return application


def _create(options: SimpleNamespace, context: Context, state: CurrentState) -> dict[str, Any]:
    fields = _target(context, {"name": options.name or context.stack.name})
    fields["keys"] = {"public_key": key_pair.public_half(state.key.private)}
    created = context.account.create(fields)
    context.output.line(f"  created the application {created['id']}")
    _save(context, {"id": created["id"], "made": True}, state)
    return created


def _update(context: Context, application: dict[str, Any], state: CurrentState) -> dict[str, Any]:
    target = _target(context, application)
    replaced = state.key.replaces and state.application is not None
    if not applications.differences(application, target) and not replaced:
        return application
    fields = applications.sendable(target)
    if replaced:
        fields["keys"] = {"public_key": key_pair.public_half(state.key.private)}
    updated = context.account.update(str(application["id"]), fields)
    context.output.line("  pointed the application's webhooks at the stack")
    return updated


def _save(context: Context, application: Mapping[str, Any], state: CurrentState) -> None:
    """Save what `restore` restores; the values that an earlier run saved take precedence."""
    path = restore_points.path_of(context.folder, "up", str(application["id"]))
    saved = restore_points.read(path) or {
        "stack": context.stack.name,
        "kept_at": context.now(),
        "application": dict(application),
        "numbers": {},
        "key_replaced": False,
    }
    if state.number is not None:
        saved["numbers"].setdefault(str(state.number["msisdn"]), state.number)
    saved["key_replaced"] = saved["key_replaced"] or (
        state.key.replaces and state.application is not None
    )
    restore_points.write(path, saved)
    context.output.line(f"  saved the old values to {path}")


def _write_key(path: Path, private: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(private)


def _result(
    context: Context,
    application: Mapping[str, Any] | None,
    changes: list[Change],
    *,
    changed: bool,
) -> dict[str, Any]:
    shown = [(one.what, *one.shown()) for one in changes]
    return {
        "application_id": None if application is None else application["id"],
        "base_url": context.stack.base_url,
        "changes": [{"what": what, "old": old, "new": new} for what, old, new in shown],
        "changed": changed,
    }
