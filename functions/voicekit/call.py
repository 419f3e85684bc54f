"""The arguments of a flow's functions: the call, the caller's input, and the events of its legs."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from voicekit.e164 import is_number
from voicekit.named_tuple import NamedTuple
from voicekit.webhook_fields import SIP_HEADER_PREFIX, BadRequest, is_vonage_field, json_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from voicekit.lines import Line
    from voicekit.settings import StackSettings
    from voicekit.webhook import Webhook

_WEBHOOKS = ("answer", "dtmf", "asr", "notification", "event", "recordings")
_OUR_PARAMETERS = ("flow", "signed", "secret")


class InvalidState(Exception):
    """The URL has a state whose token is invalid, so the flow must not run."""


class FlowContext(NamedTuple):
    """What the methods of a call need of the application.

    Attributes
    ----------
    hook
        The function of the flow that runs, such as ``dtmf``.
    secrets
        Returns the signature secrets: the first one signs, all of them are valid.
    now
        When the webhook arrived, in seconds since 1970.
    emitted
        The events that the flow emitted so far.
    read_line
        Returns the business line of a number; None reads no switchboard.
    log_fields
        Further fields for the log line of the webhook; None logs none.
    """

    hook: str
    secrets: Callable[[], Sequence[str]]
    now: float
    emitted: list[dict[str, Any]]
    read_line: Callable[[str | None], Line] | None = None
    log_fields: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"FlowContext({self.hook!r})"


class Call(NamedTuple):
    """A call, with the details that are in the current webhook.

    Attributes
    ----------
    flow
        The name of the running flow.
    from_, to
        Caller and callee: E.164 numbers without the plus, user names, or SIP URIs. Each is None if
        the webhook doesn't name it; ``from_`` also if the caller withholds the number.
    uuid, conversation_uuid
        The leg and the conversation; None if the webhook doesn't name them.
    region_url
        The base URL of the Vonage region that handles the call, None if unknown.
    custom_data
        The custom data of a Client SDK call; empty if the webhook is not verified.
    sip_headers
        The SIP headers of an inbound SIP call, as ``{"X-Foo": "…"}``; empty if the webhook is not
        verified.
    state
        The query parameters of the webhook's URL: those that the flow passed to `url`, or those of
        the URL configured at Vonage. They are not signed.
    signed_state
        The state that the flow passed to `url` as ``state``; empty without one. It is what the flow
        passed, in this conversation, within the last four hours.
    settings
        The settings of the stack.
    base_url
        The base URL of this application, without a trailing slash.
    verified
        Whether Vonage's signature covers the fields above. It is False only for an answer webhook
        by GET whose payload hash does not match. Even a signed number proves nothing about the
        caller, who can choose it.
    context
        What `url` and `emit` need of the application; flows do not use it.
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
    signed_state: Mapping[str, Any]
    settings: StackSettings
    base_url: str
    verified: bool
    context: FlowContext

    @property
    def line(self) -> Line:
        """The business line of the call: its part of the switchboard, or the default line.

        It is the line of the number in the parameter ``line`` of the webhook's URL. Without that,
        it is the called number's, or that of your Vonage number if it places the call. In an event
        of a callee's leg, only the parameter names it.
        """
        number = self._number_of_line()
        if self.context.read_line is not None:
            return self.context.read_line(number)
        from voicekit.lines import read_line  # only flows that use a line pay for this import

        return read_line(number, None, self.settings)[0]

    def _number_of_line(self) -> str | None:
        named, ours = self.state.get("line"), self.settings.vonage_number
        if named and is_number(named):
            return named
        if self.to and is_number(self.to) and not (ours and self.from_ == ours):
            return self.to
        return ours or None

    @property
    def language(self) -> str:
        """The language expected of callers, a BCP-47 tag: that of the line, or the stack's."""
        return self.line.language

    @property
    def attempt(self) -> int:
        """The number of the attempt that was passed to `url`, from 1 to 99; 1 without one."""
        text = self.state.get("attempt", "")
        return int(text) if re.fullmatch("[1-9][0-9]?", text) else 1

    def url(
        self,
        webhook: str,
        /,
        *,
        state: Mapping[str, Any] | None = None,
        secret: bool = False,
        **parameters: str | int,
    ) -> str:
        """Return the URL of a webhook that runs the same flow.

        Parameters
        ----------
        webhook
            ``answer``, ``dtmf``, ``asr``, ``notification``, ``event`` or ``recordings``.
        state
            A dict that the flow gets back in `signed_state`: up to 1,024 bytes of JSON. It is
            signed, valid for this conversation and for at least three hours. It is not encrypted.
        secret
            Whether what the caller enters is a secret. The flow gets the digits and the speech, and
            nothing else does: they are neither stored nor logged.
        parameters
            Query parameters that the flow gets back in `state`, such as ``attempt=2``. They are not
            signed.

        Vonage, and everyone with access to its logs, can read parameters and state.

        Raises
        ------
        ValueError
            If there is no such webhook, if a name is reserved, or if the state is too large.
        TypeError
            If ``state`` is not a dict, or has a value that JSON does not know, or if ``secret`` is
            not a bool.
        """
        if webhook not in _WEBHOOKS:
            raise ValueError(f"{webhook}: unknown webhook; expected one of {', '.join(_WEBHOOKS)}")
        reserved = [n for n in sorted(parameters) if is_vonage_field(n) or n in _OUR_PARAMETERS]
        if reserved:
            raise ValueError(f"{', '.join(reserved)}: reserved name. Choose another name.")
        query = {"flow": self.flow, **parameters}
        if state is not None:
            from voicekit.signed_state import sign_state

            secrets, now = self.context.secrets(), self.context.now
            query["signed"] = sign_state(state, secrets, self.conversation_uuid, now)
        if not isinstance(secret, bool):
            raise TypeError("secret is neither True nor False")
        if secret:
            query |= {"secret": 1}
        return f"{self.base_url}/webhooks/{webhook}?{urlencode(query)}"

    def emit(self, name: str, data: Mapping[str, Any]) -> None:
        """Emit an event of your own, which is stored with the webhook and then published.

        The event counts only if this function of the flow returns a valid result. If Vonage repeats
        the webhook, what the flow emitted first counts. A webhook has at most ten events, with
        16,384 bytes of JSON in total.

        Parameters
        ----------
        name
            Words in lower case, separated by periods, such as ``appointment.cancelled``. The first
            word is not ``voice``.
        data
            A dict of JSON values.

        Raises
        ------
        ValueError
            If the name or the data is invalid, or there are too many events.
        TypeError
            If the data is not a dict, or has a value that JSON does not know.
        RuntimeError
            In the function ``answer``, whose webhook is not stored.
        """
        from voicekit.emitted_events import add_event

        if self.context.hook == "answer":
            raise RuntimeError(
                "emit: the answer webhook is not stored. Emit in dtmf, asr, notification or event."
            )
        add_event(self.context.emitted, name, data, self.flow)


