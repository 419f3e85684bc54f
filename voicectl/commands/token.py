"""``token``: print a JWT for manual requests to Vonage's Voice API, and its claims."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from voicectl.application_token import application_token
from voicectl.cli import command

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
    encoded, claims = application_token(context, options.lifetime)
    expires = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(int(claims["exp"])))
    context.output.table(("claim", "value"), [*claims.items(), ("expires", expires)])
    context.output.line("")
    context.output.line(encoded)
    context.output.result({"token": encoded, "claims": claims})
    return 0
