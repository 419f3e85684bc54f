"""The builders: one function for each action, each endpoint and each part that has options.

Each gives a plain dict as it goes on the wire, with only what was given; what was left out is
Vonage's default. Each raises NccoError for a value that Vonage does not document, naming action,
option and allowed range. Only options that need a word beyond their name are explained; ranges
are in `rules`, their source is the Vonage NCCO reference.
"""

from __future__ import annotations

from voicekit.ncco import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from voicekit.ncco.values import Rule

    Json: TypeAlias = dict[str, Any]


def _given(options: Json) -> Json:
    return {name: value for name, value in options.items() if value is not None}


def _part(where: str, rule: Rule, options: Json) -> Json:
    given = _given(options)
    rule(where, given)
    return given


def _action(kind: str, options: Json) -> Json:
    return {"action": kind, **_part(kind, rules.ACTIONS[kind], options)}


def _endpoint(kind: str, options: Json) -> Json:
    return {"type": kind, **_part("connect.endpoint[0]", rules.ENDPOINTS[kind], options)}


def _one(value: Any) -> Any:
    # On the wire URLs stand in an array; here an author gives one.
    return None if value is None else [value]


# Actions


def talk(
    text: str,
    *,
    language: str | None = None,
    style: int | None = None,
    premium: bool | None = None,
    loop: int | None = None,
    level: float | None = None,
    barge_in: bool | None = None,
    provider: str | None = None,
    provider_options: Json | None = None,
) -> Json:
    """Speak a text.

    Parameters
    ----------
    text
        At most 1500 characters, tags not counted; SSML stands in one `<speak>` element.
    language
        BCP-47; without it en-US.
    style
        Which voice of the language, from 0.
    loop
        How often; 0 is without end.
    level
        Volume, -1 to 1 in steps of 0.1.
    barge_in
        A key or speech ends it; the next action that is not a talk must then be an input.
    provider
        ElevenLabs, Google or Polly; `provider_options` are the provider's own.
    """
    return _action(
        "talk",
        {
            "text": text,
            "language": language,
            "style": style,
            "premium": premium,
            "loop": loop,
            "level": level,
            "bargeIn": barge_in,
            "provider": provider,
            "providerOptions": provider_options,
        },
    )


def stream(
    url: str,
    *,
    loop: int | None = None,
    level: float | None = None,
    barge_in: bool | None = None,
) -> Json:
    """Play a sound file.

    Parameters
    ----------
    url
        Of an MP3 file or a 16-bit WAV file.
    loop
        How often; 0 is without end.
    level
        Volume, -1 to 1.
    barge_in
        A key or speech ends it; the next action that is not a stream must then be an input.
    """
    return _action(
        "stream", {"streamUrl": [url], "loop": loop, "level": level, "bargeIn": barge_in}
    )


def input(  # noqa: A001 - flows say ncco.input, which hides nothing there
    *,
    dtmf: Json | None = None,
    speech: Json | None = None,
    mode: str | None = None,
    event_url: str | None = None,
    event_method: str | None = None,
) -> Json:
    """Collect keys, speech or both; the webhook's answer may replace the rest of the NCCO.

    Parameters
    ----------
    dtmf, speech
        What `dtmf()` and `speech()` give; at least one of them.
    mode
        synchronous, or asynchronous: each key is sent as it comes. That takes keys alone, and
        `dtmf()` without settings.
    event_url
        Without it, the event URL of the Vonage application.

    Examples
    --------
    >>> input(dtmf=dtmf(max_digits=1), event_url="https://example.com/dtmf")["type"]
    ['dtmf']
    """
    return _action(
        "input",
        {
            "type": [
                kind for kind, part in (("dtmf", dtmf), ("speech", speech)) if part is not None
            ],
            "mode": mode,
            "dtmf": dtmf,
            "speech": speech,
            "eventUrl": _one(event_url),
            "eventMethod": event_method,
        },
    )


def record(
    *,
    format: str | None = None,  # noqa: A002 - Vonage's name for it
    split: str | None = None,
    channels: int | None = None,
    end_on_silence: int | None = None,
    end_on_key: str | None = None,
    time_out: int | None = None,
    beep_start: bool | None = None,
    event_url: str | None = None,
    event_method: str | None = None,
    transcription: Json | None = None,
) -> Json:
    """Record the call. The NCCO goes on at once, unless an end is set: silence, key or time.

    Parameters
    ----------
    format
        mp3, wav or ogg.
    split
        "conversation": caller and called on channels of their own.
    channels
        1 to 32; needs `split`. Further people share the last one.
    end_on_silence
        Seconds, 3 to 10.
    end_on_key
        One of 0-9 * #.
    time_out
        Seconds, 3 to 7200.
    transcription
        What `transcription()` gives.
    """
    return _action(
        "record",
        {
            "format": format,
            "split": split,
            "channels": channels,
            "endOnSilence": end_on_silence,
            "endOnKey": end_on_key,
            "timeOut": time_out,
            "beepStart": beep_start,
            "eventUrl": _one(event_url),
            "eventMethod": event_method,
            "transcription": transcription,
        },
    )


