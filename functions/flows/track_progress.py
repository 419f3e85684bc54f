"""Receive a notification during an NCCO, and continue with another NCCO."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call


def answer(call: Call) -> list[ncco.Action]:
    """Greet the caller and notify; `notification` replaces the talk action after that."""
    return [
        ncco.talk("Thanks for calling the notification line."),
        ncco.notify({"stage": "greeted"}, event_url=call.url("notification")),
        ncco.talk("You will never hear me, as the notification URL returns an NCCO."),
    ]


def notification(_call: Call, _payload: object) -> list[ncco.Action]:
    """Replace the rest of the NCCO."""
    return [ncco.talk("Your notification has been received, loud and clear.")]
