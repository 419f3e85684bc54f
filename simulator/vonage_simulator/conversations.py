"""Move legs between conversations: named conversations with moderators, transfers, leaving."""

from . import record_action, webhook_payloads
from .event_urls import event_target
from .legs import Conversation, HangUp, Leg
from .ncco import Conversation as ConversationAction
from .ncco import Transfer as TransferAction
from .playback import play_stream
from .state import SimulatorState


def move(state: SimulatorState, leg: Leg, conversation: Conversation) -> None:
    """Move a leg to another conversation and send the transfer event."""
    previous = leg.conversation
    if previous is conversation:
        return
    leave(state, leg)
    leg.join(conversation)
    now = state.clock.now()
    state.journal.write(
        "transfer", uuid=leg.uuid, conversation_uuid=conversation.uuid, left=previous.uuid
    )
    fields = webhook_payloads.transfer_event(leg, previous, now)
    state.report(leg, event_target(leg), fields, "transfer")


async def enter(state: SimulatorState, leg: Leg, action: ConversationAction) -> bool:
    """Join a named conversation; return False if it is full."""
    conversation = state.named_conversation(leg.application, action.name)
    if len(conversation.members) >= state.settings.conversation_members:
        return False
    if not conversation.members:
        conversation.started = False
    move(state, leg, conversation)
    leg.joined = True
    leg.muted = action.mute
    leg.can_speak = action.can_speak
    leg.can_hear = action.can_hear
    leg.ends_conversation = action.end_on_exit
    if action.record and conversation.record_action is None:
        conversation.record_action = action
    if action.start_on_enter:
        conversation.started = True
        _stop_music(conversation)
    recorded = conversation.record_action
    if conversation.started and conversation.recording is None and recorded is not None:
        record_action.start(state, leg, conversation, recorded.callback, recorded.transcription)
    if not conversation.started and action.music_url is not None:
        leg.music = await play_stream(state, leg, action.music_url, 0)
        _stop_music(conversation)
    return True


def _stop_music(conversation: Conversation) -> None:
    if conversation.started:
        for member in conversation.members:
            if member.music is not None:
                member.music.stop()


def leave(state: SimulatorState, leg: Leg) -> None:
    """Remove a leg from its conversation; the last one to leave ends the recording."""
    conversation = leg.conversation
    if leg not in conversation.members:
        return
    conversation.members.remove(leg)
    conversation.used_at = state.clock.now()
    if leg.music is not None:
        leg.music.stop()
    if leg.ends_conversation:
        leg.ends_conversation = False
        for member in list(conversation.members):
            member.commands.put(HangUp("platform"))
    if not conversation.members:
        conversation.record_action = None
        if conversation.recording is not None:
            record_action.stop(state, conversation.recording)


def move_all(state: SimulatorState, leg: Leg, action: TransferAction) -> bool:
    """Move every leg of this conversation to another; return False if that one doesn't exist."""
    conversation = state.conversation(leg.application, action.conversation)
    if conversation is None:
        return False
    for member in list(leg.conversation.members):
        move(state, member, conversation)
        member.joined = True
    leg.muted = action.mute or leg.muted
    leg.can_speak = action.can_speak
    leg.can_hear = action.can_hear
    return True
