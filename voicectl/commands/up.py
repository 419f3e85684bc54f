"""Wires a deployed stack to Vonage: application, key pair, secrets, number.

Every step looks before it changes anything, so a second run changes nothing, and a run after a
failed one goes on where that one ended:

1. the private key goes into Secrets Manager, before Vonage knows of its public half;
2. the application is made with that public key, by which a later run would recognise it;
3. both secrets name the application, so that webhooks can be verified and calls be placed;
4. the application's webhooks are pointed at the stack;
5. the number is led to the application.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from voicectl import application as applications
from voicectl import key_pair, restore_points, stack_secrets
from voicectl.errors import VoicectlError
from voicectl.output import Change

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from voicectl.context import Context

NAME = "up"
HELP = "wire the deployed stack to Vonage: application, key pair, secrets, number"


class Key(NamedTuple):
    """The key pair that is to be used; ``replaces`` where Vonage is to be told its public half."""

    private: str
    replaces: bool
    made: bool

    def __repr__(self) -> str:
        return f"Key(replaces={self.replaces}, made={self.made})"


class Found(NamedTuple):
    """What there is, before anything is changed.

    ``application`` is None where it is to be made, ``number`` where none is named. ``signing`` and
    ``held`` are the secrets of the webhook functions and of the key.
    """

    application: dict[str, Any] | None
    key: Key
    signing: dict[str, str]
    held: dict[str, str]
    number: dict[str, Any] | None

    def __repr__(self) -> str:
        return "Found(…)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--name", default=None, help="what a new application is called (the stack's name)"
    )
    parser.add_argument(
        "--new-key",
        action="store_true",
        help="give the application a new key pair where nobody here has the private key of its"
        " old one; tokens of the old one are refused from then on",
    )
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="write the private key to this file as well, if one is made",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Look, show what is to be changed, ask, and change it."""
    output = context.output
    found = _look(options, context)
    changes = _changes(options, context, found)
    if found.number is None:
        output.warn("no number is named: set VONAGE_NUMBER to have one led to the application")
    if not changes:
        output.line("nothing to change")
        output.result(_result(context, found.application, [], changed=False))
        return 0
    output.line("to be changed:")
    output.changes(changes)
    if options.dry_run:
        output.result(_result(context, found.application, changes, changed=False))
        return 0
    if not output.confirm("Change this?"):
        output.line("nothing was changed")
        return 1
    application = _change(options, context, found)
    output.line("done; `python -m voicectl doctor` looks whether all of it works", "green")
    output.result(_result(context, application, changes, changed=True))
    return 0


# Looking


def _look(options: argparse.Namespace, context: Context) -> Found:
    stack = context.stack
    context.settings.need("api_key")
    context.settings.need("api_secret")
    signing = stack_secrets.read(stack, stack.signing_secret)
    held = stack_secrets.read(stack, stack.application_secret)
    if not signing.get("signature_secret"):
        context.settings.need("signature_secret")
    application = _application(context, held)
    key = _key(
        options,
        application,
        held.get("private_key"),
        context.settings.private_key,
        rotating=bool(held.get("next_private_key")),
    )
    if options.key_file is not None and key.made and options.key_file.exists():
        raise VoicectlError(f"{options.key_file} is there already: name another file")
    return Found(application, key, signing, held, _number(context))


def _application(context: Context, held: Mapping[str, str]) -> dict[str, Any] | None:
    """Give the application that is to be wired; None where it is to be made."""
    application_id = applications.id_of(context)
    if application_id:
        return applications.read(context, application_id)
    public = _public_half(held.get("private_key"))
    if public is None:
        return None
    # An earlier run may have made it and not have learnt its id.
    return next(
        (
            one
            for one in context.account.applications()
            if key_pair.is_public(applications.public_key_of(one), public)
        ),
        None,
    )


def _key(
    options: argparse.Namespace,
    application: Mapping[str, Any] | None,
    held: str | None,
    own: str | None,
    *,
    rotating: bool,
) -> Key:
    """Choose the key pair: the one that Vonage knows, else one that is here, else a new one.

    Raises
    ------
    ConnectError
        If Vonage knows one whose private key is not here, or a rotation is half done.
    """
    known = None if application is None else applications.public_key_of(application)
    here = [pem for pem in (held, own) if pem and _public_half(pem) is not None]
    if own and _public_half(own) is None:
        key_pair.private_key_of(own)  # says what is wrong with it
    if known is None:
        return Key(here[0], True, False) if here else Key(key_pair.make()[0], True, True)
    for pem in here:
        if key_pair.is_public(known, key_pair.public_half(pem)):
            return Key(pem, False, False)
    if rotating:
        raise VoicectlError("the key is being rotated: run `rotate key` to end that, then `up`")
    if options.new_key:
        return Key(key_pair.make()[0], True, True)
    raise VoicectlError(
        "the private key of this application is neither in the stack's secret nor in"
        " VONAGE_APPLICATION_PRIVATE_KEY(_PATH): name its file there, or run up --new-key to"
        " replace the pair (whoever still uses the old key is refused then)"
    )


def _public_half(pem: str | None) -> str | None:
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
            f"this Vonage account rents no number {named}: correct VONAGE_NUMBER, or rent it in the"
            " dashboard"
        )
    return number


# What is to be changed


def _signing_fields(context: Context, found: Found, application_id: str | None) -> dict[str, str]:
    """Give what the signing secret is to have; what it had is believed still, as in a rotation.

    Raises
    ------
    ConnectError
        If two secrets are believed already, and the settings have a third one.
    """
    fields = {"api_key": context.settings.need("api_key")}
    if application_id:
        fields["application_id"] = application_id
    own = context.settings.signature_secret
    present = found.signing.get("signature_secret")
    previous = found.signing.get("previous_signature_secret")
    # During a rotation .env may still hold the one that is on its way out.
    if own and own not in (present, previous):
        if previous:
            raise VoicectlError(
                "the stack believes two signature secrets, and VONAGE_SIGNATURE_SECRET is a third"
                " one: end the rotation (`rotate signature`), then run `up` again"
            )
        fields |= {"signature_secret": own, "previous_signature_secret": present or ""}
    return fields


