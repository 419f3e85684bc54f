"""What a flow is given: the call it answers, and what the caller or the platform said meanwhile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from voicekit.webhook_fields import SIP_HEADER_PREFIX, BadRequest, is_vonage_field, json_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicekit.settings import StackSettings
    from voicekit.webhook import Webhook

_DOORS = ("answer", "dtmf", "asr", "notification", "event", "recordings")


class Call(NamedTuple):
    """A call, as far as the webhook that is being answered tells of it.

    Attributes
    ----------
    flow
        The name of the flow that answers it.
    from_, to
        Who calls and who is called: E.164 numbers without the plus, names of users, or SIP URIs.
        ``from_`` is None where the caller withheld it, and both are where the webhook does not say.
    uuid, conversation_uuid
        The leg and the conversation; None where the webhook does not say.
    region_url
        The base address of Vonage's region that holds the call, None where unknown.
    custom_data
        What a Client SDK sent along.
    sip_headers
        The SIP headers of an inbound SIP call, as ``{"X-Foo": "…"}``.
    state
        The query parameters of the URL under which the webhook came: what the flow itself put
        there with `url`, or what stands in the URL set at Vonage. It is not signed on POST.
    settings
        The settings of the stack.
    base_url
        The address of this application, without a slash at its end.
    """

    flow: str
    from_: str | None
    to: str | None
    uuid: str | None
    conversation_uuid: str | None
    region_url: str | None
    custom_data: Mapping[str, Any]
    sip_headers: Mapping[str, str]
    state: Mapping[str, str]
    settings: StackSettings
    base_url: str

    @property
    def language(self) -> str:
        """The language that callers are expected to speak, a BCP-47 tag."""
        return self.settings.language

    @property
    def attempt(self) -> int:
        """Which attempt at the same question this is, from 1, as `url` was told (1 to 99)."""
        text = self.state.get("attempt", "")
        return int(text) if re.fullmatch("[1-9][0-9]?", text) else 1

    def url(self, door: str, **state: str | int) -> str:
        """Give the URL under which Vonage reaches the same flow again.

        Parameters
        ----------
        door
            The webhook: ``answer``, ``dtmf``, ``asr``, ``notification``, ``event`` or
            ``recordings``.
        state
            What the flow wants to know then, such as ``attempt=2``. It is the only state that a
            flow keeps; Vonage and whoever reads its logs can see it.

        Raises
        ------
        ValueError
            If there is no such webhook, or if a name is one that Vonage gives to its own fields.
        """
        if door not in _DOORS:
            raise ValueError(f"there is no webhook {door}: it is one of {', '.join(_DOORS)}")
        taken = sorted(name for name in state if is_vonage_field(name) or name == "flow")
        if taken:
            raise ValueError(f"{', '.join(taken)}: the webhook itself uses this name")
        query = urlencode({"flow": self.flow, **state})
        return f"{self.base_url}/webhooks/{door}?{query}"


class SpeechResult(NamedTuple):
    """One reading of what a caller said, with its confidence from 0 to 1."""

    text: str
    confidence: float


class Input(NamedTuple):
    """What an input action gathered.

    Attributes
    ----------
    digits
        The keys that were pressed; empty if none were.
    timed_out
        Whether the wait for keys ended by its time, which it may with keys pressed before.
    speech
        What the caller said, the likeliest reading first; empty if nothing was understood.
    speech_error
        What Vonage says went wrong with the speech, None if nothing did.
    timeout_reason
        Why listening ended: ``end_on_silence_timeout``, ``max_duration``, ``start_timeout``.
    """

    digits: str
    timed_out: bool
    speech: tuple[SpeechResult, ...]
    speech_error: str | None
    timeout_reason: str | None


class Event(NamedTuple):
    """What Vonage reports of a leg; `fields` holds all of it."""

    status: str
    direction: str | None
    detail: str | None
    sub_state: str | None
    fields: Mapping[str, Any]


def from_webhook(webhook: Webhook, flow: str, settings: StackSettings) -> Call:
    """Make the call that a webhook tells of.

    Raises
    ------
    BadRequest
        If a field is not of its kind.
    """
    fields = webhook.fields
    custom = fields.get("custom_data") or {}
    if isinstance(custom, str):
        custom = json_object(custom, "custom_data")
    if not isinstance(custom, dict):
        raise BadRequest("custom_data is not an object")
    return Call(
        flow=flow,
        from_=_text(fields, "from") or _text(fields, "from_user"),
        to=_text(fields, "to"),
        uuid=_text(fields, "uuid") or _text(fields, "call_uuid"),
        conversation_uuid=_text(fields, "conversation_uuid"),
        region_url=_text(fields, "region_url"),
        custom_data=custom,
        sip_headers={
            name.removeprefix(SIP_HEADER_PREFIX): value
            for name, value in fields.items()
            if name.startswith(SIP_HEADER_PREFIX) and isinstance(value, str)
        },
        state=webhook.state,
        settings=settings,
        base_url=webhook.base_url,
    )


def input_of(fields: Mapping[str, Any]) -> Input:
    """Read what an input action gathered, in each form that Vonage has been seen to send.

    Speech may be missing, an error or an empty list where only keys were asked for; digits may be
    null where only speech was (Vonage Webhook reference: input; official SDKs' captures).

    Raises
    ------
    BadRequest
        If neither keys nor speech are of a known form.
    """
    dtmf, speech = fields.get("dtmf"), fields.get("speech")
    if dtmf is None and speech is None:
        raise BadRequest("neither dtmf nor speech is there")
    if isinstance(dtmf, str):  # the form before the option `type`
        dtmf = {"digits": dtmf, "timed_out": fields.get("timed_out")}
    dtmf, speech = dtmf or {}, speech or {}
    if not isinstance(dtmf, dict) or not isinstance(speech, dict):
        raise BadRequest("dtmf or speech is not an object")
    digits, results = dtmf.get("digits") or "", speech.get("results") or []
    if not isinstance(digits, str) or not isinstance(results, list):
        raise BadRequest("dtmf.digits is not text or speech.results is not a list")
    readings = [_speech_result(result) for result in results]
    return Input(
        digits=digits,
        timed_out=dtmf.get("timed_out") in (True, "true"),
        speech=tuple(sorted(readings, key=lambda reading: -reading.confidence)),
        speech_error=_text(speech, "error"),
        timeout_reason=_text(speech, "timeout_reason"),
    )


def event_of(fields: Mapping[str, Any]) -> Event:
    """Read what Vonage reports of a leg.

    Raises
    ------
    BadRequest
        If there is no status.
    """
    status = _text(fields, "status")
    if status is None:
        raise BadRequest("status is missing")
    return Event(
        status,
        _text(fields, "direction"),
        _text(fields, "detail"),
        _text(fields, "sub_state"),
        fields,
    )


def _speech_result(result: object) -> SpeechResult:
    if not isinstance(result, dict) or not isinstance(result.get("text"), str):
        raise BadRequest("a result of speech has no text")
    try:
        confidence = float(result.get("confidence") or 0)
    except (TypeError, ValueError, OverflowError):
        confidence = 0.0
    # What is no number between 0 and 1 tells nothing; NaN would spoil the order.
    return SpeechResult(result["text"], confidence if 0 <= confidence <= 1 else 0.0)


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRequest(f"{name} is not text")
    return value.strip()
