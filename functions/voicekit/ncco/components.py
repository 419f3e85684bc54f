"""Builders of endpoints and nested options of NCCO actions.

They return and raise what the builders in `actions` do.
"""

from __future__ import annotations

from voicekit.ncco import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from voicekit.ncco.value_rules import Rule

    Json: TypeAlias = dict[str, Any]


def part(where: str, rule: Rule, options: Json) -> Json:
    """Return the options that are not None, checked by a rule."""
    passed = {name: value for name, value in options.items() if value is not None}
    rule(where, passed)
    return passed


def in_array(value: object) -> list[object] | None:
    """Return a value in an array of one, the wire format of URLs."""
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
    """Return a phone number as an endpoint.

    Parameters
    ----------
    number
        E.164 without a plus: 447700900000.
    dtmf_answer
        DTMF digits to send when the callee answers: 0-9 * #, and p for a pause of half a second.
    on_answer
        The result of `on_answer()`.
    shaken
        Content of the STIR/SHAKEN Identity header.
    """
    return _endpoint(
        "phone",
        {"number": number, "dtmfAnswer": dtmf_answer, "onAnswer": on_answer, "shaken": shaken},
    )


def app(user: str) -> Json:
    """Return a user of the Client SDK as an endpoint."""
    return _endpoint("app", {"user": user})


def websocket(
    uri: str,
    *,
    content_type: str = "audio/l16;rate=16000",
    headers: Json | None = None,
    authorization: Json | None = None,
) -> Json:
    """Return a WebSocket server as an endpoint.

    Parameters
    ----------
    uri
        ws: or wss:.
    content_type
        audio/l16;rate=8000, 16000 or 24000. Vonage has no default; ours is from its example.
    headers
        An object of at most 512 bytes as JSON, which is part of the first message. The names
        `event` and `content-type` are reserved.
    authorization
        The result of `authorization()`. Without it, the handshake may be unsigned.
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
    """Return a SIP endpoint, either from its URI, or from user and domain.

    Parameters
    ----------
    uri
        sip: or sips:; it may end in ;transport=tls and ;media=srtp.
    headers
        SIP headers; Vonage adds X- to each name.
    standard_headers
        SIP headers that Vonage sends unchanged. The dial policy allows only User-to-User.
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
    """Return an extension of Vonage Business Communications as an endpoint."""
    return _endpoint("vbc", {"extension": extension})


# Nested options


def dtmf(
    *,
    time_out: int | None = None,
    max_digits: int | None = None,
    submit_on_hash: bool | None = None,
) -> Json:
    """Return the DTMF options of `input()`.

    Parameters
    ----------
    time_out
        Seconds after the last digit, 0 to 10; the default is 3.
    max_digits
        1 to 20; the default is 4.
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
    """Return the speech recognition options of `input()`.

    Parameters
    ----------
    uuid
        The leg whose speech is recognized; the default is the first.
    end_on_silence
        Seconds of silence that end it, 0.4 to 10; the default is 2.
    language
        BCP-47; the default is en-US.
    context
        Expected words.
    start_timeout, max_duration
        Seconds to wait for speech, and maximum seconds of speech: 1 to 60.
    save_audio
        Add the URL of a recording to the webhook.
    sensitivity
        0 to 100; the default is 90.
    provider
        deepgram or google; `provider_options` are those of the provider.
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
    """Return the transcription options of `record()` or `conversation()`."""
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
    """Return the machine detection options of `connect()`.

    Parameters
    ----------
    behavior
        continue or hangup.
    mode
        detect, detect_beep, or default, with which the NCCO does not wait for the result.
    beep_timeout
        Seconds to wait for the beep, 30 to 120.
    """
    return part(
        "connect.advancedMachineDetection",
        rules.advanced_machine_detection,
        {"behavior": behavior, "mode": mode, "beep_timeout": beep_timeout},
    )


def on_answer(url: str, *, ringback_tone: str | None = None) -> Json:
    """Return the options of an NCCO that runs for the callee before the legs are connected."""
    return part(
        "connect.endpoint[0].onAnswer",
        rules.on_answer,
        {"url": url, "ringbackTone": ringback_tone},
    )


def authorization(kind: str, value: str | None = None) -> Json:
    """Return the options of the Authorization header in a WebSocket handshake.

    Parameters
    ----------
    kind
        vonage (a token signed like the webhooks) or custom.
    value
        The value of the header, only for custom, at most 8191 characters.
    """
    return part(
        "connect.endpoint[0].authorization", rules.authorization, {"type": kind, "value": value}
    )
