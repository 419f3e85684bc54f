"""Moving legs between conversations: named rooms with moderators, transfers, leaving."""

from . import record_action, webhook_payloads
from .legs import Conversation, HangUp, Leg
from .ncco import Conversation as Enter
from .ncco import Transfer as MoveAll
from .playback import play_stream
from .state import SimulatorState


def move(platform: SimulatorState, leg: Leg, conversation: Conversation) -> None:
    """Put a leg into another conversation, and tell the application."""
    left = leg.conversation
    if left is conversation:
        return
    leave(platform, leg)
    leg.join(conversation)
    now = platform.clock.now()
    platform.journal.write(
        "transfer", uuid=leg.uuid, conversation_uuid=conversation.uuid, left=left.uuid
    )
    platform.report(
        leg, leg.application.event, webhook_payloads.transfer_event(leg, left, now), "transfer"
    )


async def enter(platform: SimulatorState, leg: Leg, action: Enter) -> bool:
    """Join a named room; False when it is full."""
    room = platform.room(leg.application, action.name)
    if len(room.members) >= platform.settings.conversation_members:
        return False
    if not room.members:
        room.started = False
    move(platform, leg, room)
    leg.joined = True
    leg.muted = action.mute
    leg.can_speak = action.can_speak
    leg.can_hear = action.can_hear
    leg.ends_room = action.end_on_exit
    if action.start_on_enter:
        _begin(room)
    if room.tape is None and action.record:
        record_action.start(platform, leg, room, action.callback, action.transcription)
    if not room.started and action.music_url is not None:
        leg.music = await play_stream(platform, leg, action.music_url, 0)
        _music_over(room)
    return True


def _begin(room: Conversation) -> None:
    room.started = True
    _music_over(room)


def _music_over(room: Conversation) -> None:
    if room.started:
        for member in room.members:
            if member.music is not None:
                member.music.stop()


def leave(platform: SimulatorState, leg: Leg) -> None:
    """Take a leg out of its conversation; the last one out ends the room's recording."""
    conversation = leg.conversation
    if leg not in conversation.members:
        return
    conversation.members.remove(leg)
    conversation.used_at = platform.clock.now()
    if leg.music is not None:
        leg.music.stop()
    if leg.ends_room:
        leg.ends_room = False
        for member in list(conversation.members):
            member.commands.put(HangUp("platform"))
    if conversation.tape is not None and not conversation.members:
        record_action.stop(platform, conversation.tape)


def move_all(platform: SimulatorState, leg: Leg, action: MoveAll) -> bool:
    """Move every leg of this conversation to another; False when there is no such one."""
    conversation = platform.conversation(leg.application, action.conversation)
    if conversation is None:
        return False
    for member in list(leg.conversation.members):
        move(platform, member, conversation)
        member.joined = True
    leg.muted = action.mute or leg.muted
    leg.can_speak = action.can_speak
    leg.can_hear = action.can_hear
    return True
