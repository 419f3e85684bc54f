"""``hangup``, ``mute``, ``unmute``, ``earmuff``, ``unearmuff``: commands with only an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from voicectl.call_commands import add_call_argument, send_command

if TYPE_CHECKING:
    import argparse

    from voicectl.context import Context


class CallAction(NamedTuple):
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
    CallAction("hangup", "hang up a leg", "hung up"),
    CallAction("mute", "mute a leg, so that the other participants can't hear it", "muted"),
    CallAction("unmute", "unmute a leg", "unmuted"),
    CallAction("earmuff", "earmuff a leg, so that it can't hear the others", "earmuffed"),
    CallAction("unearmuff", "let a leg hear the other participants again", "unearmuffed"),
)
