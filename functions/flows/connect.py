"""Connect the caller to the second number, and announce if there is no answer."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call, Event

_NO_ANSWER = ("timeout", "failed", "rejected", "unanswered", "busy")


def answer(call: Call) -> list[ncco.Action]:
    """Call the second number."""
    if not call.settings.second_number:
        return [ncco.talk("This line is not connected yet. Goodbye.")]
    return [
        ncco.connect(
            ncco.phone(call.settings.second_number),
            from_=call.settings.vonage_number or None,
            event_type="synchronous",
            event_url=call.url("event"),
        )
    ]


def event(_call: Call, event: Event) -> list[ncco.Action] | None:
    """Announce why there is no answer; ignore any other status of the second leg."""
    if event.status not in _NO_ANSWER:
        return None
    if event.status == "busy":
        return [ncco.talk("The line is busy. Please try again in a few minutes. Goodbye.")]
    return [ncco.talk("Sorry, nobody can take your call right now. Please try again later.")]
