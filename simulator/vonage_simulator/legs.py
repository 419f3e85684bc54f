"""The state of calls: legs, their conversations, and what is heard on them."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .account import Application
from .clock import Clock, Inbox, Timer
from .endpoints import Endpoint
from .settings import WebhookTarget

# Limits per leg; the oldest are deleted first.
MAX_SOUNDS = 2000
MAX_DELIVERIES = 200
# The last status of a leg that was not answered, which `completed` does not replace.
UNANSWERED = frozenset({"busy", "cancelled", "failed", "rejected", "timeout", "unanswered"})


@dataclass(eq=False)
class Samples:
    """Real audio of a sound, 16-bit mono at 16 kHz: stored only while an AudioHold needs it."""

    pcm: bytes = b""
    audio_holds: set["AudioHold"] = field(default_factory=set)


@dataclass(eq=False)
class AudioHold:
    """A temporary need for real audio, such as a recording."""

    samples: set[Samples] = field(default_factory=set)

    def add(self, samples: Samples) -> None:
        """Keep these samples, and what is added to them."""
        self.samples.add(samples)
        samples.audio_holds.add(self)

    def release(self) -> None:
        """Release the samples; those that no other hold needs are deleted."""
        for samples in self.samples:
            samples.audio_holds.discard(self)
            if not samples.audio_holds:
                samples.pcm = b""
        self.samples.clear()


@dataclass(eq=False)
class Sound:
    """Something that can be heard; `end` is None while it lasts.

    `tone` is the frequency in Hz that represents it in recordings, 0 for silence; `samples` is the
    real audio, if any was received.
    """

    kind: str
    begin: float
    end: float | None
    details: dict[str, Any]
    tone: int
    samples: Samples = field(default_factory=Samples)
    sound_id: int | None = None  # only if the simulator plays it


@dataclass(frozen=True)
class Digit:
    """A pressed DTMF digit."""

    digit: str
    at: float


@dataclass(frozen=True)
class SpeechBegan:
    """The beginning of speech by the person on the leg."""

    at: float


@dataclass(frozen=True)
class SpeechEnded:
    """The end of speech, with its text; `confidence` is the recognizer's."""

    text: str
    began: float
    at: float
    confidence: float | None = None


@dataclass(frozen=True)
class VoiceBegan:
    """The moment when the leg's microphone became loud; what is said is not known."""

    at: float


@dataclass(frozen=True)
class VoiceEnded:
    """The moment when the leg's microphone became quiet, shortly before now."""

    at: float


LegInput = Digit | SpeechBegan | SpeechEnded | VoiceBegan | VoiceEnded


@dataclass(frozen=True)
class HangUp:
    """A command to end the leg; `by` is platform or user."""

    by: str


@dataclass(frozen=True)
class AnswerCall:
    """A command: the callee answers."""


@dataclass(frozen=True)
class DeclineCall:
    """A command: the callee does not answer, with the leg's status and further event fields."""

    status: str
    extra: dict[str, Any]


@dataclass(frozen=True)
class Redirect:
    """A command to run another script on the leg, in its conversation or a new one."""

    script: "Script"
    new_conversation: bool


@dataclass(frozen=True)
class ScriptEnded:
    """A notice that the leg's script ended, in this task."""

    task: "asyncio.Task[None]"


Command = HangUp | AnswerCall | DeclineCall | Redirect | ScriptEnded


@dataclass(eq=False)
class Conversation:
    """Legs that are joined. A named conversation may wait for its moderator."""

    uuid: str
    name: str | None = None
    members: list["Leg"] = field(default_factory=list)
    everyone: list["Leg"] = field(default_factory=list)  # members since it was last empty
    started: bool = True
    record_action: Any = None  # ncco.Conversation of the first member with record
    recording: Any = None  # recordings.ActiveRecording, while it is recorded
    audio_holds: list[AudioHold] = field(default_factory=list)
    used_at: float = 0.0


