"""voicekit.call: the call, input and event of a flow, and the URLs of its webhooks."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.environment import stack
from voicekit.call import Call, event_of, from_webhook, input_of
from voicekit.settings import from_environment
from voicekit.webhook import Webhook, WebhookRequest
from voicekit.webhook_fields import BadRequest

SETTINGS = from_environment(stack())
UUID = "0779a56d002f1c7f47f82ef5fe84ab79"


def call(state: Any = None, verified: Any = True, **fields: Any) -> Call:
    request = WebhookRequest("POST", "/webhooks/answer", "", None, b"", "host", 0.0)
    base = "https://voice.example.com"
    webhook = Webhook(request, fields, state or {}, base, 0.0, verified=verified)
    return from_webhook(webhook, "greet", SETTINGS)


def test_a_call_has_the_fields_of_the_webhook() -> None:
    parsed = call(
        **{"from": " 447700900123", "to": "442079460000", "uuid": UUID},
        conversation_uuid="CON-1",
        region_url="https://api-us-3.vonage.com",
        SipHeader_X_Foo="bar",
    )
    assert (parsed.from_, parsed.to, parsed.uuid) == ("447700900123", "442079460000", UUID)
    assert (parsed.conversation_uuid, parsed.region_url) == ("CON-1", "https://api-us-3.vonage.com")
    assert parsed.sip_headers == {"X_Foo": "bar"}
    assert parsed.language == "en-GB"


@pytest.mark.parametrize("custom", [{"role": "owner"}, '{"role": "owner"}', "not JSON", [1]])
def test_a_webhook_that_is_not_verified_has_no_custom_data_and_no_sip_headers(
    custom: object,
) -> None:
    parsed = call(verified=False, **{"from": "447700900123"}, custom_data=custom, SipHeader_X="y")
    assert (parsed.verified, parsed.custom_data, parsed.sip_headers) == (False, {}, {})
    assert parsed.from_ == "447700900123"


def test_a_verified_webhook_says_so() -> None:
    assert call().verified


def test_the_caller_of_a_client_sdk_is_in_from_user() -> None:
    assert call(from_user="JaneDoe").from_ == "JaneDoe"


def test_a_withheld_number_is_none() -> None:
    assert call(**{"from": None}).from_ is None


def test_machine_detection_has_the_leg_in_call_uuid() -> None:
    assert call(call_uuid=UUID).uuid == UUID


@pytest.mark.parametrize("custom", [{"a": [1]}, '{"a": [1]}'])
def test_custom_data_is_an_object_or_a_json_string(custom: object) -> None:
    assert call(custom_data=custom).custom_data == {"a": [1]}


@pytest.mark.parametrize("custom", [None, "", {}])
def test_custom_data_may_be_missing(custom: object) -> None:
    assert call(custom_data=custom).custom_data == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"from": 447700900123},
        {"to": ["442079460000"]},
        {"uuid": {}},
        {"uuid": True},
        {"conversation_uuid": 1},
        {"region_url": []},
        {"custom_data": [1]},
        {"custom_data": 1},
        {"custom_data": "[]"},
        {"custom_data": "{"},
    ],
)
def test_a_field_of_the_wrong_type_is_rejected(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        call(**fields)


def test_a_webhook_url_names_the_flow_and_its_state() -> None:
    parts = urlsplit(call().url("dtmf", attempt=2, name="Zoë & Co"))
    assert (parts.scheme, parts.netloc, parts.path) == (
        "https",
        "voice.example.com",
        "/webhooks/dtmf",
    )
    assert parse_qs(parts.query) == {"flow": ["greet"], "attempt": ["2"], "name": ["Zoë & Co"]}


@pytest.mark.parametrize("name", ["flow", "to", "uuid", "payload", "SipHeader_X-Foo"])
def test_state_may_not_use_reserved_names(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        call().url("dtmf", **{name: "x"})  # type: ignore[arg-type]


@pytest.mark.parametrize("webhook", ["fallback", "", "../calls", "answer?x="])
def test_a_url_is_only_for_a_webhook(webhook: str) -> None:
    with pytest.raises(ValueError, match="unknown webhook"):
        call().url(webhook)


@pytest.mark.parametrize(
    ("text", "attempt"),
    [
        ("1", 1),
        ("3", 3),
        ("99", 99),
        ("0", 1),
        ("100", 1),
        ("", 1),
        ("-2", 1),
        ("two", 1),
        ("0055555", 1),
        ("050" + "9" * 5000, 1),
        ("\u0663", 1),
        ("3\n", 1),
    ],
)
def test_an_attempt_is_a_number_from_1_to_99(text: str, attempt: int) -> None:
    assert call({"attempt": text}).attempt == attempt


def test_the_first_attempt_is_1() -> None:
    assert call().attempt == 1


# Input


def test_digits() -> None:
    result = input_of({"dtmf": {"digits": "12", "timed_out": True}, "speech": {"results": []}})
    assert (result.digits, result.timed_out, result.speech) == ("12", True, ())


@pytest.mark.parametrize("timed_out", [True, "true"])
def test_digits_in_the_older_format(timed_out: object) -> None:
    result = input_of({"dtmf": "1", "timed_out": timed_out})
    assert (result.digits, result.timed_out) == ("1", True)


def test_digits_may_be_null_for_an_input_of_speech() -> None:
    result = input_of(
        {
            "dtmf": {"digits": None, "timed_out": False},
            "speech": {"timeout_reason": "start_timeout", "error": "ERR1"},
        }
    )
    assert (result.digits, result.speech_error) == ("", "ERR1")
    assert result.timeout_reason == "start_timeout"


def test_the_most_likely_transcript_comes_first() -> None:
    results = [
        {"text": "fool", "confidence": "0.2"},
        {"text": "full", "confidence": 0.9},
        {"text": "none"},
        {"text": "nan", "confidence": "NaN"},
        {"text": "huge", "confidence": 10**400},
        {"text": "list", "confidence": [1]},
    ]
    speech = input_of({"speech": {"results": results}}).speech
    assert [transcript.text for transcript in speech[:2]] == ["full", "fool"]
    assert {transcript.confidence for transcript in speech[2:]} == {0.0}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dtmf": None, "speech": None},
        {"dtmf": 1},
        {"dtmf": ["1"]},
        {"dtmf": {"digits": 1}},
        {"speech": "hello"},
        {"speech": {"results": "hello"}},
        {"speech": {"results": {"text": "hello"}}},
        {"speech": {"results": ["hello"]}},
        {"speech": {"results": [{"confidence": 1}]}},
        {"speech": {"results": [{"text": 1}]}},
        {"speech": {"error": 1}},
        {"speech": {"timeout_reason": []}},
    ],
)
def test_input_in_an_unknown_format_is_rejected(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        input_of(fields)


def test_an_event_has_its_status_and_all_of_its_fields() -> None:
    fields = {"status": "machine", "sub_state": "beep_start", "new": 1}
    event = event_of(fields)
    assert (event.status, event.sub_state, event.direction) == ("machine", "beep_start", None)
    assert event.fields == fields


@pytest.mark.parametrize("status", [None, "", 1, ["completed"]])
def test_an_event_without_a_status_is_rejected(status: object) -> None:
    with pytest.raises(BadRequest):
        event_of({"status": status})