def _changes(options: argparse.Namespace, context: Context, found: Found) -> list[Change]:
    name = options.name or context.stack.name
    if found.application is None:
        changes = [
            Change("Vonage application", None, f"{name} (new)"),
            *applications.differences({}, _wired(context, {})),
        ]
        application_id = None
        target = f"{name} (new)"
    else:
        application_id = target = str(found.application["id"])
        changes = applications.differences(found.application, _wired(context, found.application))
    if found.key.replaces:
        before = found.application and applications.public_key_of(found.application)
        changes.append(
            Change(
                "public key at Vonage",
                "another one" if before else None,
                "of a new pair" if found.key.made else "of the private key that is here",
            )
        )
    changes += _secret_changes(context, found, application_id, target)
    number = found.number
    if number is not None and (application_id is None or linked_to(number) != application_id):
        what = f"number {number['msisdn']} leads to"
        changes.append(Change(what, shown_link(number), target))
    return changes


def _secret_changes(
    context: Context, found: Found, application_id: str | None, target: str
) -> list[Change]:
    changes = []
    wanted = _signing_fields(context, found, application_id)
    for name in ("signature_secret", "previous_signature_secret", "api_key"):
        old, new = found.signing.get(name, ""), wanted.get(name)
        if new is not None and new != old:
            what = f"{name} in the stack's signing secret"
            changes.append(Change(what, old, new, secret=name != "api_key"))
    if found.key.private != found.held.get("private_key"):
        changes.append(
            Change(
                "private_key in the stack's application secret",
                found.held.get("private_key"),
                found.key.private,
                secret=True,
            )
        )
    for label, fields in (("signing", found.signing), ("application", found.held)):
        if application_id is None or fields.get("application_id") != application_id:
            what = f"application_id in the stack's {label} secret"
            changes.append(Change(what, fields.get("application_id"), target))
    return changes


def linked_to(number: Mapping[str, Any]) -> str | None:
    """Give the id of the application that a number leads to, None if it leads to none."""
    if number.get("app_id"):
        return str(number["app_id"])
    if number.get("voiceCallbackType") == "app":
        return number.get("voiceCallbackValue") or None
    return None


def shown_link(number: Mapping[str, Any]) -> str | None:
    """Say where a number leads."""
    if linked_to(number):
        return linked_to(number)
    if number.get("voiceCallbackValue"):
        return f"{number.get('voiceCallbackType')} {number['voiceCallbackValue']}"
    return None


def _wired(context: Context, application: Mapping[str, Any]) -> dict[str, Any]:
    stack = context.stack
    addresses = {
        name: stack.output(webhook.output) for name, webhook in applications.WEBHOOKS.items()
    }
    return applications.wired(application, addresses)


# Changing it


def _change(options: argparse.Namespace, context: Context, found: Found) -> dict[str, Any]:
    stack, output = context.stack, context.output
    if found.application is not None:
        _keep(context, found.application, found)
    if options.key_file is not None and found.key.made:
        _write_key(options.key_file, found.key.private)
    if stack_secrets.merge(stack, stack.application_secret, {"private_key": found.key.private}):
        output.line("  the private key is in Secrets Manager")
    application = found.application
    if application is None:
        application = _create(options, context, found)
    application_id = str(application["id"])
    stack_secrets.merge(stack, stack.application_secret, {"application_id": application_id})
    stack_secrets.merge(
        stack, stack.signing_secret, _signing_fields(context, found, application_id)
    )
    output.line("  the secrets are in Secrets Manager")
    application = _update(context, application, found)
    if found.number is not None and linked_to(found.number) != application_id:
        context.account.link(found.number, application_id)
        output.line(f"  {found.number['msisdn']} leads to the application")
    return application


def _create(options: argparse.Namespace, context: Context, found: Found) -> dict[str, Any]:
    fields = _wired(context, {"name": options.name or context.stack.name})
    fields["keys"] = {"public_key": key_pair.public_half(found.key.private)}
    made = context.account.create(fields)
    context.output.line(f"  the application {made['id']} is there")
    _keep(context, {"id": made["id"], "made": True}, found)
    return made


def _update(context: Context, application: dict[str, Any], found: Found) -> dict[str, Any]:
    wired = _wired(context, application)
    made_now = found.application is None
    replaced = found.key.replaces and not made_now
    if not applications.differences(application, wired) and not replaced:
        return application
    fields = applications.sendable(wired)
    if replaced:
        fields["keys"] = {"public_key": key_pair.public_half(found.key.private)}
    updated = context.account.update(str(application["id"]), fields)
    context.output.line("  the application's webhooks lead to the stack")
    return updated


def _keep(context: Context, application: Mapping[str, Any], found: Found) -> None:
    """Keep what `restore` puts back; what an earlier run kept stays, for it is older."""
    path = restore_points.path_of(context.folder, "up", str(application["id"]))
    kept = restore_points.read(path) or {
        "stack": context.stack.name,
        "kept_at": context.now(),
        "application": dict(application),
        "numbers": {},
        "key_replaced": False,
    }
    if found.number is not None:
        kept["numbers"].setdefault(str(found.number["msisdn"]), found.number)
    kept["key_replaced"] = kept["key_replaced"] or (
        found.key.replaces and found.application is not None
    )
    restore_points.write(path, kept)
    context.output.line(f"  the old values are kept in {path}")


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
