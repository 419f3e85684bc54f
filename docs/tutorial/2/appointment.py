"""Remind a customer of an appointment and ask for confirmation."""

from voicekit import ncco

_QUESTION = "Press 1 to confirm it, 2 to cancel it."


def answer(call):
    return [
        ncco.talk("Hello. You have an appointment tomorrow at ten."),
        ncco.talk(_QUESTION, barge_in=True),
        ncco.input(dtmf=ncco.dtmf(max_digits=1, time_out=5), event_url=call.url("dtmf")),
    ]


def dtmf(call, input):
    if input.digits == "1":
        return [ncco.talk("Thank you. We look forward to seeing you.")]
    if input.digits == "2":
        return [ncco.talk("Your appointment is canceled. Goodbye.")]
    return answer(call)
