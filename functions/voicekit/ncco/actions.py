"""The builders of actions: one function for each.

Each gives a plain dict as it goes on the wire, with only what was given; what was left out is
Vonage's default. Each raises NccoError for a value that Vonage does not document, naming action,
option and allowed range. Only options that need a word beyond their name are explained; ranges
are in `rules`, their source is the Vonage NCCO reference.
"""

from __future__ import annotations

from voicekit.ncco.components import in_array, part
from voicekit.ncco.rules import ACTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from voicekit.ncco.components import Json


def _action(kind: str, options: Json) -> Json:
    return {"action": kind, **part(kind, ACTIONS[kind], options)}


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
            "eventUrl": in_array(event_url),
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
            "eventUrl": in_array(event_url),
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
            "musicOnHoldUrl": in_array(music_on_hold_url),
            "startOnEnter": start_on_enter,
            "endOnExit": end_on_exit,
            "record": record,
            "canSpeak": can_speak,
            "canHear": can_hear,
            "mute": mute,
            "eventUrl": in_array(event_url),
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
            "eventUrl": in_array(event_url),
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
