"""Connect all callers to one conference."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call


def answer(call: Call) -> list[ncco.Action]:
    """Announce the conference and join it."""
    return [
        ncco.talk("Please wait while we connect you to the conference."),
        ncco.conversation(call.settings.conference_name),
    ]
