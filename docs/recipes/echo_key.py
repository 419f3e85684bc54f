"""Ask for a digit and repeat it."""

from voicekit import ncco


def answer(call):
    return [
        ncco.talk("Hello, please press a digit."),
        ncco.input(dtmf=ncco.dtmf(max_digits=1, time_out=5), event_url=call.url("dtmf")),
    ]


def dtmf(call, input):
    if not input.digits:
        return [ncco.talk("You pressed nothing. Goodbye.")]
    return [ncco.talk(f"You pressed {ncco.spell(input.digits)}.")]
