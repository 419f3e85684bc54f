"""Connect callers with a PIN to its conference. The digits are neither stored nor logged."""

from voicekit import ncco

_CONFERENCES = {"4711": "team", "2904": "board"}


def answer(call):
    return _ask(call, "Welcome.", 1)


def dtmf(call, input):
    name = _CONFERENCES.get(input.digits)
    if name:
        return [ncco.talk("You are joining the conference."), ncco.conversation(name)]
    if call.attempt >= 3:
        return [ncco.talk("Please call again. Goodbye.")]
    return _ask(call, "There is no such conference.", call.attempt + 1)


def _ask(call, greeting, attempt):
    talk = ncco.talk(f"{greeting} Please enter your PIN.", barge_in=True)
    url = call.url("dtmf", attempt=attempt, secret=True)
    return [talk, ncco.input(dtmf=ncco.dtmf(max_digits=4, time_out=5), event_url=url)]
