"""``dtmf``: send DTMF digits into a call, or report the keypresses on it as events."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from voicectl.call_commands import add_call_argument, send_command

if TYPE_CHECKING:
    from voicectl.context import Context

NAME = "dtmf"
HELP = "send DTMF digits into a call, or store its keypresses as events"
_DIGITS = re.compile(r"[0-9*#p]{1,255}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments (Voice API reference: startDTMF, subscribeDTMF)."""
    add_call_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--digits",
        type=_digits,
        metavar="DIGITS",
        help="send these digits: 0-9 * #, and p for a pause of 500 ms",
    )
    what.add_argument("--listen", action="store_true", help="start storing each keypress")
    what.add_argument("--stop-listening", action="store_true", help="stop storing keypresses")


def run(options: argparse.Namespace, context: Context) -> int:
    """Send digits, or start or stop listening."""
    if options.listen:
        return send_command(options, context, "PUT", "/input/dtmf", {}, "started listening")
    if options.stop_listening:
        return send_command(options, context, "DELETE", "/input/dtmf", None, "stopped listening")
    body = {"digits": options.digits}
    return send_command(options, context, "PUT", "/dtmf", body, "sent the digits")


def _digits(text: str) -> str:
    if not _DIGITS.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} are not DTMF digits: expected 1 to 255 of 0-9 * #, and p for a pause"
        )
    return text