def conversation(
    name: str,
    *,
    music_on_hold_url: str | None = None,
    start_on_enter: bool | None = None,
    end_on_exit: bool | None = None,
    record: bool | None = None,
    can_speak: list[str] | None = None,
    can_hear: list[str] | None = None,
    mute: bool | None = None,
    event_url: str | None = None,
    event_method: str | None = None,
    transcription: Json | None = None,
) -> Json:
    """Put the caller into a named room, where others of the same application may be.

    Parameters
    ----------
    music_on_hold_url
        What those hear who wait for somebody with `start_on_enter`.
    record
        Record the room from the first entry to its end; `event_url` is for that alone.
    can_speak, can_hear
        UUIDs of the legs that hear this one, and that it hears; an empty list means none.
    mute
        Not with `can_speak`.
    transcription
        What `transcription()` gives; needs `record`.
    """
    return _action(
        "conversation",
        {
            "name": name,
            "musicOnHoldUrl": _one(music_on_hold_url),
            "startOnEnter": start_on_enter,
            "endOnExit": end_on_exit,
            "record": record,
            "canSpeak": can_speak,
            "canHear": can_hear,
            "mute": mute,
            "eventUrl": _one(event_url),
            "eventMethod": event_method,
            "transcription": transcription,
        },
    )


def connect(
    endpoint: Json,
    *,
    from_: str | None = None,
    random_from_number: bool | None = None,
    event_type: str | None = None,
    timeout: int | None = None,
    limit: int | None = None,
    machine_detection: str | None = None,
    advanced_machine_detection: Json | None = None,
    event_url: str | None = None,
    event_method: str | None = None,
    ringback_tone: str | None = None,
) -> Json:
    """Connect the caller to somebody else; the NCCO goes on when that side ends or fails.

    Parameters
    ----------
    endpoint
        What `phone()`, `app()`, `websocket()`, `sip()` or `vbc()` gives.
    from_
        A number of the account, E.164 without a plus. Not with `random_from_number`.
    event_type
        "synchronous": the webhook that reports a failure may answer with a new NCCO.
    timeout
        Seconds of ringing; without it 60.
    limit
        Seconds of the call, at most 7200, which is also the default.
    machine_detection
        continue or hangup.
    advanced_machine_detection
        What `advanced_machine_detection()` gives; it wins over `machine_detection`.
    ringback_tone
        URL of what the caller hears while it rings; a phone's network brings its own.
    """
    return _action(
        "connect",
        {
            "endpoint": [endpoint],
            "from": from_,
            "randomFromNumber": random_from_number,
            "eventType": event_type,
            "timeout": timeout,
            "limit": limit,
            "machineDetection": machine_detection,
            "advancedMachineDetection": advanced_machine_detection,
            "eventUrl": _one(event_url),
            "eventMethod": event_method,
            "ringbackTone": ringback_tone,
        },
    )


def notify(payload: Json, *, event_url: str, event_method: str | None = None) -> Json:
    """Send a payload to a webhook, whose answer may replace the rest of the NCCO.

    Parameters
    ----------
    payload
        Any JSON object, at most 32 KiB and 16 deep.
    """
    return _action(
        "notify", {"payload": payload, "eventUrl": [event_url], "eventMethod": event_method}
    )


def wait(timeout: float | None = None) -> Json:
    """Wait for so many seconds, 0.1 to 7200; without a number 10."""
    return _action("wait", {"timeout": timeout})


def transfer(
    conversation_id: str,
    *,
    can_hear: list[str] | None = None,
    can_speak: list[str] | None = None,
    mute: bool | None = None,
) -> Json:
    """Move all legs to another conversation that exists; nothing after it is run.

    Parameters
    ----------
    conversation_id
        CON- and a UUID.
    can_hear, can_speak
        UUIDs of legs, as for `conversation()`. `mute` not with `can_speak`.
    """
    return _action(
        "transfer",
        {
            "conversationId": conversation_id,
            "canHear": can_hear,
            "canSpeak": can_speak,
            "mute": mute,
        },
    )


# Endpoints of connect


def phone(
    number: str,
    *,
    dtmf_answer: str | None = None,
    on_answer: Json | None = None,
    shaken: str | None = None,
) -> Json:
    """Name a phone number to connect to.

    Parameters
    ----------
    number
        E.164 without a plus: 447700900000.
    dtmf_answer
        Keys sent when it is answered: 0-9 * #, and p for half a second.
    on_answer
        What `on_answer()` gives.
    shaken
        Content of the STIR/SHAKEN Identity header.
    """
    return _endpoint(
        "phone",
        {"number": number, "dtmfAnswer": dtmf_answer, "onAnswer": on_answer, "shaken": shaken},
    )


def app(user: str) -> Json:
    """Name a user of the Client SDK to connect to."""
    return _endpoint("app", {"user": user})


