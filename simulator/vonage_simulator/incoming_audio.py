"""Real audio received on a leg: add it to sounds, and send it to the legs that hear it."""

from .legs import Leg, Sound, audio_holds_of, listeners_of

# Longer audio continues in another sound.
MAX_SOUND_SECONDS = 10.0
# Audio that begins within this time of a sound's end continues that sound.
SEAM_SECONDS = 0.01


class IncomingAudio:
    """Audio received on one leg; `tone` replaces it in recordings without samples."""

    def __init__(self, leg: Leg, tone: int) -> None:
        self._leg = leg
        self._tone = tone
        self._sound: Sound | None = None
        self._listeners: list[Leg] = []

    @property
    def is_needed(self) -> bool:
        """Whether the samples are being stored or streamed to a listener."""
        listeners = listeners_of(self._leg)
        return bool(audio_holds_of(self._leg)) or any(
            listener.websocket is not None or listener.microphone is not None
            for listener in listeners
        )

    def add_audio(self, pcm: bytes, begin: float, end: float) -> None:
        """Add audio that was received between two times.

        Audio of a muted leg is neither stored nor recorded: no other leg hears it.
        """
        leg = self._leg
        listeners = listeners_of(leg)
        audio_holds = [] if leg.muted else audio_holds_of(leg)
        tone = 0 if leg.muted else self._tone
        sound = self._sound
        if (
            sound is None
            or sound.tone != tone
            or bool(sound.samples.pcm) != bool(audio_holds)
            or not self._continues(sound, begin, listeners)
        ):
            sound = Sound("audio", begin, end, {"from": leg.uuid}, tone)
            leg.said.append(sound)
            for listener in listeners:
                listener.heard.append(sound)
            self._sound, self._listeners = sound, listeners
        sound.end = end
        if audio_holds:
            sound.samples.pcm += pcm
            for audio_hold in audio_holds:
                audio_hold.add(sound.samples)
        for listener in listeners:
            if listener.websocket is not None:
                listener.websocket.send_audio(leg.uuid, pcm)
            if listener.microphone is not None:
                listener.microphone.send_audio(leg.uuid, pcm)

    def cut(self, at: float) -> None:
        """End the current sound at this time."""
        if self._sound is not None and self._sound.end is not None:
            self._sound.end = min(self._sound.end, at)

    def _continues(self, sound: Sound, begin: float, listeners: list[Leg]) -> bool:
        """Return whether audio that begins now extends a sound: the same legs must hear it."""
        return (
            sound.end is not None
            and abs(sound.end - begin) < SEAM_SECONDS
            and begin - sound.begin < MAX_SOUND_SECONDS
            and listeners == self._listeners
            and all(_still_hears(listener, sound) for listener in listeners)
        )


def _still_hears(listener: Leg, sound: Sound) -> bool:
    """Return whether the listener still has the sound: an earmuff replaces it."""
    return any(heard is sound for heard in reversed(listener.heard))
