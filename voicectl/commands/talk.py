"""``talk``: speak text into a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from voicectl.call_commands import call_argument, level_option, loop_option, send_command
from voicectl.cli import command

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.context import Context

_OPTIONS = ("text", "language", "style", "loop", "level")


@command(
    "talk",
    help="speak text into a call, or stop speaking",
    examples=(
        "voicectl talk 5ad3e1f0 --text 'Please hold the line.' --language en-GB",
        "voicectl talk 5ad3e1f0 --stop",
    ),
    one_of=("text", "stop"),
)
@call_argument
@click.option("--text", metavar="TEXT", help="plain text or SSML")
@click.option("--stop", is_flag=True, help="stop speaking")
@click.option("--language", metavar="CODE", help="language of the text, such as en-GB")
@click.option("--style", type=click.IntRange(0), metavar="N", help="number of the voice, from 0")
@click.option("--premium", is_flag=True, help="use a premium voice")
@loop_option
@level_option
def talk(options: SimpleNamespace, context: Context) -> int:
    """Start or stop speaking."""
    if options.stop:
        return send_command(options, context, "DELETE", "/talk", None, "stopped talking")
    values = {name: getattr(options, name) for name in _OPTIONS}
    body = {name: value for name, value in values.items() if value is not None}
    if options.premium:
        body["premium"] = True
    return send_command(options, context, "PUT", "/talk", body, "started talking")