def websocket(
    uri: str,
    *,
    content_type: str = "audio/l16;rate=16000",
    headers: Json | None = None,
    authorization: Json | None = None,
) -> Json:
    """Name a WebSocket to connect to.

    Parameters
    ----------
    uri
        ws: or wss:.
    content_type
        audio/l16;rate=8000, 16000 or 24000. Vonage has no default; ours is the example's.
    headers
        An object of at most 512 bytes as JSON, part of the first message.
    authorization
        What `authorization()` gives; without it Vonage signs the handshake like a webhook.
    """
    return _endpoint(
        "websocket",
        {
            "uri": uri,
            "content-type": content_type,
            "headers": headers,
            "authorization": authorization,
        },
    )


def sip(
    uri: str | None = None,
    *,
    user: str | None = None,
    domain: str | None = None,
    headers: dict[str, str] | None = None,
    standard_headers: dict[str, str] | None = None,
) -> Json:
    """Name a SIP address to connect to: either its URI, or user and domain.

    Parameters
    ----------
    uri
        sip: or sips:; it may end in ;transport=tls and ;media=srtp.
    headers
        Sent with X- in front of each name.
    standard_headers
        Sent as they are, such as User-to-User.
    """
    return _endpoint(
        "sip",
        {
            "uri": uri,
            "user": user,
            "domain": domain,
            "headers": headers,
            "standardHeaders": standard_headers,
        },
    )


def vbc(extension: str) -> Json:
    """Name an extension of Vonage Business Communications to connect to."""
    return _endpoint("vbc", {"extension": extension})


# Parts


def dtmf(
    *,
    time_out: int | None = None,
    max_digits: int | None = None,
    submit_on_hash: bool | None = None,
) -> Json:
    """Say how keys are collected.

    Parameters
    ----------
    time_out
        Seconds after the last key, 0 to 10; without it 3.
    max_digits
        1 to 20; without it 4.
    """
    return _part(
        "input.dtmf",
        rules.dtmf,
        {"timeOut": time_out, "maxDigits": max_digits, "submitOnHash": submit_on_hash},
    )


def speech(
    *,
    uuid: str | None = None,
    end_on_silence: float | None = None,
    language: str | None = None,
    context: list[str] | None = None,
    start_timeout: int | None = None,
    max_duration: int | None = None,
    save_audio: bool | None = None,
    sensitivity: int | None = None,
    provider: str | None = None,
    provider_options: Json | None = None,
) -> Json:
    """Say how speech is recognised.

    Parameters
    ----------
    uuid
        The leg that is listened to; without it the first.
    end_on_silence
        Seconds of silence that end it, 0.4 to 10; without it 2.
    language
        BCP-47; without it en-US.
    context
        Words that are expected.
    start_timeout, max_duration
        Seconds until somebody speaks, and seconds of speech: 1 to 60.
    save_audio
        The webhook then has the URL of a recording.
    sensitivity
        0 to 100; without it 90.
    provider
        deepgram or google; `provider_options` are the provider's own.
    """
    return _part(
        "input.speech",
        rules.speech,
        {
            "uuid": _one(uuid),
            "endOnSilence": end_on_silence,
            "language": language,
            "context": context,
            "startTimeout": start_timeout,
            "maxDuration": max_duration,
            "saveAudio": save_audio,
            "sensitivity": sensitivity,
            "provider": provider,
            "providerOptions": provider_options,
        },
    )


def transcription(
    *,
    language: str | None = None,
    event_url: str | None = None,
    event_method: str | None = None,
    sentiment_analysis: bool | None = None,
) -> Json:
    """Ask for the transcription of a recording, of `record()` or `conversation()`."""
    return _part(
        "transcription",
        rules.transcription,
        {
            "language": language,
            "eventUrl": _one(event_url),
            "eventMethod": event_method,
            "sentimentAnalysis": sentiment_analysis,
        },
    )


def advanced_machine_detection(
    *,
    behavior: str | None = None,
    mode: str | None = None,
    beep_timeout: int | None = None,
) -> Json:
    """Say what happens when a machine answers.

    Parameters
    ----------
    behavior
        continue or hangup.
    mode
        detect, detect_beep, or default: the NCCO does not wait for the result.
    beep_timeout
        Seconds to wait for the beep, 30 to 120.
    """
    return _part(
        "connect.advancedMachineDetection",
        rules.advanced_machine_detection,
        {"behavior": behavior, "mode": mode, "beep_timeout": beep_timeout},
    )


def on_answer(url: str, *, ringback_tone: str | None = None) -> Json:
    """Name the URL of an NCCO that the called person hears before being connected."""
    return _part(
        "connect.endpoint[0].onAnswer",
        rules.on_answer,
        {"url": url, "ringbackTone": ringback_tone},
    )


def authorization(kind: str, value: str | None = None) -> Json:
    """Say what Authorization header a WebSocket's handshake carries.

    Parameters
    ----------
    kind
        vonage (a token signed like the webhooks) or custom.
    value
        The header's value, for custom alone, at most 8191 characters.
    """
    return _part(
        "connect.endpoint[0].authorization", rules.authorization, {"type": kind, "value": value}
    )
