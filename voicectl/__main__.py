"""Entry point of ``voicectl``: all commands, in the sections of the help."""

from __future__ import annotations

from voicectl.cli import VoicectlGroup
from voicectl.commands.call import call
from voicectl.commands.call_actions import CALL_ACTIONS
from voicectl.commands.calls import calls
from voicectl.commands.capture import capture
from voicectl.commands.doctor import doctor
from voicectl.commands.dtmf import dtmf
from voicectl.commands.events import events
from voicectl.commands.forget import forget
from voicectl.commands.new import new
from voicectl.commands.recordings import recordings
from voicectl.commands.redrive import redrive
from voicectl.commands.restore import restore
from voicectl.commands.rotate import rotate
from voicectl.commands.stream import stream
from voicectl.commands.switchboard import switchboard
from voicectl.commands.talk import talk
from voicectl.commands.timeline import timeline
from voicectl.commands.token import token
from voicectl.commands.transfer import transfer
from voicectl.commands.tunnel import tunnel
from voicectl.commands.up import up
from voicectl.commands.voicemails import voicemails
from voicectl.commands.watch import watch

SECTIONS = {
    "Setup": (up, doctor, restore, tunnel, capture),
    "Flows": (new,),
    "Calls": (call, calls, timeline, watch, *CALL_ACTIONS, transfer, talk, stream, dtmf),
    "Recordings": (recordings, voicemails),
    "Routing": (switchboard,),
    "Keys": (rotate, token),
    "Data": (events, redrive, forget),
}
cli = VoicectlGroup(
    "voicectl",
    help="Link a deployed stack to Vonage, check it, and operate it.",
    sections=SECTIONS,
    examples=(
        "voicectl up                              # link the stack of samconfig.toml to Vonage",
        "voicectl --local call --flow greet       # call the flow on the platform of `make up`",
        "voicectl calls --help                    # the options and examples of a command",
    ),
)


def main() -> None:
    """Run one command, and exit with its status."""
    cli.main(prog_name="voicectl")


if __name__ == "__main__":
    main()
