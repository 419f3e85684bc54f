"""Announce the caller to the callee before they are connected."""

from voicekit import ncco


def answer(call):
    if "whisper" in call.state:  # the callee has answered, and the caller still hears it ringing
        return [ncco.talk("A customer of the bakery is calling.")]
    whisper = ncco.on_answer(call.url("answer", whisper=1))
    phone = ncco.phone(call.settings.second_number, on_answer=whisper)
    return [
        ncco.talk("One moment, please."),
        ncco.connect(phone, from_=call.settings.vonage_number or None, timeout=20),
        ncco.talk("Nobody is on the line any more. Goodbye."),
    ]
