"""Record a message after the tone."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call


def answer(call: Call) -> list[ncco.Action]:
    """Record until the hash key or three seconds of silence, then thank the caller."""
    return [
        ncco.talk(
            "Please leave a message after the tone, then press the hash key."
            " We will get back to you as soon as we can."
        ),
        ncco.record(
            end_on_silence=3,
            end_on_key="#",
            beep_start=True,
            event_url=call.url("recordings", purpose="voicemail"),
        ),
        ncco.talk("Thank you for your message. Goodbye."),
    ]
