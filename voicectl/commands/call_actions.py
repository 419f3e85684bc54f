"""``hangup``, ``mute``, ``unmute``, ``earmuff``, ``unearmuff``: commands with only an action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicectl.call_commands import call_argument, send_command
from voicectl.cli import command

if TYPE_CHECKING:
    from types import SimpleNamespace

    from voicectl.cli import VoicectlCommand
    from voicectl.context import Context


def _call_action(action: str, text: str, done: str) -> VoicectlCommand:
    """Return a command that sends one action (Voice API reference: updateCall)."""

    @command(action, help=text, examples=(f"voicectl {action} 5ad3e1f0",))
    @call_argument
    def send_action(options: SimpleNamespace, context: Context) -> int:
        return send_command(options, context, "PUT", "", {"action": action}, done)

    return send_action


CALL_ACTIONS = (
    _call_action("hangup", "hang up a leg", "hung up"),
    _call_action("mute", "mute a leg, so that the other participants can't hear it", "muted"),
    _call_action("unmute", "unmute a leg", "unmuted"),
    _call_action("earmuff", "earmuff a leg, so that it can't hear the others", "earmuffed"),
    _call_action("unearmuff", "let a leg hear the other participants again", "unearmuffed"),
)
