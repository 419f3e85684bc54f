"""``transfer``: transfer a call to another flow or NCCO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from voicectl.call_commands import call_argument, flow_option, ncco_option, send_command
from voicectl.cli import command

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context


@command(
    "transfer",
    help="transfer a call to a flow, an NCCO from a file, or one from a URL",
    examples=(
        "voicectl transfer 5ad3e1f0 --flow voicemail",
        "voicectl transfer 5ad3e1f0 --ncco goodbye.json",
    ),
    one_of=("flow", "ncco", "url"),
)
@call_argument
@flow_option
@ncco_option
@click.option("--url", metavar="URL", help="run the NCCO from this URL")
def transfer(options: SimpleNamespace, context: Context) -> int:
    """Transfer the call."""
    url = None if options.url is None else [options.url]
    sources = {"flow": options.flow, "ncco": options.ncco, "url": url}
    destination = {name: value for name, value in sources.items() if value is not None}
    body = {"action": "transfer", "destination": destination}
    return send_command(options, context, "PUT", "", body, "transferred")
