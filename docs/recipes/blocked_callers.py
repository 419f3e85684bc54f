"""Turn away blocked numbers, and callers who withhold theirs."""

from voicekit import ncco
from voicekit.e164 import is_number

_BLOCKED = ("447700900666", "4490")  # numbers, and the beginnings of numbers


def answer(call):
    if not is_number(call.from_):
        return [ncco.talk("Please call again, and show your number. Goodbye.")]
    if call.from_.startswith(_BLOCKED):
        return [ncco.talk("This number cannot take your call. Goodbye.")]
    phone = ncco.phone(call.settings.second_number)
    return [
        ncco.talk("One moment, please."),
        ncco.connect(phone, from_=call.settings.vonage_number or None, timeout=20),
        ncco.talk("Nobody is on the line any more. Goodbye."),
    ]
