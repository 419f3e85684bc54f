"""``token``: print a JWT for manual requests to Vonage's Voice API, and its claims."""

from __future__ import annotations

import argparse
import time
import uuid
from typing import TYPE_CHECKING

import jwt

from voicectl import application as applications
from voicectl import stack_secrets
from voicectl.errors import VoicectlError
from voicectl.key_pair import private_key_of

if TYPE_CHECKING:
    from voicectl.context import Context

NAME = "token"
HELP = "print a token for manual requests to Vonage's Voice API, with its claims"
# Minimum and maximum in seconds (Vonage authentication guide: exp).
_SHORTEST, _LONGEST = 30, 24 * 3600


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--lifetime",
        type=_lifetime,
        default=900,
        metavar="SECONDS",
        help="lifetime of the token, 30 to 86400 (%(default)s)",
    )


def run(options: argparse.Namespace, context: Context) -> int:
    """Sign the token with the private key of the settings, else with the stack's."""
    private_key = context.settings.private_key
    if private_key is None:
        stack = context.stack
        private_key = stack_secrets.read(stack, stack.application_secret).get("private_key")
    if not private_key:
        raise VoicectlError(
            "neither your settings nor the stack have a private key. Run `up` first."
        )
    issued = int(context.now())
    claims: dict[str, str | int] = {
        "application_id": applications.needed_id(context),
        "iat": issued,
        "exp": issued + options.lifetime,
        "jti": str(uuid.uuid4()),
    }
    token = jwt.encode(claims, private_key_of(private_key), algorithm="RS256")
    expires = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(issued + options.lifetime))
    context.output.table(("claim", "value"), [*claims.items(), ("expires", expires)])
    context.output.line("")
    context.output.line(token)
    context.output.result({"token": token, "claims": claims})
    return 0


def _lifetime(text: str) -> int:
    if not text.isdecimal() or not _SHORTEST <= int(text) <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 30 to 86400")
    return int(text)
