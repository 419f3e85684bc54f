"""``transfer``: transfer a call to another flow or NCCO."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicectl.call_commands import add_call_argument, ncco, send_command

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context

NAME = "transfer"
HELP = "transfer a call to a flow, an NCCO from a file, or one from a URL"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_call_argument(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--flow", metavar="NAME", help="run this flow of the stack")
    source.add_argument(
        "--ncco", type=ncco, metavar="FILE", help="run the NCCO in this file; - is standard input"
    )
    source.add_argument("--url", help="run the NCCO from this URL")


def run(options: argparse.Namespace, context: Context) -> int:
    """Transfer the call."""
    url = None if options.url is None else [options.url]
    sources = {"flow": options.flow, "ncco": options.ncco, "url": url}
    destination = {name: value for name, value in sources.items() if value is not None}
    body = {"action": "transfer", "destination": destination}
    return send_command(options, context, "PUT", "", body, "transferred")
