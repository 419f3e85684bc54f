"""Connect all callers to one conference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicekit import ncco

if TYPE_CHECKING:
    from voicekit.call import Call


def answer(call: Call) -> list[dict[str, Any]]:
    """Announce the conference and join it."""
    return [
        ncco.talk("Please wait while we connect you to the conference."),
        ncco.conversation(call.settings.conference_name),
    ]