class SpeechResult(NamedTuple):
    """One transcript of what a caller said, with its confidence from 0 to 1."""

    text: str
    confidence: float


class Input(NamedTuple):
    """The result of an input action.

    Attributes
    ----------
    digits
        The digits that the caller pressed; empty if none.
    timed_out
        Whether the wait for digits timed out, which is possible after some digits.
    speech
        What the caller said, the most likely transcript first; empty if nothing was recognized.
    speech_error
        Vonage's error for the speech, None without one.
    timeout_reason
        Why recognition ended: ``end_on_silence_timeout``, ``max_duration``, ``start_timeout``.
    """

    digits: str
    timed_out: bool
    speech: tuple[SpeechResult, ...]
    speech_error: str | None
    timeout_reason: str | None


class Event(NamedTuple):
    """An event of a leg; `fields` has all of its fields."""

    status: str
    direction: str | None
    detail: str | None
    sub_state: str | None
    fields: Mapping[str, Any]


def from_webhook(
    webhook: Webhook, flow: str, settings: StackSettings, context: FlowContext | None = None
) -> Call:
    """Build the call from a webhook; without a context, it can neither sign state nor emit.

    Raises
    ------
    BadRequest
        If a field has the wrong type.
    InvalidState
        If the URL has a state that is not signed for this conversation, or has expired.
    """
    context = context or FlowContext("answer", tuple, webhook.request.received_at, [])
    fields = webhook.fields
    signed = fields if webhook.verified else {}
    custom = signed.get("custom_data") or {}
    if isinstance(custom, str):
        custom = json_object(custom, "custom_data")
    if not isinstance(custom, dict):
        raise BadRequest("custom_data is not an object")
    conversation = _text(fields, "conversation_uuid")
    return Call(
        flow=flow,
        from_=_text(fields, "from") or _text(fields, "from_user"),
        to=_text(fields, "to"),
        uuid=_text(fields, "uuid") or _text(fields, "call_uuid"),
        conversation_uuid=conversation,
        region_url=_text(fields, "region_url"),
        custom_data=custom,
        sip_headers={
            name.removeprefix(SIP_HEADER_PREFIX): value
            for name, value in signed.items()
            if name.startswith(SIP_HEADER_PREFIX) and isinstance(value, str)
        },
        state=webhook.state,
        signed_state=_signed_state(webhook.state, conversation, context),
        settings=settings,
        base_url=webhook.base_url,
        verified=webhook.verified,
        context=context,
    )


