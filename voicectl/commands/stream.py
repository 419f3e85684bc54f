"""``stream``: play an audio file into a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from voicectl.call_commands import call_argument, level_option, loop_option, send_command
from voicectl.cli import command

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context


@command(
    "stream",
    help="play an audio file into a call, or stop playing",
    examples=(
        "voicectl stream 5ad3e1f0 --url https://example.com/music.mp3 --loop 0",
        "voicectl stream 5ad3e1f0 --stop",
    ),
    one_of=("url", "stop"),
)
@call_argument
@click.option("--url", metavar="URL", help="URL of the file: MP3 or 16-bit WAV")
@click.option("--stop", is_flag=True, help="stop playing")
@loop_option
@level_option
def stream(options: SimpleNamespace, context: Context) -> int:
    """Start or stop playing."""
    if options.stop:
        return send_command(options, context, "DELETE", "/stream", None, "stopped playing")
    body: dict[str, Any] = {"stream_url": [options.url]}
    optional = {"loop": options.loop, "level": options.level}
    body |= {name: value for name, value in optional.items() if value is not None}
    return send_command(options, context, "PUT", "/stream", body, "started playing")
