"""``talk``: a text is spoken into a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicectl.call_commands import add_call_argument, int_in_range, level, send_command

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context

NAME = "talk"
HELP = "speak a text into a call, or stop speaking"
_OPTIONS = ("text", "language", "style", "loop", "level")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments (Voice API reference: startTalk)."""
    add_call_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="what is said, plain or SSML")
    what.add_argument("--stop", action="store_true", help="stop what is being said")
    parser.add_argument("--language", help="such as en-GB")
    parser.add_argument("--style", type=int_in_range(0, 1000), help="the voice, a number from 0")
    parser.add_argument("--premium", action="store_true", help="a premium voice")
    parser.add_argument(
        "--loop", type=int_in_range(0, 1_000_000), help="how often; 0 is until stopped"
    )
    parser.add_argument("--level", type=level, help="how loud, -1 to 1")


def run(options: argparse.Namespace, context: Context) -> int:
    """Speak, or stop."""
    if options.stop:
        return send_command(options, context, "DELETE", "/talk", None, "stopped talking")
    given = {name: getattr(options, name) for name in _OPTIONS}
    body = {name: value for name, value in given.items() if value is not None}
    if options.premium:
        body["premium"] = True
    return send_command(options, context, "PUT", "/talk", body, "talking")
