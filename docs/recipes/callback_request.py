"""Offer to call back, and emit an event that tells your systems to do it."""

from voicekit import ncco
from voicekit.e164 import is_number


def answer(call):
    url = call.url("dtmf")
    return [
        ncco.talk("All lines are busy. Press 1, and we will call you back.", barge_in=True),
        ncco.input(dtmf=ncco.dtmf(max_digits=1, time_out=5), event_url=url),
    ]


def dtmf(call, input):
    if input.digits != "1":
        return [ncco.talk("Please call again later. Goodbye.")]
    if not is_number(call.from_):
        return [ncco.talk("Please call again, and show your number. Goodbye.")]
    call.emit("callback.requested", {"number": call.from_})
    return [ncco.talk("Thank you. We will call you back. Goodbye.")]
