"""voicekit.secret_input: what may be stored of an input that its URL calls secret."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.event import parse_event
from voicekit.secret_input import without_input
from voicekit.webhook import Webhook, WebhookRequest
from voicekit.webhook_fields import parse_fields

PIN = "48273"
WORDS = "swordfish"


def webhook(fields: dict[str, Any], method: str = "POST") -> Webhook:
    query, body = "flow=pin&secret=1", b""
    if method == "GET":
        texts = {n: v if isinstance(v, str) else json.dumps(v) for n, v in fields.items()}
        query += "&" + urlencode(texts)
    else:
        body = json.dumps(fields).encode()
    own = ("flow", "secret")
    request = WebhookRequest(method, "/webhooks/dtmf", query, None, body, "", 0.0)
    parsed = parse_fields(method, query if method == "GET" else body, own)
    return Webhook(request, parsed, {"flow": "pin", "secret": "1"}, "", 0.0)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    "entered",
    [
        {"dtmf": {"digits": PIN, "timed_out": True}, "speech": {"results": []}},
        {"dtmf": PIN, "timed_out": "false"},
        {"dtmf": [PIN]},
        {"dtmf": {"digits": int(PIN)}},
        {"dtmf": {"digits": [PIN], "other": PIN, "timed_out": PIN}},
        {"dtmf": {"digits": "1"}, "speech": {"results": [{"text": WORDS}], "error": WORDS}},
        {"speech": {"recording_url": WORDS, "results": PIN}},
        {"speech": WORDS},
        {"speech": [WORDS, PIN]},
    ],
)
def test_digits_and_speech_are_in_no_text_and_no_field(
    method: str, entered: dict[str, Any]
) -> None:
    fields = {"conversation_uuid": "CON-1", "timestamp": "2026-01-31T10:00:00Z", **entered}
    stored = without_input(webhook(fields, method))
    everything = repr(stored) + stored.request.text
    assert PIN not in everything
    assert WORDS not in everything
    # and it is still an input of the same conversation, at the same time
    event = parse_event(stored.fields)
    assert (event.kind, event.conversation) == ("input", "CON-1")
    assert event.timestamp == "2026-01-31T10:00:00.000Z"


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_was_entered_does_not_change_what_is_stored(method: str) -> None:
    pins = ({"dtmf": {"digits": digits, "timed_out": False}} for digits in ("1234", "98", "7#"))
    stored = [without_input(webhook(fields, method)) for fields in pins]
    assert len({one.request.text for one in stored}) == 1
    assert len({parse_event(one.fields).key for one in stored}) == 1


def test_it_remains_visible_that_nothing_was_entered() -> None:
    fields = {"dtmf": {"digits": None, "timed_out": True}, "speech": {"results": []}}
    assert without_input(webhook(fields)).fields["dtmf"] == {"digits": "", "timed_out": True}


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("method", ["POST", "GET"])
@given(dtmf=_values, speech=_values, other=st.text(max_size=20))
def test_what_is_stored_parses_to_the_event_whose_key_it_has(
    method: str, dtmf: Any, speech: Any, other: str
) -> None:
    # such as the timeline, which reads the stored text
    stored = without_input(webhook({"dtmf": dtmf, "speech": speech, "detail": other}, method))
    read = parse_fields(method, stored.request.text, ("flow", "secret"))
    assert parse_event(read).key == parse_event(stored.fields).key
