"""``stream``: play an audio file into a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicectl.call_commands import add_call_argument, int_in_range, level, send_command

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context

NAME = "stream"
HELP = "play an audio file into a call, or stop playing"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments (Voice API reference: startStream)."""
    add_call_argument(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--url", help="URL of the file: MP3 or 16-bit WAV")
    what.add_argument("--stop", action="store_true", help="stop playing")
    parser.add_argument(
        "--loop", type=int_in_range(0, 1_000_000), help="number of repetitions; 0 is endless"
    )
    parser.add_argument("--level", type=level, help="volume, -1 to 1")


def run(options: argparse.Namespace, context: Context) -> int:
    """Start or stop playing."""
    if options.stop:
        return send_command(options, context, "DELETE", "/stream", None, "stopped playing")
    body: dict[str, Any] = {"stream_url": [options.url]}
    optional = {"loop": options.loop, "level": options.level}
    body |= {name: value for name, value in optional.items() if value is not None}
    return send_command(options, context, "PUT", "/stream", body, "started playing")
