"""Connect the caller to the second number, and record each of them on a separate channel."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call


def answer(call: Call) -> list[ncco.Action]:
    """Announce the recording, start it with two channels, and call the second number."""
    if not call.settings.second_number:
        return [ncco.talk("This line is not connected yet. Goodbye.")]
    return [
        ncco.talk("This call is recorded."),
        ncco.record(split="conversation", channels=2, event_url=call.url("recordings")),
        ncco.connect(
            ncco.phone(call.settings.second_number), from_=call.settings.vonage_number or None
        ),
        # Heard if there is no answer, and after the callee hangs up.
        ncco.talk("Nobody is on the line any more. Goodbye."),
    ]
