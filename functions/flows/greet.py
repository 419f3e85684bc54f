"""Greet the caller, and read back the number they call from."""

from __future__ import annotations

from voicekit import ncco
from voicekit.call import Call
from voicekit.e164 import is_number


def answer(call: Call) -> list[ncco.Action]:
    """Thank the caller; do not read a withheld number, or our own in an outbound call."""
    if is_number(call.from_) and call.from_ != call.settings.vonage_number:
        return [ncco.talk(f"Thank you for calling from {ncco.spell(str(call.from_))}.")]
    return [ncco.talk("Thank you for calling.")]
