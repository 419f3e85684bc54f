"""``hangup``, ``mute``, ``unmute``, ``earmuff``, ``unearmuff``: a call changed by one word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connect.steering import carry_out, takes_call

if TYPE_CHECKING:
    import argparse

    from connect.context import Context


class Steer(NamedTuple):
    """A command that sends one action (Voice API reference: updateCall)."""

    NAME: str
    HELP: str
    done: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments."""
        takes_call(parser)

    def run(self, options: argparse.Namespace, context: Context) -> int:
        """Send the action."""
        return carry_out(options, context, "PUT", "", {"action": self.NAME}, self.done)


COMMANDS = (
    Steer("hangup", "end a call; one that is over stays so", "hung up"),
    Steer("mute", "let nobody hear what is said on a call's telephone", "muted"),
    Steer("unmute", "let what is said on a call's telephone be heard again", "unmuted"),
    Steer("earmuff", "let a call's telephone hear nothing", "earmuffed"),
    Steer("unearmuff", "let a call's telephone hear again", "unearmuffed"),
)
