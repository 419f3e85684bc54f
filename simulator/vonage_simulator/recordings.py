"""Recordings: what they contain, the files they become, and how long files are stored."""

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

# Limit of files on disk, in addition to Vonage's 30 days.
MAX_FILES = 5000


@dataclass(frozen=True)
class StoredFile:
    """A file that GET /v1/files returns, to the application of its leg only."""

    file_id: str
    application_id: str
    leg_uuid: str
    path: Path
    content_type: str
    size: int
    made_at: float


class RecordingStore:
    """The stored files, in their own folder; each is deleted when it expires."""

    def __init__(self, folder: Path, clock: Clock, retention: float) -> None:
        self._folder = folder
        self._clock = clock
        self._retention = retention
        self._files: OrderedDict[str, StoredFile] = OrderedDict()

    async def add_audio(
        self,
        file_id: str,
        leg: Leg,
        audio_format: str,
        seconds: float,
        channels: list[list[Clip]],
    ) -> StoredFile:
        """Encode and store an audio file, outside the event loop."""
        path = self._folder / file_id
        size = await self._clock.run_external(
            asyncio.to_thread(audio.write, path, audio_format, seconds, channels)
        )
        content_type = audio.CONTENT_TYPES[audio_format]
        return self._store(file_id, leg, path, content_type, size)

    def add_text(self, file_id: str, leg: Leg, content: bytes) -> StoredFile:
        """Store a JSON file, such as a transcript."""
        path = self._folder / file_id
        path.write_bytes(content)
        return self._store(file_id, leg, path, "application/json", len(content))

    def get(self, file_id: str) -> StoredFile | None:
        """Return a stored file, unless it has expired."""
        self._drop_old()
        return self._files.get(file_id)

    def _store(
        self, file_id: str, leg: Leg, path: Path, content_type: str, size: int
    ) -> StoredFile:
        made_at = self._clock.now()
        stored = StoredFile(
            file_id, leg.application.id, leg.uuid, path, content_type, size, made_at
        )
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
    """A recording in progress: of a leg, or of a named conversation; `leg` then started it."""

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
        """End the recording, with every leg that was present on it."""
        self.end = at
        self.others = tuple(leg for leg in self.conversation.everyone if leg is not self.leg)

    def legs(self) -> list[Leg]:
        """Return the recorded legs, its own first."""
        return [self.leg, *self.others]

    def tracks(self) -> list[list[Clip]]:
        """Return the clips of each channel (NCCO reference: record.split, record.channels)."""
        end = self.begin if self.end is None else self.end
        if self.named_conversation is not None or not self.split or self.channels == 1:
            sounds = [sound for leg in self.legs() for sound in self._heard_and_said(leg)]
            return [clips_of(sounds, self.begin, end)]
        if self.channels == 2:
            return [
                clips_of(self.leg.said, self.begin, end),
                clips_of(self.leg.heard, self.begin, end),
            ]
        tracks: list[list[Clip]] = [[] for _ in range(self.channels)]
        for position, leg in enumerate(self.legs()):
            # Legs beyond the last channel share it.
            tracks[min(position, self.channels - 1)] += clips_of(leg.said, self.begin, end)
        return tracks

    def said(self) -> list[tuple[Leg, list[Sound]]]:
        """Return what each person said during the recording, for a transcript."""
        end = self.begin if self.end is None else self.end
        legs = (
            self.legs() if self.named_conversation is not None or self.channels > 2 else [self.leg]
        )
        return [
            (leg, [sound for sound in leg.said if sound.kind == "speech" and sound.begin < end])
            for leg in legs
        ]

    def _heard_and_said(self, leg: Leg) -> list[Sound]:
        """Return a leg's sounds for mono, each once even if several legs heard it."""
        if leg is self.leg or self.named_conversation is not None:
            return [*leg.said, *(sound for sound in leg.heard if "from" not in sound.details)]
        return list(leg.said)


def clips_of(sounds: Iterable[Sound], begin: float, end: float) -> list[Clip]:
    """Return the clips of sounds between two times, for a file that begins at the first."""
    clips = []
    for sound in sounds:
        first = max(sound.begin, begin)
        last = end if sound.end is None else min(sound.end, end)
        pcm = sound.samples.pcm
        if first < last and (pcm or sound.tone):
            skipped = first - sound.begin
            clips.append(Clip(first - begin, last - begin, sound.tone, pcm, skipped))
    return clips
