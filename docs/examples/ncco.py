"""An example of each action and each endpoint of the NCCO reference."""

from voicekit import ncco

# Actions


def talk(call):
    return [ncco.talk("Good morning.", language=call.language, style=1)]


def stream(call):
    return [ncco.stream("https://example.com/hold.mp3", loop=0, level=-0.4)]


def input(call):  # noqa: A001 - named like the action
    return [
        ncco.talk("Say yes, or press 1.", barge_in=True),
        ncco.input(
            dtmf=ncco.dtmf(max_digits=1, time_out=5),
            speech=ncco.speech(context=["yes"], language=call.language, end_on_silence=1),
            event_url=call.url("asr"),
        ),
    ]


def record(call):
    url = call.url("recordings")
    return [
        ncco.record(end_on_silence=3, end_on_key="#", beep_start=True, event_url=url),
        ncco.talk("Thank you."),
    ]


def conversation(call):
    return [ncco.conversation("team", start_on_enter=False)]


def connect(call):
    phone = ncco.phone(call.settings.second_number)
    return [
        ncco.connect(phone, from_=call.settings.vonage_number or None, timeout=20),
        ncco.talk("Nobody is on the line. Goodbye."),
    ]


def notify(call):
    return [ncco.notify({"step": "greeted"}, event_url=call.url("notification"))]


def wait(call):
    return [ncco.wait(0.5), ncco.talk("Thank you for waiting.")]


def transfer(call):
    return [ncco.transfer("CON-aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab")]


# Endpoints


def phone(call):
    url = call.url("answer", whisper=1)
    callee = ncco.phone(call.settings.second_number, on_answer=ncco.on_answer(url))
    return [ncco.connect(callee)]


def app(call):
    return [ncco.connect(ncco.app("alice"), timeout=20)]


def websocket(call):
    bot = ncco.websocket("wss://example.com/bot", headers={"caller": call.from_})
    return [ncco.connect(bot)]


def sip(call):
    return [ncco.connect(ncco.sip("sip:desk@example.com;transport=tls"))]


def vbc(call):
    return [ncco.connect(ncco.vbc("4711"))]
