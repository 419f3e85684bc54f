"""The builders of what stands inside actions: endpoints, and parts that have options of their own.

They keep the same promises as those in `actions`.
"""

from __future__ import annotations

from voicekit.ncco import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from voicekit.ncco.value_rules import Rule

    Json: TypeAlias = dict[str, Any]


def part(where: str, rule: Rule, options: Json) -> Json:
    """Give the options that were given, checked by their rule."""
    given = {name: value for name, value in options.items() if value is not None}
    rule(where, given)
    return given


def in_array(value: object) -> list[object] | None:
    """Give what stands in an array of one on the wire, as URLs do."""
    return None if value is None else [value]


def _endpoint(kind: str, options: Json) -> Json:
    return {"type": kind, **part("connect.endpoint[0]", rules.ENDPOINTS[kind], options)}


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
    return part(
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
    return part(
        "input.speech",
        rules.speech,
        {
            "uuid": in_array(uuid),
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
    return part(
        "transcription",
        rules.transcription,
        {
            "language": language,
            "eventUrl": in_array(event_url),
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
    return part(
        "connect.advancedMachineDetection",
        rules.advanced_machine_detection,
        {"behavior": behavior, "mode": mode, "beep_timeout": beep_timeout},
    )


def on_answer(url: str, *, ringback_tone: str | None = None) -> Json:
    """Name the URL of an NCCO that the called person hears before being connected."""
    return part(
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
    return part(
        "connect.endpoint[0].authorization", rules.authorization, {"type": kind, "value": value}
    )
