"""``rotate``: replace the key pair or the signature secret without a failed call or webhook.

In both cases the functions know two values while Vonage switches from one to the other. Secrets
Manager stores the progress, so if a run is interrupted, the next run resumes it.

The key pair. Vonage stores one public key, and the functions cache the private key:

1. Store the next private key in the secret, next to the current one.
2. Wait until every function with a cached secret would read it again after a 401.
3. Send Vonage the next public key. A function whose token is rejected then uses the other key.
4. Replace the current key with the next one.

The signature secret. You change it in Vonage's dashboard:

1. Store the new secret next to the old one. The functions accept both.
2. Wait until every function with only the old one would read both on an unknown signature.
3. You change it in the dashboard.
4. Wait for a real webhook that is signed with the new secret.
5. When no more webhooks are signed with the old one, retire it: it signs no webhook any more, but
   links in mails and the state of calls, until the next rotation.

An attacker with the old secret can send webhooks that delay the last step. ``--revoke`` does not
wait.
"""

from __future__ import annotations

import getpass
import math
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from voicectl import application as applications
from voicectl import key_pair, stack_secrets, webhook_history
from voicectl.call_commands import Choice
from voicectl.cli import command
from voicectl.command_line import command_line
from voicectl.errors import ArgumentError, NotConfiguredError, VoicectlError
from voicekit.signature import fingerprint

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context

NEW_SECRET = "VONAGE_NEW_SIGNATURE_SECRET"  # noqa: S105 - a variable name
# Seconds for which a function does not read a secret again, plus a margin.
_KEY_CACHED = 30 + 5
_SIGNATURE_CACHED = 60 + 15
# Seconds for which Vonage may still use the old value after a change.
_SETTLED = {"key": 10, "signature": 60}
_PATIENCE = 900  # seconds to wait for a webhook with the new signature
_POLL_INTERVAL = 2  # seconds
_FORM = re.compile(r"[!-~]{16,128}")  # what the dashboard accepts


@command(
    "rotate",
    help="replace the key pair or the signature secret without failed calls or webhooks",
    examples=("voicectl rotate key", "voicectl rotate signature"),
)
@click.argument(
    "what",
    type=Choice(("key", "signature")),
    metavar="key|signature",
    help="the key pair, or the signature secret",
)
@click.option(
    "--wait",
    type=int,
    metavar="SECONDS",
    help="wait this long for functions with a cached secret (default: 35 for the key, 75 for the"
    " signature secret); reduce it only if no function is running",
)
@click.option(
    "--settle",
    type=int,
    metavar="SECONDS",
    help="wait this long for Vonage to apply the change (default: 10 for the key, 60 for the"
    " signature secret)",
)
@click.option(
    "--patience",
    type=int,
    default=_PATIENCE,
    metavar="SECONDS",
    help="wait this long for a webhook with the new signature",
    show_default=True,
)
@click.option(
    "--revoke",
    is_flag=True,
    help="remove the old signature secret at once, such as a leaked one: webhooks, links and calls"
    " that it signed become invalid",
)
def rotate(options: SimpleNamespace, context: Context) -> int:
    """Start a rotation, or resume one in progress."""
    if options.settle is None:
        options.settle = _SETTLED[options.what]
    if options.what == "key":
        if options.revoke:
            raise ArgumentError("--revoke is only for the signature secret")
        return _rotate_key(options, context)
    if options.revoke:
        return _revoke(options, context)
    return _rotate_signature(options, context)


# The key


def _rotate_key(options: SimpleNamespace, context: Context) -> int:
    stack, output = context.stack, context.output
    secret = stack_secrets.read(stack, stack.application_secret)
    if not secret.get("private_key"):
        raise NotConfiguredError(
            f"the stack has no private key to replace. Run `{command_line('up')}` first."
        )
    application = applications.read(context, applications.needed_id(context))
    known = applications.public_key_of(application)
    following = secret.get("next_private_key")
    sent = following is not None and bool(following) and _matches(known, following)
    if not sent and not _matches(known, secret["private_key"]):
        raise VoicectlError(
            "the stack's private key does not match the public key at Vonage. Run"
            f" `{command_line('up')}`."
        )
    output.line("resuming the rotation of the key pair" if following else "rotating the key pair")
    if options.dry_run:
        output.result({"changed": False, "under_way": bool(following)})
        return 0
    if not output.confirm("Vonage will reject tokens of the old key. Replace the key pair?"):
        return 1
    if not following:
        following, _ = key_pair.make()
        stack_secrets.merge(stack, stack.application_secret, {"next_private_key": following})
        output.line("  stored the next private key in Secrets Manager")
    if not sent:
        _wait(context, stack.application_secret, _or(options.wait, _KEY_CACHED))
        _send_public_key(context, following)
    _pause(context, options.settle)
    done = {"private_key": following, "next_private_key": ""}
    stack_secrets.merge(stack, stack.application_secret, done)
    output.line("done: the stack and Vonage use the new key pair", "green")
    if context.settings.private_key and not context.local:
        output.warn("the private key in your settings is no longer valid. Remove it.")
    output.result({"changed": True})
    return 0


def _matches(known: str | None, private: str) -> bool:
    return key_pair.is_public(known, key_pair.public_half(private))


