"""Greet the caller, and read back the number they call from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicekit import ncco
from voicekit.e164 import is_number

if TYPE_CHECKING:
    from voicekit.call import Call


def answer(call: Call) -> list[dict[str, Any]]:
    """Thank the caller; do not read a withheld number, or our own in an outbound call."""
    if is_number(call.from_) and call.from_ != call.settings.vonage_number:
        return [ncco.talk(f"Thank you for calling from {ncco.spell(str(call.from_))}.")]
    return [ncco.talk("Thank you for calling.")]
