"""Calls for the tests of flows: single ones, and Hypothesis strategies for any call."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.support.environment import stack
from voicekit.call import FlowContext, from_webhook
from voicekit.settings import from_environment
from voicekit.webhook import Webhook, WebhookRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicekit.call import Call

BASE = "https://abc123.execute-api.eu-west-2.amazonaws.com/live"
CALLER, OURS, SECOND = "447700900000", "442079460000", "447700900001"
LEG = "0779a56d002f1c7f47f82ef5fe84ab79"
CONVERSATION = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
NOW = 1_790_000_000.0
INBOUND = {"from": CALLER, "to": OURS, "uuid": LEG, "conversation_uuid": CONVERSATION}

SECRETS = (secrets.token_hex(24),)
ENVIRONMENT = stack(CONFERENCE_NAME="reception", LANGUAGE="en-US", KEEP_EVENTS_DAYS="90")


def a_call(
    flow: str,
    fields: Mapping[str, Any] = INBOUND,
    state: Mapping[str, str] | None = None,
    hook: str = "answer",
    **environment: str,
) -> Call:
    """Return a call as a flow's function receives it; the default is an inbound call."""
    webhook = Webhook(
        WebhookRequest("POST", "/live/webhooks/answer", "", None, b"", "", 0.0),
        dict(fields),
        dict(state or {}),
        BASE,
        deadline=0.0,
    )
    context = FlowContext(hook, lambda: SECRETS, NOW, [])
    return from_webhook(webhook, flow, from_environment({**ENVIRONMENT, **environment}), context)


# Any well-formed call

_numbers = st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True)
_texts = st.text(max_size=40)
_who = st.one_of(
    _numbers,
    st.sampled_from(["Unknown", " 447700900000", "+447700900000", "anonymous", "", "<speak>"]),
    st.sampled_from(["sip:alice@example.com;transport=tls", "sips:+447700900000@example.com"]),
    _texts,
)
_answer_fields = st.fixed_dictionaries(
    {"conversation_uuid": st.just(CONVERSATION)},
    optional={
        "to": _who,
        "uuid": st.just(LEG),
        "from": st.none() | _who,
        "from_user": _texts,
        "endpoint_type": st.sampled_from(["phone", "app", "sip", "websocket", "vbc"]),
        "region_url": st.just("https://api-eu-3.vonage.com"),
        "custom_data": st.none() | st.just('{"key":"value"}') | st.dictionaries(_texts, _texts),
        "SipHeader_X-Foo": _texts,
        "SipHeader_User-to-User": _texts,
        "reason": st.just("Connection closed."),
    },
)
# A state token that is wrong never reaches a flow.
_parameters = _texts.filter(lambda name: name != "signed")
_states = st.dictionaries(_parameters, _texts, max_size=3) | st.fixed_dictionaries(
    {
        "attempt": st.integers(-1, 200).map(str)
        | st.sampled_from(["001" + "0" * 5000, "0" * 5000 + "1", "٣", "1e1", "1.5", "0999999"])
        | _texts
    }
)
_environments = st.fixed_dictionaries(
    {
        "VONAGE_NUMBER": st.just("") | _numbers,
        "SECOND_NUMBER": st.just("") | _numbers,
        "LANGUAGE": st.sampled_from(["en-US", "de-DE", "cmn-Hans-CN"]),
        "AGENT": st.sampled_from(["", "wss://bot.example.com/ws"]),
        "CONFERENCE_NAME": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    }
)


@st.composite
def calls(draw: st.DrawFn, flow: str) -> Call:
    """Draw a call with any caller, settings and URL parameters."""
    return a_call(flow, draw(_answer_fields), draw(_states), **draw(_environments))


# Inputs, payloads and events, in every known form of Vonage

_hostile = st.one_of(
    st.text(max_size=300),
    st.text("<>&\"'/ speakbr\x00\ud800", max_size=300),
    st.sampled_from(
        [
            "</speak><speak>",
            '<audio src="https://example.com/a.mp3"/>',
            "]]>&amp;&#0;<!-- ",
            "'" * 100_000,
            "&" * 100_000,
            "word " * 20_000,
        ]
    ),
)
_results = st.lists(
    st.fixed_dictionaries(
        {"text": _hostile},
        optional={
            "confidence": st.floats(allow_nan=True)
            | st.sampled_from(["0.93", "", "high", None])
            | st.integers()
        },
    ),
    max_size=3,
)
_speech = st.fixed_dictionaries(
    {},
    optional={
        "results": st.none() | _results,
        "error": st.sampled_from(
            [
                "ERR1: Failed to analyze audio",
                "Speech overridden by DTMF",
                "Speech was not enabled",
            ]
        ),
        "timeout_reason": st.sampled_from(
            ["end_on_silence_timeout", "max_duration", "start_timeout"]
        ),
        "recording_url": st.just("https://api.nexmo.com/v1/files/1"),
    },
)
_digits = st.text("0123456789*#", max_size=20)
_dtmf = st.one_of(
    st.fixed_dictionaries({"digits": st.none() | _digits | _hostile, "timed_out": st.booleans()}),
    _digits,  # the form before the option `type`
)
inputs = st.one_of(
    st.fixed_dictionaries({"dtmf": _dtmf}, optional={"speech": st.none() | _speech}),
    st.fixed_dictionaries({"speech": _speech}, optional={"dtmf": st.none() | _dtmf}),
)

payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)

events = st.fixed_dictionaries(
    {
        "status": st.sampled_from(
            [
                "started",
                "ringing",
                "answered",
                "human",
                "machine",
                "busy",
                "cancelled",
                "timeout",
                "unanswered",
                "rejected",
                "failed",
                "disconnected",
                "completed",
            ]
        )
        | _texts.filter(bool),
        "timestamp": st.just("2021-03-29T21:20:05.582Z"),
    },
    optional={
        "direction": st.sampled_from(["inbound", "outbound"]),
        "detail": st.sampled_from(["unavailable", "timeout", "declined", "cannot_route"]),
        "sub_state": st.sampled_from(["beep_start", "beep_timeout"]),
        "sip_code": st.sampled_from([404, 480, 486, 603]),
        "headers": st.dictionaries(_texts, _texts, max_size=2),
        "start_time": st.none(),
        "network": st.none() | st.just("GB-FIXED"),
        "from": st.none() | _who,
    },
)