def _send_public_key(context: Context, private: str) -> None:
    """Update the application's public key, and send its other settings as they are now."""
    application = applications.read(context, applications.needed_id(context))
    fields = applications.sendable(application)
    fields["keys"] = {"public_key": key_pair.public_half(private)}
    context.account.update(str(application["id"]), fields)
    context.output.line("  sent the next public key to Vonage")


# The signature secret


def _rotate_signature(options: SimpleNamespace, context: Context) -> int:
    stack, output = context.stack, context.output
    signing = stack_secrets.read(stack, stack.signing_secret)
    present, previous = signing.get("signature_secret"), signing.get("previous_signature_secret")
    if not present:
        raise NotConfiguredError(
            f"the stack has no signature secret to replace. Run `{command_line('up')}` first."
        )
    if options.dry_run:
        output.line(
            "a rotation is in progress" if previous else "would prompt for a new signature secret"
        )
        output.result({"changed": False, "under_way": bool(previous)})
        return 0
    if previous:
        output.line("resuming the rotation of the signature secret")
        new, old = present, previous
    else:
        new, old = _new_secret(context, present), present
        fields = {"signature_secret": new, "previous_signature_secret": old}
        stack_secrets.merge(stack, stack.signing_secret, fields)
        output.line("  stored both secrets in Secrets Manager")
    _wait(context, stack.signing_secret, _or(options.wait, _SIGNATURE_CACHED))
    if not _confirmed(options, context, new):
        output.line(
            f"no webhook with the new signature arrived in {options.patience} s; both secrets stay"
            " valid. Run the command again to resume. If the old secret leaked, remove it with"
            f" `{command_line('rotate signature --revoke')}`."
        )
        output.result({"changed": False, "under_way": True})
        return 1
    fields = {"previous_signature_secret": "", "retired_signature_secret": old}
    stack_secrets.merge(stack, stack.signing_secret, fields)
    output.line("done: webhooks with the old secret are rejected", "green")
    if not context.local:
        output.warn("set VONAGE_SIGNATURE_SECRET to the new secret in your settings")
    output.result({"changed": True, "under_way": False})
    return 0


def _revoke(options: SimpleNamespace, context: Context) -> int:
    stack, output = context.stack, context.output
    signing = stack_secrets.read(stack, stack.signing_secret)
    old = {"previous_signature_secret": "", "retired_signature_secret": ""}
    if not any(map(signing.get, old)):
        raise VoicectlError(
            f"the stack has no old signature secret. Run `{command_line('rotate signature')}`"
            " first, and change the secret in Vonage's dashboard."
        )
    if options.dry_run:
        output.line("would remove the old secret")
        output.result({"changed": False})
        return 0
    question = (
        "Webhooks, links and calls that the old secret signed become invalid. Does Vonage's"
        " dashboard have the new one, and shall the old one be removed?"
    )
    if not output.confirm(question):
        return 1
    stack_secrets.merge(stack, stack.signing_secret, old)
    output.line("done: removed the old secret", "green")
    output.result({"changed": True})
    return 0


def _new_secret(context: Context, present: str) -> str:
    """Return the new secret, from the environment or a prompt; it is never shown.

    Raises
    ------
    VoicectlError
        If it is invalid, or the current secret.
    """
    secret = os.environ.get(NEW_SECRET, "")
    if not secret:
        if context.output.json or not sys.stdin.isatty():
            raise VoicectlError(f"cannot prompt for the new secret. Set {NEW_SECRET}.")
        context.output.line(
            "Create a new signature secret (for example with `openssl rand -hex 32`), and save it"
            " for the dashboard. Do not change it there yet."
        )
        secret = getpass.getpass("New signature secret? ")
    secret = secret.strip()
    if not _FORM.fullmatch(secret):
        raise VoicectlError(
            "invalid signature secret: expected 16 to 128 visible ASCII characters without a space"
        )
    if secret == present:
        raise VoicectlError("this is the current signature secret. Create another one.")
    return secret


def _confirmed(options: SimpleNamespace, context: Context, new: str) -> bool:
    """Wait for a webhook signed with the new secret, and until the latest one is."""
    context.output.line(
        "Now change the signature secret in Vonage's dashboard, Settings, Signed webhooks. Then"
        " call the number. Ctrl-C stops waiting; run the command again to resume."
    )
    expected = fingerprint(new)
    end = context.now() + options.patience
    while not _is_latest(context, expected):
        if context.now() >= end:
            return False
        context.sleep(_POLL_INTERVAL)
    context.output.line("  received a webhook signed with the new secret")
    _pause(context, options.settle)
    if not _is_latest(context, expected):
        context.output.line("  received a webhook signed with the old secret; still waiting")
        return _confirmed(options, context, new)
    return True


def _is_latest(context: Context, expected: str) -> bool:
    seen = webhook_history.latest(context.stack, context.now())
    return seen is not None and seen.signed_by == expected


# Both


def _wait(context: Context, arn: str, seconds: int) -> None:
    """Wait until a secret has been unchanged for some seconds."""
    since = stack_secrets.changed_at(context.stack, arn).timestamp()
    _pause(context, since + seconds - context.now(), "functions with a cached secret")


def _pause(context: Context, seconds: float, reason: str = "Vonage to apply the change") -> None:
    if seconds > 0:
        context.output.line(f"  waiting {math.ceil(seconds)} s for {reason}")
        context.sleep(seconds)


def _or(value: Any, default: int) -> int:
    return default if value is None else int(value)
