"""``dtmf``: keys are sent into a call, or those that are pressed on it are sent on."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from voicectl.call_commands import add_call_argument, send_command

if TYPE_CHECKING:
    from voicectl.context import Context

NAME = "dtmf"
HELP = "send keys into a call, or have the keys pressed on it kept as events"
_KEYS = re.compile(r"[0-9*#p]{1,255}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments (Voice API reference: startDTMF, subscribeDTMF)."""
    add_call_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--digits", type=_digits, metavar="KEYS", help="0-9 * #, and p for a pause of 500 ms"
    )
    what.add_argument("--listen", action="store_true", help="have each pressed key kept")
    what.add_argument("--stop-listening", action="store_true", help="no longer")


def run(options: argparse.Namespace, context: Context) -> int:
    """Send keys, or listen to them."""
    if options.listen:
        return send_command(options, context, "PUT", "/input/dtmf", {}, "listening to keys")
    if options.stop_listening:
        return send_command(options, context, "DELETE", "/input/dtmf", None, "stopped listening")
    body = {"digits": options.digits}
    return send_command(options, context, "PUT", "/dtmf", body, "sent the keys")


def _digits(text: str) -> str:
    if not _KEYS.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} are no keys: 1 to 255 of 0-9 * #, and p for a pause"
        )
    return text
