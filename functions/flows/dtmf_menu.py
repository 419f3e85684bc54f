"""Offer a menu of digits: opening hours, the address, or a person to speak to."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call, Input

_ATTEMPTS = 3
_MENU = "Press 1 for our opening hours, 2 for our address, or 0 to speak to somebody."


def answer(call: Call) -> list[ncco.Action]:
    """Greet the caller and read the menu."""
    return _ask(call, "Hello, and thank you for calling.", attempt=1)


def dtmf(call: Call, input: Input) -> list[ncco.Action]:
    """Handle the digit; after a wrong one or none, read the menu up to three times in all."""
    if input.digits == "1":
        return [ncco.talk("We are open from Monday to Friday, from nine to five. Goodbye.")]
    if input.digits == "2":
        return [ncco.talk("You find us at 1 Main Street, opposite the station. Goodbye.")]
    if input.digits == "0" and call.settings.second_number:
        return [
            ncco.talk("One moment, please."),
            ncco.connect(
                ncco.phone(call.settings.second_number), from_=call.settings.vonage_number or None
            ),
            # Heard if there is no answer, and after the callee hangs up.
            ncco.talk("Nobody is on the line any more. Goodbye."),
        ]
    if call.attempt >= _ATTEMPTS:
        return [ncco.talk("Sorry, we did not get your choice. Please call again. Goodbye.")]
    if input.digits == "0":
        problem = "Sorry, there is nobody to speak to at the moment."
    elif input.digits:
        problem = "Sorry, that key is not one of the choices."
    else:
        problem = "Sorry, we did not hear a key."
    return _ask(call, problem, attempt=call.attempt + 1)


def _ask(call: Call, greeting: str, attempt: int) -> list[ncco.Action]:
    return [
        ncco.talk(f"{greeting} {_MENU}", barge_in=True),
        ncco.input(
            dtmf=ncco.dtmf(time_out=5, max_digits=1), event_url=call.url("dtmf", attempt=attempt)
        ),
    ]
