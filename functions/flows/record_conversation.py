"""Connect all callers to one conference, and record it."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call


def answer(call: Call) -> list[ncco.Action]:
    """Announce the recording, and join the conference."""
    return [
        ncco.talk("Please wait while we connect you to the conference. It is recorded."),
        ncco.conversation(
            call.settings.conference_name,
            record=True,
            event_method="POST",
            event_url=call.url("recordings"),
        ),
    ]
