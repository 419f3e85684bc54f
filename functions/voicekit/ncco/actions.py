"""Builders of NCCO actions: one function per action.

Each returns a plain dict in wire format, with only the options passed; Vonage's defaults apply to
the others. Each raises NccoError for a value that Vonage does not document, with the action, the
option and the allowed range. The docstrings explain only options whose name is not enough. The
ranges are in `rules`; their source is the Vonage NCCO reference.
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
        At most 1500 characters without tags; SSML must be in one `<speak>` element.
    language
        BCP-47; the default is en-US.
    style
        The voice of the language, from 0.
    loop
        How often to play it; 0 repeats it without end.
    level
        Volume, -1 to 1 in steps of 0.1.
    barge_in
        A digit or speech ends it; the next action other than talk must then be input.
    provider
        ElevenLabs, Google or Polly; `provider_options` are those of the provider.
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
    """Play an audio file.

    Parameters
    ----------
    url
        URL of an MP3 file or a 16-bit WAV file.
    loop
        How often to play it; 0 repeats it without end.
    level
        Volume, -1 to 1.
    barge_in
        A digit or speech ends it; the next action other than stream must then be input.
    """
    return _action(
        "stream", {"streamUrl": [url], "loop": loop, "level": level, "bargeIn": barge_in}
    )


def input(  # noqa: A001 - flows call it as ncco.input, which shadows nothing
    *,
    dtmf: Json | None = None,
    speech: Json | None = None,
    mode: str | None = None,
    event_url: str | None = None,
    event_method: str | None = None,
) -> Json:
    """Collect digits, speech or both; the response to the webhook may replace the rest of the NCCO.

    Parameters
    ----------
    dtmf, speech
        The results of `dtmf()` and `speech()`; at least one of them.
    mode
        synchronous, or asynchronous: Vonage sends each digit when it is pressed. That requires
        `dtmf()` without options, and no speech.
    event_url
        The default is the event URL of the Vonage application.

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
    """Record the call. The NCCO continues at once, unless silence, a digit or a time ends it.

    Parameters
    ----------
    format
        mp3, wav or ogg.
    split
        "conversation": separate channels for caller and callee.
    channels
        1 to 32; requires `split`. Additional parties share the last channel.
    end_on_silence
        Seconds, 3 to 10.
    end_on_key
        One of 0-9 * #.
    time_out
        Seconds, 3 to 7200.
    transcription
        The result of `transcription()`.
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
    """Join a named conversation with other legs of the same application.

    Parameters
    ----------
    music_on_hold_url
        Audio for the legs that wait for one with `start_on_enter`.
    record
        Record the conversation from its first leg, or the one that the others wait for, to its end;
        `event_url` is only for this.
    can_speak, can_hear
        UUIDs of the legs that hear this one, and that it hears; an empty list means none.
    mute
        Not with `can_speak`.
    transcription
        The result of `transcription()`; requires `record`.
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
    """Connect the caller to an endpoint; the NCCO continues when that leg ends or fails.

    Parameters
    ----------
    endpoint
        The result of `phone()`, `app()`, `websocket()`, `sip()` or `vbc()`.
    from_
        A number of the account, E.164 without a plus. Not with `random_from_number`.
    event_type
        "synchronous": the response to the webhook that reports a failure may be a new NCCO.
    timeout
        Seconds to ring; the default is 60.
    limit
        Maximum length of the call in seconds, at most 7200, which is also the default.
    machine_detection
        continue or hangup.
    advanced_machine_detection
        The result of `advanced_machine_detection()`; it overrides `machine_detection`.
    ringback_tone
        URL of the audio that the caller hears while an endpoint rings. Phone networks send their
        own.
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
    """Send a payload to a webhook; the response may replace the rest of the NCCO.

    Parameters
    ----------
    payload
        Any JSON object, of at most 32 KiB and 16 levels.
    """
    return _action(
        "notify", {"payload": payload, "eventUrl": [event_url], "eventMethod": event_method}
    )


def wait(timeout: float | None = None) -> Json:
    """Wait for 0.1 to 7200 seconds; the default is 10."""
    return _action("wait", {"timeout": timeout})


def transfer(
    conversation_id: str,
    *,
    can_hear: list[str] | None = None,
    can_speak: list[str] | None = None,
    mute: bool | None = None,
) -> Json:
    """Transfer all legs to another existing conversation; later actions don't run.

    Parameters
    ----------
    conversation_id
        CON- and a UUID.
    can_hear, can_speak
        UUIDs of legs, as for `conversation()`. `mute` is not possible with `can_speak`.
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
