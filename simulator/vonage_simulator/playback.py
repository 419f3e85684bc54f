"""Sounds on a leg: talk, streams, tones, speech and DTMF, each with its duration."""

import asyncio
import re
from dataclasses import replace
from typing import Any

from . import audio, secret_input
from .legs import (
    AudioHold,
    Digit,
    Leg,
    Samples,
    Sound,
    SpeechBegan,
    SpeechEnded,
    audio_holds_of,
    listeners_of,
)
from .state import SimulatorState

TALK_TONE = 740
STREAM_TONE = 880
BEEP_TONE = 1000
DTMF_TONE = 1200
RINGBACK_TONE = 425
SILENT_TONE = 0

UNDOCUMENTED_AUDIO = "WAV file is not 16-bit PCM; Vonage documents MP3 and 16-bit WAV"

BEEP_SECONDS = 0.4
DIGIT_SECONDS = 0.2
PAUSE_SECONDS = 0.5  # a p among digits (NCCO reference: dtmfAnswer)


class Playback:
    """A sound that the simulator plays to a leg until it ends or is stopped."""

    def __init__(
        self,
        state: SimulatorState,
        leg: Leg,
        kind: str,
        details: dict[str, Any],
        tone: int,
        seconds: float | None,
        pcm: bytes = b"",
    ) -> None:
        self._clock = state.clock
        self._journal = state.journal
        self._leg = leg
        self._end_reported = False
        begin = self._clock.now()
        self.ends_at = None if seconds is None else begin + seconds
        sound_id = next(state.sound_ids)
        self.sound = Sound(kind, begin, None, details, tone, Samples(pcm), sound_id)
        self._audio_hold = AudioHold()
        self._audio_hold.add(self.sound.samples)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not leg.earmuffed:
            leg.heard.append(self.sound)
        leg.playbacks.append(self)
        self._journal.write(
            "sound",
            uuid=leg.uuid,
            sound=kind,
            details=details,
            sound_id=sound_id,
            seconds=None if seconds is None else round(seconds, 3),
            heard_by=[] if leg.earmuffed else [leg.uuid],
        )
        self._timer = None if self.ends_at is None else self._clock.call_at(self.ends_at, self.stop)

    def stop(self) -> None:
        """End the sound now, unless it has ended."""
        if self.done.done():
            return
        now = self._clock.now()
        self.sound.end = now if self.ends_at is None else min(now, self.ends_at)
        if self._timer is not None:
            self._timer.cancel()
        self._leg.playbacks.remove(self)
        for audio_hold in audio_holds_of(self._leg):
            audio_hold.add(self.sound.samples)
        self._audio_hold.release()
        self.report_end(interrupted=self.ends_at is None or now < self.ends_at)
        self.done.set_result(None)

    def report_end(self, *, interrupted: bool) -> None:
        """Write a `sound_ended` entry to the journal, once."""
        if self._end_reported:
            return
        self._end_reported = True
        self._journal.write(
            "sound_ended",
            uuid=self._leg.uuid,
            sound_id=self.sound.sound_id,
            interrupted=interrupted,
        )

    async def finish(self) -> None:
        """Wait for the sound's end; if the wait is canceled, stop the sound."""
        try:
            await asyncio.shield(self.done)
        finally:
            self.stop()


def speaking_seconds(text: str, words_per_minute: float) -> float:
    """Return how long a text takes to say; SSML breaks are pauses, other tags are silent."""
    pauses = 0.0
    for amount, unit in re.findall(r"<break[^>]*time=['\"]([0-9.]+)(ms|s)", text):
        try:
            pauses += float(amount) / (1000 if unit == "ms" else 1)
        except ValueError:
            continue
    words = len(re.sub(r"<[^>]*>", " ", text).split())
    return max(0.3, words * 60 / words_per_minute) + min(pauses, 60.0)


def play_talk(state: SimulatorState, leg: Leg, text: str, language: str, loop: int) -> Playback:
    """Speak a text to a leg; `loop` 0 repeats it until it is stopped."""
    once = speaking_seconds(text, state.settings.words_per_minute)
    details = {"text": text, "language": language}
    return Playback(state, leg, "talk", details, TALK_TONE, once * loop if loop else None)


async def play_stream(state: SimulatorState, leg: Leg, url: str, loop: int) -> Playback | None:
    """Play an audio file to a leg; return None if it cannot be fetched or is not audio."""
    work = state.audio_cache.fetch(state.sender.session, url)
    content = await state.clock.run_external(work)
    once = None if content is None else audio.duration(content)
    if content is None or once is None:
        state.journal.write("error", uuid=leg.uuid, reason="no audio", detail=url)
        return None
    if not audio.is_documented(content):
        state.journal.write("warning", uuid=leg.uuid, reason=UNDOCUMENTED_AUDIO, detail=url)
    state.audio_cache.add_played(url, content)
    pcm = audio.pcm_of(content) if loop == 1 else b""
    seconds = once * loop if loop else None
    return Playback(state, leg, "stream", {"url": url}, STREAM_TONE, seconds, pcm)


def play_beep(state: SimulatorState, leg: Leg) -> Playback:
    """Play the short tone before a recording."""
    return Playback(state, leg, "beep", {}, BEEP_TONE, BEEP_SECONDS)


