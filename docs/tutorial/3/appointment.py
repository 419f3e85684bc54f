"""Remind a customer of an appointment and ask for confirmation."""

from voicekit import ncco

_ATTEMPTS = 3
_QUESTION = "Press 1 or say yes to confirm it, 2 to cancel it, 0 to speak to an agent."


def answer(call):
    return _ask(call, "Hello. You have an appointment tomorrow at ten.", attempt=1)


def asr(call, input):
    words = input.speech[0].text.lower().split() if input.speech else []
    if input.digits == "1" or "yes" in words:
        return [ncco.talk("Thank you. We look forward to seeing you.")]
    if input.digits == "2":
        return [ncco.talk("Your appointment is canceled. Goodbye.")]
    if input.digits == "0":
        return _connect(call)
    if call.attempt >= _ATTEMPTS:
        return [ncco.talk("We did not get your answer. We will call again. Goodbye.")]
    recognized = input.digits or words
    problem = "Sorry, we did not understand." if recognized else "Sorry, we did not hear you."
    return _ask(call, problem, attempt=call.attempt + 1)


def _ask(call, greeting, attempt):
    return [
        ncco.talk(f"{greeting} {_QUESTION}", barge_in=True),
        ncco.input(
            dtmf=ncco.dtmf(max_digits=1, time_out=5),
            speech=ncco.speech(context=["yes"], language=call.language, end_on_silence=1),
            event_url=call.url("asr", attempt=attempt),
        ),
    ]


def _connect(call):
    return [
        ncco.talk("One moment, please."),
        ncco.connect(ncco.phone(call.settings.second_number), timeout=20),
        ncco.talk("Nobody is on the line. Leave a message after the tone, or hang up."),
        ncco.record(end_on_silence=3, beep_start=True, event_url=call.url("recordings")),
        ncco.talk("Thank you. Goodbye."),
    ]
