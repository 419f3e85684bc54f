"""The state of calls: legs, the conversations they are in, and what is heard on them. No behaviour
beyond who hears whom.
"""

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

# What one leg remembers; the oldest goes first.
MAX_SOUNDS = 2000
MAX_DELIVERIES = 200


@dataclass(eq=False)
class Samples:
    """Real audio of a sound, 16-bit mono at 16 kHz: held only while somebody keeps it."""

    pcm: bytes = b""
    audio_holds: set["AudioHold"] = field(default_factory=set)


@dataclass(eq=False)
class AudioHold:
    """Whoever needs real audio for a while, such as a recording."""

    samples: set[Samples] = field(default_factory=set)

    def add(self, samples: Samples) -> None:
        """Hold on to these samples, and to what is added to them."""
        self.samples.add(samples)
        samples.audio_holds.add(self)

    def release(self) -> None:
        """Need them no more: what nobody else keeps is gone."""
        for samples in self.samples:
            samples.audio_holds.discard(self)
            if not samples.audio_holds:
                samples.pcm = b""
        self.samples.clear()


@dataclass(eq=False)
class Sound:
    """Something that can be heard: `end` is None while it lasts.

    `voice` is the frequency in Hz of the tone that stands for it in recordings, 0 for none;
    `samples` is the real audio, where some came in.
    """

    kind: str
    begin: float
    end: float | None
    details: dict[str, Any]
    tone: int
    samples: Samples = field(default_factory=Samples)
    sound_id: int | None = None  # of those that the platform plays


@dataclass(frozen=True)
class Digit:
    """A key was pressed."""

    digit: str
    at: float


@dataclass(frozen=True)
class SpeechBegan:
    """The person on the leg began to speak."""

    at: float


@dataclass(frozen=True)
class SpeechEnded:
    """The person on the leg fell silent after saying this; how sure of it a recogniser is."""

    text: str
    began: float
    at: float
    confidence: float | None = None


@dataclass(frozen=True)
class VoiceBegan:
    """The microphone of the person on the leg became loud; nobody knows what is said."""

    at: float


@dataclass(frozen=True)
class VoiceEnded:
    """The microphone of the person on the leg became quiet at that time, a moment ago."""

    at: float


LegInput = Digit | SpeechBegan | SpeechEnded | VoiceBegan | VoiceEnded


@dataclass(frozen=True)
class HangUp:
    """End the leg; `by` is platform or user."""

    by: str


@dataclass(frozen=True)
class AnswerCall:
    """The called side answers."""


@dataclass(frozen=True)
class DeclineCall:
    """The called side does not take the call: the status, and what comes with it."""

    status: str
    extra: dict[str, Any]


@dataclass(frozen=True)
class Redirect:
    """Run another script on the leg, in a new conversation or where it is."""

    script: "Script"
    new_conversation: bool


@dataclass(frozen=True)
class ScriptEnded:
    """The leg's script came to its end, in this task."""

    task: "asyncio.Task[None]"


Command = HangUp | AnswerCall | DeclineCall | Redirect | ScriptEnded


@dataclass(eq=False)
class Conversation:
    """Legs that are together. A room has a name, and may wait for its moderator."""

    uuid: str
    name: str | None = None
    members: list["Leg"] = field(default_factory=list)
    everyone: list["Leg"] = field(default_factory=list)  # since it was last empty
    started: bool = True
    recording: Any = None  # recordings.Tape, while the room is recorded
    audio_holds: list[AudioHold] = field(default_factory=list)
    used_at: float = 0.0


@dataclass(eq=False)
class Leg:
    """One side of a call."""

    uuid: str
    application: Application
    direction: str
    caller: Endpoint
    callee: Endpoint
    conversation: Conversation
    clock: Clock
    created_at: float
    tone: int
    event: WebhookTarget | None
    ring_time: float = 60.0
    limit: float = 86_400.0  # no page limits inbound calls; this is the longest of length_timer
    synchronous: bool = False
    shown_caller: str | None = None
    answer: WebhookTarget | None = None  # asked for this call's NCCO in place of the application's
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
    nccos: int = 0  # that were run on the leg
    speaking_until: float = 0.0
    pressing_until: float = 0.0
    prompt: Any = None  # sounds.Playback that an NCCO left running
    talk: Any = None  # sounds.Playback of PUT /talk
    stream: Any = None  # sounds.Playback of PUT /stream
    music: Any = None  # sounds.Playback of a room that waits
    playbacks: list[Any] = field(default_factory=list)  # each sounds.Playback that goes on
    live_digits: WebhookTarget | None = None
    takes_live_digits: bool = False
    line: Any = None  # websockets.Line of a WebSocket leg
    microphone: Any = None  # microphones.Microphone, while one is connected
    has_voice: bool = False  # whether that microphone is loud
    event_result: Any = None  # what a synchronous event was answered with
    length_timer: Timer | None = None
    final: dict[str, Any] = field(default_factory=dict)

    heard: deque[Sound] = field(default_factory=lambda: deque(maxlen=MAX_SOUNDS))
    said: deque[Sound] = field(default_factory=lambda: deque(maxlen=MAX_SOUNDS))
    deliveries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_DELIVERIES))
    recordings: list[Any] = field(default_factory=list)  # recordings.Tape of this leg
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
        """Let everything that listens to this leg know what its person did."""
        for watcher in list(self.watchers):
            watcher.put(leg_input)


Script = Callable[[Leg], Awaitable[None]]


def can_be_heard(speaker: Leg, listener: Leg) -> bool:
    """Whether one leg hears what another says (NCCO reference: conversation)."""
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
    """The legs that hear what this one says."""
    return [leg for leg in speaker.conversation.members if can_be_heard(speaker, leg)]


def audio_holds_of(leg: Leg) -> list[AudioHold]:
    """Who keeps the real audio of what is heard in the leg's conversation now."""
    conversation = leg.conversation
    return [
        *conversation.audio_holds,
        *(audio_hold for member in conversation.members for audio_hold in member.audio_holds),
    ]


@contextmanager
def holding_audio(leg: Leg) -> Iterator[None]:
    """Keep the real audio of the leg's conversation for a while."""
    audio_hold = AudioHold()
    leg.audio_holds.append(audio_hold)
    try:
        yield
    finally:
        leg.audio_holds.remove(audio_hold)
        audio_hold.release()
