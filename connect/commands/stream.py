"""``stream``: a sound file is played into a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connect.steering import carry_out, loudness, takes_call, whole

if TYPE_CHECKING:
    import argparse

    from connect.context import Context

NAME = "stream"
HELP = "play a sound file into a call, or stop playing"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments (Voice API reference: startStream)."""
    takes_call(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--url", help="where Vonage fetches the file: mp3 or 16-bit wav")
    what.add_argument("--stop", action="store_true", help="stop what is being played")
    parser.add_argument("--loop", type=whole(0, 1_000_000), help="how often; 0 is until stopped")
    parser.add_argument("--level", type=loudness, help="how loud, -1 to 1")


def run(options: argparse.Namespace, context: Context) -> int:
    """Play, or stop."""
    if options.stop:
        return carry_out(options, context, "DELETE", "/stream", None, "stopped playing")
    body: dict[str, Any] = {"stream_url": [options.url]}
    given = {"loop": options.loop, "level": options.level}
    body |= {name: value for name, value in given.items() if value is not None}
    return carry_out(options, context, "PUT", "/stream", body, "playing")
