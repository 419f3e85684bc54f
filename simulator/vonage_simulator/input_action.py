"""The input action: keys and speech, what ends it, and what it sends."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from . import webhook_payloads
from .legs import Digit, Leg, SpeechBegan, SpeechEnded, holding_audio
from .ncco import DtmfOptions, Input, SpeechOptions
from .record_action import file_url, leg_watcher
from .recordings import clips_of
from .settings import WebhookTarget
from .state import SimulatorState

SPEECH_OVERRIDDEN = "Speech overridden by DTMF"
SPEECH_FAILED = "ERR1: Failed to analyze audio"
SPEECH_NOT_ENABLED = "Speech was not enabled"


@dataclass
class Collected:
    """What an input action has taken in."""

    digits: str = ""
    timed_out: bool = False
    texts: tuple[str, ...] = ()
    confidence: float | None = None
    began: float | None = None
    ended: float | None = None
    timeout_reason: str | None = None


def keeping_speech(leg: Leg, action: Input) -> AbstractContextManager[None]:
    """Keep the real audio of what is said where the action saves it (NCCO reference: saveAudio)."""
    saves = action.speech is not None and action.speech.save_audio
    return holding_audio(leg) if saves else nullcontext()


async def collect(platform: SimulatorState, leg: Leg, action: Input) -> Collected:
    """Listen until keys or speech are complete, or a timer ends it."""
    speaker = leg
    if action.speech is not None and action.speech.uuid is not None:
        speaker = next(
            (member for member in leg.conversation.members if member.uuid == action.speech.uuid),
            leg,
        )
    watcher = leg_watcher(speaker)
    try:
        quiet_from = await _timers_start(platform, leg, watcher, action)
        if action.speech is None:
            return await _keys(leg, watcher, action.dtmf, quiet_from, Collected())
        return await _speech_or_keys(leg, watcher, action.dtmf, action.speech, quiet_from)
    finally:
        speaker.watchers.discard(watcher)


async def _timers_start(platform: SimulatorState, leg: Leg, watcher: Any, action: Input) -> float:
    """When the timers begin: at once, or at the end of the prompt that the input may interrupt."""
    prompt = leg.prompt
    leg.barging = False
    if prompt is None or not platform.settings.barge_in_timers_wait_for_prompt:
        return leg.clock.now()
    # Whatever is pressed or said during the prompt stops it, and stays in the inbox.
    await asyncio.shield(prompt.done)
    return leg.clock.now()


async def _keys(
    leg: Leg, watcher: Any, options: DtmfOptions | None, since: float, got: Collected
) -> Collected:
    options = options or DtmfOptions(3.0, 4, submit_on_hash=False)
    until = since + options.time_out
    while len(got.digits) < options.max_digits:
        doing = await watcher.get(until)
        if doing is None:
            got.timed_out = True
            return got
        if not isinstance(doing, Digit):
            continue
        if _take(doing.digit, options, got):
            return got
        until = max(until, doing.at + options.time_out)
    return got


def _take(digit: str, options: DtmfOptions, got: Collected) -> bool:
    """Add a key; whether it ends the input."""
    if digit == "#" and options.submit_on_hash:
        return True
    got.digits += digit
    return len(got.digits) >= options.max_digits


async def _speech_or_keys(
    leg: Leg, watcher: Any, keys: DtmfOptions | None, speech: SpeechOptions, since: float
) -> Collected:
    """Speech, until a key overrides it; timers of keys only count from the first key on."""
    got = Collected()
    until = since + speech.start_timeout
    latest: float | None = None
    while True:
        doing = await watcher.get(until)
        if doing is None:
            got.timeout_reason = _why(got, latest, until)
            got.ended = until
            got.timed_out = keys is not None
            return got
        if isinstance(doing, Digit) and keys is not None:
            got.texts = ()
            if _take(doing.digit, keys, got):
                return got
            return await _keys(leg, watcher, keys, doing.at, got)
        if isinstance(doing, SpeechBegan):
            if got.began is None:
                got.began = doing.at
                latest = doing.at + speech.max_duration
            until = latest if latest is not None else until
        elif isinstance(doing, SpeechEnded):
            # What was said before the input began to listen does not count.
            if got.began is None:
                continue
            if doing.confidence != 0:  # else it was not understood
                got.texts += (doing.text,)
                got.confidence = doing.confidence
            until = min(latest or until, doing.at + speech.end_on_silence)


def _why(got: Collected, latest: float | None, until: float) -> str:
    if got.began is None:
        return "start_timeout"
    if latest is not None and until >= latest:
        return "max_duration"
    return "end_on_silence_timeout"


async def result_of(
    platform: SimulatorState, leg: Leg, action: Input, got: Collected
) -> dict[str, Any]:
    """The event that an input action sends."""
    now = leg.clock.now()
    if action.flat:
        return webhook_payloads.flat_input_event(leg, now, got.digits, got.timed_out)
    if action.speech is None:
        speech = _speech_of_keys_only(platform)
        return webhook_payloads.input_event(leg, now, speech, _dtmf(got))
    speech = _speech(platform, got)
    if action.speech.save_audio and got.began is not None:
        speech["recording_url"] = await _save_speech(platform, leg, got)
    return webhook_payloads.input_event(leg, now, speech, _dtmf(got))


def _dtmf(got: Collected) -> dict[str, Any]:
    return {"digits": got.digits or None, "timed_out": got.timed_out}


def _speech_of_keys_only(platform: SimulatorState) -> dict[str, Any] | None:
    """The official examples show three forms of it."""
    form = platform.settings.dtmf_only_speech
    if form == "error" or platform.faults.strikes("dtmf_speech_error"):
        return {"error": SPEECH_NOT_ENABLED}
    if form == "absent" or platform.faults.strikes("dtmf_speech_absent"):
        return None
    return {"results": []}


def _speech(platform: SimulatorState, got: Collected) -> dict[str, Any]:
    if got.digits:
        return {"error": SPEECH_OVERRIDDEN}
    if platform.faults.strikes("speech_error"):
        return {"error": SPEECH_FAILED}
    speech: dict[str, Any] = {}
    if got.timeout_reason is not None:
        speech["timeout_reason"] = got.timeout_reason
    text = " ".join(got.texts)
    by_chance = platform.chance.uniform(0.8, 0.99)
    confidence = f"{by_chance if got.confidence is None else got.confidence:.7f}"
    speech["results"] = [{"confidence": confidence, "text": text}] if text else []
    return speech


async def _save_speech(platform: SimulatorState, leg: Leg, got: Collected) -> str:
    began = got.began or leg.clock.now()
    ended = max(began, got.ended or leg.clock.now())
    spoken = [sound for sound in leg.said if sound.kind == "speech" or sound.samples.pcm]
    clips = clips_of(spoken, began, ended)
    file_id = platform.make_uuid()
    application = leg.application.id
    await platform.recordings.add_audio(file_id, application, "mp3", ended - began, [clips])
    return file_url(platform, file_id)


async def send_keys_as_they_come(platform: SimulatorState, leg: Leg) -> None:
    """Report each key by itself while the leg lasts (NCCO reference: input.mode asynchronous)."""
    watcher = leg_watcher(leg)
    try:
        while not leg.is_over:
            doing = await watcher.get()
            if isinstance(doing, Digit) and leg.live_digits is not None:
                _send_key(platform, leg, leg.live_digits, doing)
    finally:
        leg.watchers.discard(watcher)


def _send_key(platform: SimulatorState, leg: Leg, target: WebhookTarget, doing: Digit) -> None:
    dtmf = {"digits": doing.digit, "timed_out": False}
    fields = webhook_payloads.input_event(leg, doing.at, None, dtmf)
    platform.report(leg, target, fields, "input")
