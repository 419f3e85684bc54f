"""Ring a group of numbers one after the other, until one of them answers."""

from voicekit import ncco

_NO_ANSWER = ("timeout", "unanswered", "busy", "rejected", "failed")


def answer(call):
    return [ncco.talk("One moment, please."), *_ring(call, 0)]


def event(call, event):
    if event.status in _NO_ANSWER and "step" in call.state:
        return _ring(call, int(call.state["step"]) + 1)


def _ring(call, step):
    # Your numbers here: AllowedPrefixes must allow any but SecondNumber.
    numbers = (call.settings.second_number, call.settings.second_number)
    if step >= len(numbers):
        return [ncco.talk("Sorry, nobody can take your call. Goodbye.")]
    caller, url = call.settings.vonage_number or None, call.url("event", step=step)
    phone, kind = ncco.phone(numbers[step]), "synchronous"
    return [ncco.connect(phone, from_=caller, timeout=15, event_type=kind, event_url=url)]
