"""Cancel an appointment: the caller enters a customer number, then a PIN."""

from flows._customers import look_up
from voicekit import ncco


def answer(call):
    return _ask("Please enter your customer number.", call.url("dtmf"))


def dtmf(call, input):
    customer = call.signed_state.get("customer")
    if customer is None:
        state = {"customer": input.digits}
        return _ask("Please enter your PIN.", call.url("dtmf", state=state, secret=True))
    found = look_up(customer)
    if found is None:
        return [ncco.talk("We cannot find your appointment now. Please call again later.")]
    if input.digits != found["pin"]:
        return [ncco.talk("That is not your PIN. Goodbye.")]
    call.emit("appointment.cancelled", {"customer": customer})
    return [ncco.talk("Your appointment is canceled. Goodbye.")]


def _ask(prompt, url):
    digits = ncco.dtmf(max_digits=8, submit_on_hash=True)
    return [ncco.talk(prompt), ncco.input(dtmf=digits, event_url=url)]
