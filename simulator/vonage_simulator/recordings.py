"""Recordings: what is on tape, the files it becomes, and how long they are kept."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import audio
from .audio import Clip
from .clock import Clock
from .legs import AudioHold, Conversation, Leg, Sound

# Files on disk at most; Vonage's 30 days are kept besides.
MAX_FILES = 5000


@dataclass(frozen=True)
class StoredFile:
    """A file that GET /v1/files gives out, to its own application alone."""

    file_id: str
    application_id: str
    path: Path
    content_type: str
    size: int
    made_at: float


class RecordingStore:
    """The files, in a folder of their own; each is deleted when its time is over."""

    def __init__(self, folder: Path, clock: Clock, retention: float) -> None:
        self._folder = folder
        self._clock = clock
        self._retention = retention
        self._files: OrderedDict[str, StoredFile] = OrderedDict()

    async def add_audio(
        self,
        file_id: str,
        application_id: str,
        audio_format: str,
        seconds: float,
        channels: list[list[Clip]],
    ) -> StoredFile:
        """Make an audio file, beside the event loop."""
        path = self._folder / file_id
        size = await self._clock.run_external(
            asyncio.to_thread(audio.write, path, audio_format, seconds, channels)
        )
        content_type = audio.CONTENT_TYPES[audio_format]
        return self._store(file_id, application_id, path, content_type, size)

    def add_text(self, file_id: str, application_id: str, content: bytes) -> StoredFile:
        """Keep a JSON file, such as a transcript."""
        path = self._folder / file_id
        path.write_bytes(content)
        return self._store(file_id, application_id, path, "application/json", len(content))

    def get(self, file_id: str) -> StoredFile | None:
        """A file that is still kept."""
        self._drop_old()
        return self._files.get(file_id)

    def _store(
        self, file_id: str, application_id: str, path: Path, content_type: str, size: int
    ) -> StoredFile:
        made_at = self._clock.now()
        stored = StoredFile(file_id, application_id, path, content_type, size, made_at)
        self._files[file_id] = stored
        self._drop_old()
        return stored

    def _drop_old(self) -> None:
        oldest = self._clock.now() - self._retention
        while self._files:
            first = next(iter(self._files.values()))
            if first.made_at >= oldest and len(self._files) <= MAX_FILES:
                return
            del self._files[first.file_id]
            first.path.unlink(missing_ok=True)


@dataclass(eq=False)
class ActiveRecording:
    """A recording that runs: of a leg, or of a room (`leg` is then who started it)."""

    recording_uuid: str
    leg: Leg
    named_conversation: Conversation | None
    audio_format: str
    channels: int
    split: bool
    begin: float
    callback: Any
    transcription: Any
    end: float | None = None
    others: tuple[Leg, ...] = ()
    audio_hold: AudioHold = field(default_factory=AudioHold)

    @property
    def conversation(self) -> Conversation:
        """The conversation that is recorded."""
        return self.leg.conversation if self.named_conversation is None else self.named_conversation

    def stop(self, at: float) -> None:
        """End the tape, with everybody who was there on it."""
        self.end = at
        self.others = tuple(leg for leg in self.conversation.everyone if leg is not self.leg)

    def people(self) -> list[Leg]:
        """The legs on the tape, its own first."""
        return [self.leg, *self.others]

    def tracks(self) -> list[list[Clip]]:
        """The clips of each channel (NCCO reference: record.split, record.channels)."""
        end = self.begin if self.end is None else self.end
        if self.named_conversation is not None or not self.split or self.channels == 1:
            sounds = [sound for leg in self.people() for sound in self._heard_and_said(leg)]
            return [clips_of(sounds, self.begin, end)]
        if self.channels == 2:
            return [
                clips_of(self.leg.said, self.begin, end),
                clips_of(self.leg.heard, self.begin, end),
            ]
        tracks: list[list[Clip]] = [[] for _ in range(self.channels)]
        for position, leg in enumerate(self.people()):
            # People beyond the last channel share it.
            tracks[min(position, self.channels - 1)] += clips_of(leg.said, self.begin, end)
        return tracks

    def said(self) -> list[tuple[Leg, list[Sound]]]:
        """What each person said on the tape, for a transcript."""
        end = self.begin if self.end is None else self.end
        people = (
            self.people()
            if self.named_conversation is not None or self.channels > 2
            else [self.leg]
        )
        return [
            (leg, [sound for sound in leg.said if sound.kind == "speech" and sound.begin < end])
            for leg in people
        ]

    def _heard_and_said(self, leg: Leg) -> list[Sound]:
        """A mono tape holds each sound once, also where several legs heard it."""
        if leg is self.leg or self.named_conversation is not None:
            return [*leg.said, *(sound for sound in leg.heard if "from" not in sound.details)]
        return list(leg.said)


def clips_of(sounds: Iterable[Sound], begin: float, end: float) -> list[Clip]:
    """What is to be heard of some sounds between two times, in a file that begins at the first."""
    clips = []
    for sound in sounds:
        first = max(sound.begin, begin)
        last = end if sound.end is None else min(sound.end, end)
        pcm = sound.samples.pcm
        if first < last and (pcm or sound.tone):
            skipped = first - sound.begin
            clips.append(Clip(first - begin, last - begin, sound.tone, pcm, skipped))
    return clips