def _signed_state(
    parameters: Mapping[str, str], conversation: str | None, context: FlowContext
) -> Mapping[str, Any]:
    if "signed" not in parameters:
        return {}
    from voicekit.signed_state import read_state
    from voicekit.signed_token import InvalidToken

    try:
        return read_state(parameters["signed"], context.secrets(), conversation, context.now)
    except InvalidToken as error:
        raise InvalidState(f"invalid state token in the URL: {error}") from None


def input_of(fields: Mapping[str, Any]) -> Input:
    """Parse the result of an input action, in every format that Vonage is known to send.

    For an input of digits only, speech may be missing, an error or an empty list. For one of speech
    only, digits may be null (Vonage Webhook reference: input; captures of the official SDKs).

    Raises
    ------
    BadRequest
        If neither digits nor speech have a known format.
    """
    dtmf, speech = fields.get("dtmf"), fields.get("speech")
    if dtmf is None and speech is None:
        raise BadRequest("dtmf and speech are both missing")
    if isinstance(dtmf, str):  # the format before the option `type` existed
        dtmf = {"digits": dtmf, "timed_out": fields.get("timed_out")}
    dtmf, speech = dtmf or {}, speech or {}
    if not isinstance(dtmf, dict) or not isinstance(speech, dict):
        raise BadRequest("dtmf or speech is not an object")
    digits, results = dtmf.get("digits") or "", speech.get("results") or []
    if not isinstance(digits, str) or not isinstance(results, list):
        raise BadRequest("dtmf.digits is not a string or speech.results is not an array")
    transcripts = [_speech_result(result) for result in results]
    return Input(
        digits=digits,
        timed_out=dtmf.get("timed_out") in (True, "true"),
        speech=tuple(sorted(transcripts, key=lambda transcript: -transcript.confidence)),
        speech_error=_text(speech, "error"),
        timeout_reason=_text(speech, "timeout_reason"),
    )


def event_of(fields: Mapping[str, Any]) -> Event:
    """Parse an event of a leg.

    Raises
    ------
    BadRequest
        If it has no status.
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
        raise BadRequest("an item of speech.results has no text")
    try:
        confidence = float(result.get("confidence") or 0)
    except (TypeError, ValueError, OverflowError):
        confidence = 0.0
    # Only a number from 0 to 1 is meaningful, and NaN would break the order.
    return SpeechResult(result["text"], confidence if 0 <= confidence <= 1 else 0.0)


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRequest(f"{name} is not a string")
    return value.strip()
