"""Answer a business line: greet, offer a menu, ring the numbers, take a message.

The switchboard's `lines` have the details of each number (docs/lines.md). Without any, this greets,
rings the second number for 20 seconds, and takes a message.
"""

from __future__ import annotations

import time

from voicekit import ncco
from voicekit.call import Call, Event, Input
from voicekit.lines import Line

_ATTEMPTS = 3
_NO_ANSWER = ("timeout", "failed", "rejected", "unanswered", "busy")


def answer(call: Call) -> list[ncco.Action]:
    """Turn away blocked callers, take messages outside the opening hours, or greet."""
    line = call.line
    if line.blocks(call.from_):
        return [line.talk("nobody")]
    if not line.is_open(time.time()):
        return [line.talk("closed"), *_message(call, line)]
    if line.menu:
        return _menu(call, line, 1, line.talk("greeting", barge_in=True))
    return [line.talk("greeting"), *_ring(call, line)]


def dtmf(call: Call, input: Input) -> list[ncco.Action]:
    """Do what the digit says; without a valid one, ask again, and then ring."""
    line = call.line
    entry = line.menu.get(input.digits)
    if entry is None:
        again = line.menu and call.attempt < _ATTEMPTS
        return _menu(call, line, call.attempt + 1) if again else _ring(call, line)
    if entry.say:
        return _menu(call, line, 1, line.say(entry.say, barge_in=True))
    if entry.voicemail and line.voicemail:
        return _message(call, line)
    return _ring(call, line, input.digits)


def event(call: Call, event: Event) -> list[ncco.Action] | None:
    """Ring the next number after one that does not answer; ignore any other event.

    One attempt may fail with two events, such as timeout and unanswered. The step is in the URL, so
    both go on to the same number.
    """
    if event.status not in _NO_ANSWER or "step" not in call.state:
        return None
    return _ring(call, call.line, call.state.get("key", ""), int(call.state["step"]) + 1)


def _menu(call: Call, line: Line, attempt: int, *before: ncco.Action) -> list[ncco.Action]:
    url = call.url("dtmf", line=line.number or "", attempt=attempt)
    options = ncco.dtmf(max_digits=1, time_out=5)
    return [*before, line.talk("menu", barge_in=True), ncco.input(dtmf=options, event_url=url)]


def _ring(call: Call, line: Line, key: str = "", step: int = 0) -> list[ncco.Action]:
    """Ring one number. No action follows it, so after a conversation the call just ends."""
    numbers = line.numbers(key)
    if step >= len(numbers):
        return [line.talk("nobody"), *_message(call, line)]
    number, seconds = numbers[step]
    return [
        ncco.connect(
            ncco.phone(number),
            from_=line.number,
            timeout=seconds,
            event_type="synchronous",
            event_url=call.url("event", line=line.number or "", key=key, step=step),
        )
    ]


def _message(call: Call, line: Line) -> list[ncco.Action]:
    """Record a message until the hash key, five seconds of silence, or five minutes."""
    if not line.voicemail:
        return []
    number, transcript = line.number or "", int(line.transcript)
    url = call.url("recordings", purpose="voicemail", line=number, transcript=transcript)
    language = ncco.transcription(language=line.language, event_url=url)
    return [
        line.talk("message"),
        ncco.record(
            end_on_silence=5,
            end_on_key="#",
            time_out=300,
            beep_start=True,
            event_url=url,
            transcription=language if line.transcript else None,
        ),
        line.talk("thanks"),
    ]
