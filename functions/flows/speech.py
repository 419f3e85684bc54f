"""Ask the caller to say something, and repeat it."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call, Input

_ATTEMPTS = 3


def answer(call: Call) -> list[ncco.Action]:
    """Ask the caller to speak."""
    return _ask(call, "Please say something.", attempt=1)


def asr(call: Call, input: Input) -> list[ncco.Action]:
    """Repeat the most likely transcript; without one, ask up to three times in all."""
    transcript = ncco.escape(input.speech[0].text[:200]).strip() if input.speech else ""
    if transcript:
        return [ncco.talk(f"<speak>Hello, you said {transcript}.</speak>")]
    if call.attempt >= _ATTEMPTS:
        return [ncco.talk("Sorry, we still did not understand. Please call again. Goodbye.")]
    if input.timeout_reason == "start_timeout":
        return _ask(call, "We did not hear you. Please say something.", call.attempt + 1)
    return _ask(call, "Sorry, I didn't understand. Please say it again.", call.attempt + 1)


def _ask(call: Call, prompt: str, attempt: int) -> list[ncco.Action]:
    return [
        ncco.talk(prompt),
        ncco.input(
            speech=ncco.speech(end_on_silence=1, language=call.language, save_audio=False),
            event_url=call.url("asr", attempt=attempt),
        ),
    ]