@dataclass(eq=False)
class Leg:
    """One party's part of a call."""

    uuid: str
    application: Application
    direction: str
    caller: Endpoint
    callee: Endpoint
    conversation: Conversation
    clock: Clock
    created_at: float
    tone: int
    event: WebhookTarget | None  # where its events go; see event_urls
    faults: list[str] = field(default_factory=list)  # those that changed the leg itself
    ring_time: float = 60.0
    limit: float = 86_400.0  # no page limits inbound calls; this is the longest of length_timer
    synchronous: bool = False
    shown_caller: str | None = None
    answer: WebhookTarget | None = None  # replaces the application's answer URL for this call
    answer_extra: dict[str, Any] = field(default_factory=dict)

    status: str = "started"
    answered_at: float | None = None
    ended_at: float | None = None
    disconnected_by: str = "platform"
    joined: bool = False
    muted: bool = False
    earmuffed: bool = False
    can_speak: tuple[str, ...] | None = None
    can_hear: tuple[str, ...] | None = None
    ends_conversation: bool = False
    redirected: bool = False
    barging: bool = False
    nccos: int = 0  # number of NCCOs run on the leg
    speaking_until: float = 0.0
    pressing_until: float = 0.0
    prompt: Any = None  # playback.Playback that an NCCO left running
    talk: Any = None  # playback.Playback of PUT /talk
    stream: Any = None  # playback.Playback of PUT /stream
    stream_task: "asyncio.Task[None] | None" = None  # fetches and starts it
    music: Any = None  # playback.Playback in a conversation that waits for its moderator
    playbacks: list[Any] = field(default_factory=list)  # each playback.Playback in progress
    live_digits: WebhookTarget | None = None
    takes_live_digits: bool = False
    has_secret_input: bool = False  # whether the journal hides what the person enters now
    websocket: Any = None  # websocket_leg.WebSocketAudio of a WebSocket leg
    microphone: Any = None  # microphone.Microphone, while one is connected
    has_voice: bool = False  # whether that microphone is loud
    replacement: Any = None  # list of ncco.Step in the response to a synchronous event
    length_timer: Timer | None = None
    final: dict[str, Any] = field(default_factory=dict)

    heard: deque[Sound] = field(default_factory=lambda: deque(maxlen=MAX_SOUNDS))
    said: deque[Sound] = field(default_factory=lambda: deque(maxlen=MAX_SOUNDS))
    deliveries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_DELIVERIES))
    recordings: list[Any] = field(default_factory=list)  # recordings.ActiveRecording of this leg
    audio_holds: list[AudioHold] = field(default_factory=list)
    watchers: set[Inbox[LegInput]] = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.commands: Inbox[Command] = Inbox(self.clock)
        loop = asyncio.get_running_loop()
        self.met: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()

    def join(self, conversation: Conversation) -> None:
        """Become a member of a conversation."""
        self.conversation = conversation
        if not conversation.members:
            conversation.everyone.clear()
        conversation.members.append(self)
        conversation.everyone.append(self)

    @property
    def is_over(self) -> bool:
        """Whether the leg has ended."""
        return self.ended_at is not None

    @property
    def is_active(self) -> bool:
        """Whether the leg was answered and has not ended."""
        return self.answered_at is not None and not self.is_over

    def publish(self, leg_input: LegInput) -> None:
        """Send the person's input to every watcher of this leg."""
        for watcher in list(self.watchers):
            watcher.put(leg_input)


Script = Callable[[Leg], Awaitable[None]]


def can_be_heard(speaker: Leg, listener: Leg) -> bool:
    """Return whether one leg hears what another says (NCCO reference: conversation)."""
    return (
        speaker is not listener
        and speaker.conversation is listener.conversation
        and speaker.conversation.started
        and speaker.joined
        and listener.joined
        and not speaker.muted
        and not listener.earmuffed
        and (speaker.can_speak is None or listener.uuid in speaker.can_speak)
        and (listener.can_hear is None or speaker.uuid in listener.can_hear)
    )


def listeners_of(speaker: Leg) -> list[Leg]:
    """Return the legs that hear what this one says."""
    return [leg for leg in speaker.conversation.members if can_be_heard(speaker, leg)]


def audio_holds_of(leg: Leg) -> list[AudioHold]:
    """Return the holds that need the real audio of the leg's conversation."""
    conversation = leg.conversation
    return [
        *conversation.audio_holds,
        *(audio_hold for member in conversation.members for audio_hold in member.audio_holds),
    ]


@contextmanager
def holding_audio(leg: Leg) -> Iterator[None]:
    """Store the real audio of the leg's conversation within the context."""
    audio_hold = AudioHold()
    leg.audio_holds.append(audio_hold)
    try:
        yield
    finally:
        leg.audio_holds.remove(audio_hold)
        audio_hold.release()
