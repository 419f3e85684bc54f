"""``token``: print a JWT for manual requests to Vonage's Voice API, and its claims."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import click
import jwt

from voicectl import application as applications
from voicectl import stack_secrets
from voicectl.cli import command
from voicectl.errors import NotConfiguredError
from voicectl.key_pair import private_key_of

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context


@command(
    "token",
    help="print a token for manual requests to Vonage's Voice API, with its claims",
    examples=("voicectl token", "voicectl token --lifetime 3600"),
)
@click.option(
    "--lifetime",
    type=click.IntRange(30, 24 * 3600),  # Vonage authentication guide: exp
    default=900,
    metavar="SECONDS",
    help="lifetime of the token",
    show_default=True,
)
def token(options: SimpleNamespace, context: Context) -> int:
    """Sign the token with the private key of the settings, else with the stack's."""
    private_key = context.settings.private_key
    if private_key is None:
        stack = context.stack
        private_key = stack_secrets.read(stack, stack.application_secret).get("private_key")
    if not private_key:
        raise NotConfiguredError(
            "neither your settings nor the stack have a private key. Run `up` first."
        )
    issued = int(context.now())
    claims: dict[str, str | int] = {
        "application_id": applications.needed_id(context),
        "iat": issued,
        "exp": issued + options.lifetime,
        "jti": str(uuid.uuid4()),
    }
    encoded = jwt.encode(claims, private_key_of(private_key), algorithm="RS256")
    expires = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(issued + options.lifetime))
    context.output.table(("claim", "value"), [*claims.items(), ("expires", expires)])
    context.output.line("")
    context.output.line(encoded)
    context.output.result({"token": encoded, "claims": claims})
    return 0
