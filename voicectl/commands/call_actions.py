"""``hangup``, ``mute``, ``unmute``, ``earmuff``, ``unearmuff``: a call changed by one word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicectl.call_commands import add_call_argument, send_command

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context


class Steer(NamedTuple):
    """A command that sends one action (Voice API reference: updateCall)."""

    NAME: str
    HELP: str
    done: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments."""
        add_call_argument(parser)

    def run(self, options: argparse.Namespace, context: Context) -> int:
        """Send the action."""
        return send_command(options, context, "PUT", "", {"action": self.NAME}, self.done)


COMMANDS = (
    Steer("hangup", "end a call; one that is over stays so", "hung up"),
    Steer("mute", "let nobody hear what is said on a call's telephone", "muted"),
    Steer("unmute", "let what is said on a call's telephone be heard again", "unmuted"),
    Steer("earmuff", "let a call's telephone hear nothing", "earmuffed"),
    Steer("unearmuff", "let a call's telephone hear again", "unearmuffed"),
)
