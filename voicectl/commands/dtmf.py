"""``dtmf``: send DTMF digits into a call, or report the keypresses on it as events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from voicectl.call_commands import call_argument, send_command
from voicectl.cli import command

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context

_DIGITS = re.compile(r"[0-9*#p]{1,255}")


def _digits(text: str) -> str:
    if not _DIGITS.fullmatch(text):
        raise click.BadParameter(
            f"{text!r} are not DTMF digits: expected 1 to 255 of 0-9 * #, and p for a pause"
        )
    return text


# Options: Voice API reference, startDTMF and subscribeDTMF
@command(
    "dtmf",
    help="send DTMF digits into a call, or store its keypresses as events",
    examples=("voicectl dtmf 5ad3e1f0 --digits '1p234#'", "voicectl dtmf 5ad3e1f0 --listen"),
    one_of=("digits", "listen", "stop_listening"),
)
@call_argument
@click.option(
    "--digits",
    type=_digits,
    metavar="DIGITS",
    help="send these digits: 0-9 * #, and p for a pause of 500 ms",
)
@click.option("--listen", is_flag=True, help="start storing each keypress")
@click.option("--stop-listening", is_flag=True, help="stop storing keypresses")
def dtmf(options: SimpleNamespace, context: Context) -> int:
    """Send digits, or start or stop listening."""
    if options.listen:
        return send_command(options, context, "PUT", "/input/dtmf", {}, "started listening")
    if options.stop_listening:
        return send_command(options, context, "DELETE", "/input/dtmf", None, "stopped listening")
    body = {"digits": options.digits}
    return send_command(options, context, "PUT", "/dtmf", body, "sent the digits")