def play_machine_beep(state: SimulatorState, leg: Leg) -> None:
    """Play an answering machine's beep to the legs that hear this one."""
    now = state.clock.now()
    if leg.is_over:
        return
    sound = Sound("beep", now, now + BEEP_SECONDS, {"from": leg.uuid}, BEEP_TONE)
    leg.said.append(sound)
    for listener in listeners_of(leg):
        listener.heard.append(sound)


def play_ringback(state: SimulatorState, leg: Leg, url: str | None) -> Playback:
    """Play the ringback tone to a caller until it is stopped."""
    return Playback(state, leg, "ringing", {} if url is None else {"url": url}, RINGBACK_TONE, None)


def send_digits(state: SimulatorState, leg: Leg, digits: str) -> Playback:
    """Play DTMF tones to a leg."""
    seconds = sum(PAUSE_SECONDS if digit in "pP" else DIGIT_SECONDS for digit in digits)
    return Playback(state, leg, "dtmf", {"digits": digits}, DTMF_TONE, seconds)


def say(state: SimulatorState, leg: Leg, text: str, confidence: float | None = None) -> float:
    """Queue speech of the person on the leg; return when it ends."""
    clock = state.clock
    begin = max(clock.now(), leg.speaking_until)
    end = begin + speaking_seconds(text, state.settings.words_per_minute)
    leg.speaking_until = end

    def start() -> None:
        if leg.is_over:
            return
        shown = _shown(leg, text)
        sound = Sound("speech", begin, end, {"text": shown, "from": leg.uuid}, leg.tone)
        leg.said.append(sound)
        listeners = listeners_of(leg)
        for listener in listeners:
            listener.heard.append(sound)
        state.journal.write(
            "speech",
            uuid=leg.uuid,
            text=shown,
            seconds=round(end - begin, 3),
            heard_by=[listener.uuid for listener in listeners],
        )
        interrupt_prompt(leg)
        leg.publish(SpeechBegan(begin))
        clock.call_at(end, stop)

    def stop() -> None:
        if not leg.is_over:
            leg.publish(SpeechEnded(text, begin, end, confidence))

    if begin <= clock.now():
        start()
    else:
        clock.call_at(begin, start)
    return end


def recognize(state: SimulatorState, leg: Leg, text: str, began: float, ended: float) -> None:
    """Use a text as the transcript of what a microphone received between two times.

    It makes no sound, so no leg hears it: the voice was the sound.
    """
    shown = _shown(leg, text)
    details = {"text": shown, "from": leg.uuid}
    leg.said.append(Sound("speech", began, ended, details, SILENT_TONE))
    state.journal.write(
        "speech",
        uuid=leg.uuid,
        text=shown,
        seconds=round(ended - began, 3),
        heard_by=[],
        recognised=True,
    )
    if began == ended:  # otherwise, the voice has already interrupted the prompt of that time
        interrupt_prompt(leg)
    leg.publish(SpeechBegan(began))
    leg.publish(SpeechEnded(text, began, ended))


def _shown(leg: Leg, entered: str) -> str:
    """Return what a person says or presses, as the journal shows it."""
    live = leg.live_digits
    is_secret = leg.has_secret_input or (live is not None and secret_input.is_secret(live.url))
    return secret_input.HIDDEN if is_secret else entered


def press_digits(state: SimulatorState, leg: Leg, digits: str) -> None:
    """Press digits one after the other; p is a pause."""
    at = max(state.clock.now(), leg.pressing_until)
    for digit in digits:
        if digit in "pP":
            at += PAUSE_SECONDS
            continue
        _press_at(state, leg, digit, at)
        at += DIGIT_SECONDS
    leg.pressing_until = at


def _press_at(state: SimulatorState, leg: Leg, digit: str, at: float) -> None:
    def act() -> None:
        if leg.is_over:
            return
        shown = _shown(leg, digit)
        details = {"digits": shown, "from": leg.uuid}
        sound = Sound("dtmf", at, at + DIGIT_SECONDS, details, DTMF_TONE)
        leg.said.append(sound)
        listeners = listeners_of(leg)
        for listener in listeners:
            listener.heard.append(sound)
            if listener.websocket is not None:
                listener.websocket.send_digit(digit)
        heard_by = [listener.uuid for listener in listeners]
        state.journal.write("digit", uuid=leg.uuid, digit=shown, heard_by=heard_by)
        interrupt_prompt(leg)
        leg.publish(Digit(digit, at))

    if at <= state.clock.now():
        act()
    else:
        state.clock.call_at(at, act)


def interrupt_prompt(leg: Leg) -> None:
    """Stop a prompt that digits and voices can interrupt (NCCO reference: bargeIn)."""
    if leg.prompt is not None:
        leg.prompt.stop()


def stop_hearing(leg: Leg, at: float) -> None:
    """End, for an earmuffed leg only, the sounds that continue; other legs still hear them."""
    for position, sound in enumerate(leg.heard):
        if sound.end is None or sound.end > at:
            leg.heard[position] = replace(sound, end=at)
    for playback in leg.playbacks:
        playback.report_end(interrupted=True)


def stop_playbacks(leg: Leg) -> None:
    """Stop everything that the simulator plays to a leg."""
    for playback in list(leg.playbacks):
        playback.stop()
