"""``talk``: speak text into a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicectl.call_commands import add_call_argument, int_in_range, level, send_command

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context

NAME = "talk"
HELP = "speak text into a call, or stop speaking"
_OPTIONS = ("text", "language", "style", "loop", "level")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments (Voice API reference: startTalk)."""
    add_call_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="plain text or SSML")
    what.add_argument("--stop", action="store_true", help="stop speaking")
    parser.add_argument("--language", help="language of the text, such as en-GB")
    parser.add_argument("--style", type=int_in_range(0, 1000), help="number of the voice, from 0")
    parser.add_argument("--premium", action="store_true", help="use a premium voice")
    parser.add_argument(
        "--loop", type=int_in_range(0, 1_000_000), help="number of repetitions; 0 is endless"
    )
    parser.add_argument("--level", type=level, help="volume, -1 to 1")


def run(options: argparse.Namespace, context: Context) -> int:
    """Start or stop speaking."""
    if options.stop:
        return send_command(options, context, "DELETE", "/talk", None, "stopped talking")
    values = {name: getattr(options, name) for name in _OPTIONS}
    body = {name: value for name, value in values.items() if value is not None}
    if options.premium:
        body["premium"] = True
    return send_command(options, context, "PUT", "/talk", body, "started talking")
