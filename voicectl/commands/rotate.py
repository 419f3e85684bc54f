"""Changes the key pair, or the signature secret, with no failed call and no failed webhook between.

Both ways have two of them known to the functions while Vonage changes from one to the other. What
is under way stands in Secrets Manager, so a run that was ended is gone on with by the next one.

The key. Vonage holds one public key, and the functions keep the private one:

1. the next private key stands in the secret beside the present one;
2. wait until every function that keeps the secret without it would fetch it anew after a refusal;
3. Vonage is told the next public key; a function whose token is refused uses the other key;
4. the next key takes the place of the present one.

The signature secret. It is changed by hand, in Vonage's dashboard:

1. the new secret stands beside the old one; both are believed;
2. wait until every function that keeps the old one alone would fetch both on meeting the new;
3. you change it in the dashboard;
4. a real webhook that was signed with the new one shows that it is so;
5. once none comes that was signed with the old one, the old one is dropped.
"""

from __future__ import annotations

import getpass
import math
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from voicectl import application as applications
from voicectl import key_pair, stack_secrets, webhook_history
from voicectl.errors import VoicectlError
from voicekit.signature import fingerprint

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context

NAME = "rotate"
HELP = "change the key pair or the signature secret, with nothing failing meanwhile"
NEW_SECRET = "VONAGE_NEW_SIGNATURE_SECRET"  # noqa: S105 - its name
# Seconds within which a function does not fetch a secret again, and some for the way.
_KEY_KEPT = 30 + 5
_SIGNATURE_KEPT = 60 + 15
# Seconds after Vonage has changed in which it may yet use what it had.
_SETTLED = {"key": 10, "signature": 60}
_PATIENCE = 900  # seconds that a webhook with the new signature is waited for
_LOOK_EVERY = 2
_FORM = re.compile(r"[!-~]{16,128}")  # what can be typed into the dashboard


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", choices=("key", "signature"), help="what is to be changed")
    parser.add_argument(
        "--wait",
        type=int,
        metavar="SECONDS",
        help="how long functions may keep what they have fetched (35 for the key, 75 for the"
        " signature secret); less only where none runs",
    )
    parser.add_argument(
        "--settle",
        type=int,
        metavar="SECONDS",
        help="how long Vonage may use what it had after it has changed (10, 60)",
    )
    parser.add_argument(
        "--patience",
        type=int,
        default=_PATIENCE,
        metavar="SECONDS",
        help="how long a webhook with the new signature is waited for (%(default)s)",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Change one of them, or go on with a change that is under way."""
    if options.settle is None:
        options.settle = _SETTLED[options.what]
    if options.what == "key":
        return _rotate_key(options, context)
    return _rotate_signature(options, context)


# The key


def _rotate_key(options: argparse.Namespace, context: Context) -> int:
    stack, output = context.stack, context.output
    held = stack_secrets.read(stack, stack.application_secret)
    if not held.get("private_key"):
        raise VoicectlError("the stack has no private key to change: run `up` first")
    application = applications.read(context, applications.needed_id(context))
    known = applications.public_key_of(application)
    following = held.get("next_private_key")
    told = following is not None and bool(following) and _fits(known, following)
    if not told and not _fits(known, held["private_key"]):
        raise VoicectlError("the stack's private key is not the one that Vonage knows: run `up`")
    output.line(
        "the key's rotation is gone on with" if following else "the key pair is to be changed"
    )
    if options.dry_run:
        output.result({"changed": False, "under_way": bool(following)})
        return 0
    if not output.confirm("Change the key pair? Whoever else uses the old key is refused then."):
        return 1
    if not following:
        following, _ = key_pair.make()
        stack_secrets.merge(stack, stack.application_secret, {"next_private_key": following})
        output.line("  the next private key is in Secrets Manager, beside the present one")
    if not told:
        _wait(context, stack.application_secret, _or(options.wait, _KEY_KEPT))
        _tell(context, following)
    _pause(context, options.settle)
    done = {"private_key": following, "next_private_key": ""}
    stack_secrets.merge(stack, stack.application_secret, done)
    output.line("done: the stack and Vonage have the new pair", "green")
    if context.settings.private_key and not context.local:
        output.warn("the private key that your settings name is void now: remove it")
    output.result({"changed": True})
    return 0


def _fits(known: str | None, private: str) -> bool:
    return key_pair.is_public(known, key_pair.public_half(private))


def _tell(context: Context, private: str) -> None:
    """Give Vonage the public half; the rest of the application is sent as it is at this moment."""
    application = applications.read(context, applications.needed_id(context))
    fields = applications.sendable(application)
    fields["keys"] = {"public_key": key_pair.public_half(private)}
    context.account.update(str(application["id"]), fields)
    context.output.line("  Vonage has the next public key")


# The signature secret


def _rotate_signature(options: argparse.Namespace, context: Context) -> int:
    stack, output = context.stack, context.output
    signing = stack_secrets.read(stack, stack.signing_secret)
    present, previous = signing.get("signature_secret"), signing.get("previous_signature_secret")
    if not present:
        raise VoicectlError("the stack has no signature secret to change: run `up` first")
    if options.dry_run:
        output.line("it is under way" if previous else "a new signature secret would be asked for")
        output.result({"changed": False, "under_way": bool(previous)})
        return 0
    if previous:
        output.line("the signature secret's rotation is gone on with")
        new = present
    else:
        new = _new_secret(context, present)
        fields = {"signature_secret": new, "previous_signature_secret": present}
        stack_secrets.merge(stack, stack.signing_secret, fields)
        output.line("  both secrets are in Secrets Manager")
    _wait(context, stack.signing_secret, _or(options.wait, _SIGNATURE_KEPT))
    if not _confirmed(options, context, new):
        output.line(
            f"no webhook with the new signature came in {options.patience} s; both secrets are"
            " believed still. Run it again to go on"
        )
        output.result({"changed": False, "under_way": True})
        return 1
    stack_secrets.merge(stack, stack.signing_secret, {"previous_signature_secret": ""})
    output.line("done: the old secret is dropped", "green")
    if not context.local:
        output.warn("put the new secret into VONAGE_SIGNATURE_SECRET, where your settings have it")
    output.result({"changed": True, "under_way": False})
    return 0


def _new_secret(context: Context, present: str) -> str:
    """Ask for the new secret, or take it from the environment; it is never shown.

    Raises
    ------
    ConnectError
        If it is none, or the old one.
    """
    given = os.environ.get(NEW_SECRET, "")
    if not given:
        if context.output.json or not sys.stdin.isatty():
            raise VoicectlError(f"nobody is here to be asked: put the new secret into {NEW_SECRET}")
        context.output.line(
            "Think of a new signature secret (such as `openssl rand -hex 32` prints), and keep it"
            " for the dashboard. Do not change it there yet."
        )
        given = getpass.getpass("new signature secret: ")
    given = given.strip()
    if not _FORM.fullmatch(given):
        raise VoicectlError("a signature secret has 16 to 128 characters, none of them a space")
    if given == present:
        raise VoicectlError("that is the present secret: think of another one")
    return given


def _confirmed(options: argparse.Namespace, context: Context, new: str) -> bool:
    """Wait for a webhook signed with the new secret, and for none signed with the old one."""
    context.output.line(
        "Now change the signature secret in Vonage's dashboard, Settings, Signed webhooks; then"
        " ring the number. Ctrl-C ends the waiting: run it again to go on."
    )
    wanted = fingerprint(new)
    end = context.now() + options.patience
    while not _is_latest(context, wanted):
        if context.now() >= end:
            return False
        context.sleep(_LOOK_EVERY)
    context.output.line("  a real webhook was signed with the new secret")
    _pause(context, options.settle)
    if not _is_latest(context, wanted):
        context.output.line("  one came that was signed with the old secret: waiting on")
        return _confirmed(options, context, new)
    return True


def _is_latest(context: Context, wanted: str) -> bool:
    seen = webhook_history.latest(context.stack, context.now())
    return seen is not None and seen.signed_by == wanted


# Both


def _wait(context: Context, arn: str, seconds: int) -> None:
    """Wait until a secret has been as it is for some seconds."""
    since = stack_secrets.changed_at(context.stack, arn).timestamp()
    _pause(context, since + seconds - context.now(), "functions that keep the old one alone")


def _pause(context: Context, seconds: float, why: str = "what is on its way") -> None:
    if seconds > 0:
        context.output.line(f"  waiting {math.ceil(seconds)} s for {why}")
        context.sleep(seconds)


def _or(given: Any, default: int) -> int:
    return default if given is None else int(given)
