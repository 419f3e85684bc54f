"""The `input` action: collect DTMF digits and speech, and build its event."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from . import webhook_payloads
from .legs import Digit, Leg, SpeechBegan, SpeechEnded, holding_audio
from .ncco import DtmfOptions, Input, SpeechOptions
from .record_action import file_url, watch_leg
from .recordings import clips_of
from .settings import WebhookTarget
from .state import SimulatorState

SPEECH_OVERRIDDEN = "Speech overridden by DTMF"
SPEECH_FAILED = "ERR1: Failed to analyze audio"
SPEECH_NOT_ENABLED = "Speech was not enabled"


@dataclass
class Collected:
    """What an input action has collected."""

    digits: str = ""
    timed_out: bool = False
    transcripts: tuple[str, ...] = ()
    confidence: float | None = None
    began: float | None = None
    ended: float | None = None
    timeout_reason: str | None = None


def hold_speech_audio(leg: Leg, action: Input) -> AbstractContextManager[None]:
    """Store the real audio of the speech if the action saves it (NCCO reference: saveAudio)."""
    saves = action.speech is not None and action.speech.save_audio
    return holding_audio(leg) if saves else nullcontext()


async def collect(state: SimulatorState, leg: Leg, action: Input) -> Collected:
    """Collect digits or speech until the input is complete or a timer ends it."""
    speaker = leg
    if action.speech is not None and action.speech.uuid is not None:
        speaker = next(
            (member for member in leg.conversation.members if member.uuid == action.speech.uuid),
            leg,
        )
    watcher = watch_leg(speaker)
    try:
        timers_begin = await _timers_begin_at(state, leg, watcher, action)
        if action.speech is None:
            return await _collect_digits(leg, watcher, action.dtmf, timers_begin, Collected())
        return await _collect_speech_or_digits(
            leg, watcher, action.dtmf, action.speech, timers_begin
        )
    finally:
        speaker.watchers.discard(watcher)


async def _timers_begin_at(state: SimulatorState, leg: Leg, watcher: Any, action: Input) -> float:
    """Return when the timers begin: now, or at the end of a prompt that the input can interrupt."""
    prompt = leg.prompt
    leg.barging = False
    if prompt is None or not state.settings.barge_in_timers_wait_for_prompt:
        return leg.clock.now()
    # Digits and speech during the prompt stop it, and remain in the inbox.
    await asyncio.shield(prompt.done)
    return leg.clock.now()


async def _collect_digits(
    leg: Leg, watcher: Any, options: DtmfOptions | None, since: float, collected: Collected
) -> Collected:
    options = options or DtmfOptions(3.0, 4, submit_on_hash=False)
    until = since + options.time_out
    while len(collected.digits) < options.max_digits:
        leg_input = await watcher.get(until)
        if leg_input is None:
            collected.timed_out = True
            return collected
        if not isinstance(leg_input, Digit):
            continue
        if _add_digit(leg_input.digit, options, collected):
            return collected
        until = max(until, leg_input.at + options.time_out)
    return collected


def _add_digit(digit: str, options: DtmfOptions, collected: Collected) -> bool:
    """Add a digit; return whether it completes the input."""
    if digit == "#" and options.submit_on_hash:
        return True
    collected.digits += digit
    return len(collected.digits) >= options.max_digits


async def _collect_speech_or_digits(
    leg: Leg, watcher: Any, dtmf: DtmfOptions | None, speech: SpeechOptions, since: float
) -> Collected:
    """Collect speech until a digit overrides it; DTMF timers start with the first digit."""
    collected = Collected()
    until = since + speech.start_timeout
    latest: float | None = None
    while True:
        leg_input = await watcher.get(until)
        if leg_input is None:
            collected.timeout_reason = _timeout_reason(collected, latest, until)
            collected.ended = until
            collected.timed_out = dtmf is not None
            return collected
        if isinstance(leg_input, Digit) and dtmf is not None:
            collected.transcripts = ()
            if _add_digit(leg_input.digit, dtmf, collected):
                return collected
            return await _collect_digits(leg, watcher, dtmf, leg_input.at, collected)
        if isinstance(leg_input, SpeechBegan):
            if collected.began is None:
                collected.began = leg_input.at
                latest = leg_input.at + speech.max_duration
            until = latest if latest is not None else until
        elif isinstance(leg_input, SpeechEnded):
            # Speech that began before the input is not collected.
            if collected.began is None:
                continue
            if leg_input.confidence != 0:  # 0 means not recognized
                collected.transcripts += (leg_input.text,)
                collected.confidence = leg_input.confidence
            until = min(latest or until, leg_input.at + speech.end_on_silence)


def _timeout_reason(collected: Collected, latest: float | None, until: float) -> str:
    if collected.began is None:
        return "start_timeout"
    if latest is not None and until >= latest:
        return "max_duration"
    return "end_on_silence_timeout"


async def event_body(
    state: SimulatorState, leg: Leg, action: Input, collected: Collected, faults: list[str]
) -> dict[str, Any]:
    """Build the body of the event that an input action sends; add its faults to `faults`."""
    now = leg.clock.now()
    if action.flat:
        return webhook_payloads.flat_input_event(leg, now, collected.digits, collected.timed_out)
    if action.speech is None:
        speech = _speech_of_dtmf_only(state, faults)
        return webhook_payloads.input_event(leg, now, speech, _dtmf_result(collected))
    speech = _speech_result(state, collected, faults)
    if action.speech.save_audio and collected.began is not None:
        speech["recording_url"] = await _save_speech(state, leg, collected)
    return webhook_payloads.input_event(leg, now, speech, _dtmf_result(collected))


def _dtmf_result(collected: Collected) -> dict[str, Any]:
    return {"digits": collected.digits or None, "timed_out": collected.timed_out}


def _speech_of_dtmf_only(state: SimulatorState, faults: list[str]) -> dict[str, Any] | None:
    """Return the `speech` field of a DTMF-only input; the official examples show three forms."""
    form = state.settings.dtmf_only_speech
    if form == "error" or state.faults.is_triggered("dtmf_speech_error", faults):
        return {"error": SPEECH_NOT_ENABLED}
    if form == "absent" or state.faults.is_triggered("dtmf_speech_absent", faults):
        return None
    return {"results": []}


def _speech_result(
    state: SimulatorState, collected: Collected, faults: list[str]
) -> dict[str, Any]:
    if collected.digits:
        return {"error": SPEECH_OVERRIDDEN}
    if state.faults.is_triggered("speech_error", faults):
        return {"error": SPEECH_FAILED}
    speech: dict[str, Any] = {}
    if collected.timeout_reason is not None:
        speech["timeout_reason"] = collected.timeout_reason
    text = " ".join(collected.transcripts)
    random_confidence = state.rng.uniform(0.8, 0.99)
    confidence = (
        f"{random_confidence if collected.confidence is None else collected.confidence:.7f}"
    )
    speech["results"] = [{"confidence": confidence, "text": text}] if text else []
    return speech


async def _save_speech(state: SimulatorState, leg: Leg, collected: Collected) -> str:
    began = collected.began or leg.clock.now()
    ended = max(began, collected.ended or leg.clock.now())
    sounds = [sound for sound in leg.said if sound.kind == "speech" or sound.samples.pcm]
    clips = clips_of(sounds, began, ended)
    file_id = state.make_uuid()
    await state.recordings.add_audio(file_id, leg, "mp3", ended - began, [clips])
    return file_url(state, file_id)


async def report_each_digit(state: SimulatorState, leg: Leg) -> None:
    """Send an event per digit while the leg lasts (NCCO reference: input.mode asynchronous)."""
    watcher = watch_leg(leg)
    try:
        while not leg.is_over:
            leg_input = await watcher.get()
            if isinstance(leg_input, Digit) and leg.live_digits is not None:
                _report_digit(state, leg, leg.live_digits, leg_input)
    finally:
        leg.watchers.discard(watcher)


def _report_digit(state: SimulatorState, leg: Leg, target: WebhookTarget, leg_input: Digit) -> None:
    dtmf = {"digits": leg_input.digit, "timed_out": False}
    fields = webhook_payloads.input_event(leg, leg_input.at, None, dtmf)
    state.report(leg, target, fields, "input")
