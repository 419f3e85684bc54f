"""Webhook reference: the form of requests, retries, fallback, status events and their fields."""

import asyncio
import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest
from aiohttp import web

from tests.simulator.conftest import SIGNATURE_SECRET
from tests.simulator.harness import (
    CALLEE,
    CALLER,
    NUMBER,
    SYNTAX_ERROR,
    HarnessWebhook,
    SimulatorHarness,
    talk,
    words,
)
from vonage_simulator import WebhookTarget

TALK = [talk("hello")]


def failing(status: int) -> web.Response:
    """An error reply."""
    return web.Response(status=status)


# Form


async def test_request_post_is_compact_json(stage: SimulatorHarness) -> None:
    await stage.ring(TALK)
    got = stage.sent_to("/event")[0]
    assert got.headers["Content-Type"] == "application/json"
    assert got.raw == json.dumps(got.fields, separators=(",", ":")).encode()


async def test_request_get_has_the_fields_in_the_query(stage: SimulatorHarness) -> None:
    call = await stage.ring(TALK)
    (got,) = stage.sent_to("/answer")
    assert (got.method, got.raw) == ("GET", b"")
    assert got.fields["uuid"] == call.uuid


async def test_request_answer_can_be_post(make_stage: Any) -> None:
    stage = await make_stage(answer_method="POST")
    call = await stage.ring(TALK)
    (got,) = stage.sent_to("/answer")
    assert (got.method, got.fields["uuid"]) == ("POST", call.uuid)


async def test_request_user_agent_is_that_of_the_captures(stage: SimulatorHarness) -> None:
    await stage.ring(TALK)
    assert stage.received[0].headers["User-Agent"].startswith("Apache-HttpAsyncClient")


async def test_request_keeps_the_query_of_the_url_that_was_set(make_stage: Any) -> None:
    stage = await make_stage()
    call = await stage.place(None, answer_url=[stage.url("/answer?flow=menu&x=1")])
    await stage.step(2)
    (got,) = stage.sent_to("/answer")
    assert got.query_string.startswith("flow=menu&x=1&to=")
    assert got.fields["uuid"] == call.uuid


# Answer webhook


async def test_answer_webhook_fields_of_an_inbound_call(stage: SimulatorHarness) -> None:
    call = await stage.ring(TALK)
    (got,) = stage.sent_to("/answer")
    assert got.fields == {
        "to": NUMBER,
        "from": CALLER,
        "endpoint_type": "phone",
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": stage.simulator.tls_url,
    }


async def test_answer_webhook_uuid_of_an_inbound_phone_leg_has_no_dashes(
    stage: SimulatorHarness,
) -> None:
    inbound = await stage.ring(TALK)
    outbound = await stage.place(TALK)
    assert len(inbound.uuid) == 32
    assert len(outbound.uuid) == 36


async def test_answer_webhook_of_an_outbound_call_comes_after_the_callee_answers(
    stage: SimulatorHarness,
) -> None:
    await stage.callee(behaviour="manual")
    call = await stage.place(None, answer_url=[stage.url("/answer")])
    await stage.step(10)
    assert not stage.sent_to("/answer")
    await call.answer()
    (got,) = stage.sent_to("/answer")
    assert (got.method, got.fields["to"], got.fields["from"]) == ("GET", CALLEE, NUMBER)


async def test_answer_webhook_of_a_client_sdk_user_has_from_user_and_custom_data(
    stage: SimulatorHarness,
) -> None:
    stage.on("/answer", TALK)
    body = {"from_user": "JaneDoe", "to": NUMBER, "custom_data": {"key": "value"}}
    assert (await stage.sim("POST", "/calls", body)).status == 201
    await stage.step(0)
    fields = stage.sent_to("/answer")[0].fields
    assert fields["from_user"] == "JaneDoe"
    assert "from" not in fields
    assert fields["endpoint_type"] == "app"
    assert fields["custom_data"] == '{"key":"value"}'


async def test_answer_webhook_of_a_sip_call_has_its_x_headers_but_not_x_nexmo(
    stage: SimulatorHarness,
) -> None:
    stage.on("/answer", TALK)
    headers = {
        "X-Foo": "1938ND9",
        "X-Nexmo-Trace": "no",
        "User-to-User": "4a6f;encoding=hex",
        "Via": "no",
    }
    body = {"from": "sip:jo@example.com", "to": NUMBER, "sip_headers": headers}
    assert (await stage.sim("POST", "/calls", body)).status == 201
    await stage.step(0)
    fields = stage.sent_to("/answer")[0].fields
    assert fields["SipHeader_X-Foo"] == "1938ND9"
    assert fields["SipHeader_User-to-User"] == "4a6f;encoding=hex"
    assert not [name for name in fields if "Nexmo" in name or "Via" in name]


# Retries


@pytest.mark.parametrize("status", [429, 503, 504])
async def test_retry_answer_url_is_asked_twice_a_second_apart(
    stage: SimulatorHarness, status: int
) -> None:
    stage.on("/answer", failing(status), TALK)
    call = await stage.ring()
    await stage.step(0.9)
    assert len(stage.sent_to("/answer")) == 1
    await stage.step(0.2)
    assert len(stage.sent_to("/answer")) == 2
    assert await call.texts() == ["hello"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 502, 302])
async def test_retry_not_after_other_statuses(stage: SimulatorHarness, status: int) -> None:
    stage.on("/answer", failing(status))
    call = await stage.ring()
    await stage.step(10)
    assert len(stage.sent_to("/answer")) == 1
    assert await call.status() == "completed"


@pytest.mark.parametrize("content_type", ["text/html", "application/xml"])
async def test_retry_not_after_a_wrong_content_type(
    stage: SimulatorHarness, content_type: str
) -> None:
    stage.on("/answer", web.Response(text="[]", content_type=content_type))
    await stage.ring()
    await stage.step(10)
    assert len(stage.sent_to("/answer")) == 1
    assert stage.events(reason=SYNTAX_ERROR)


async def test_retry_not_after_a_syntax_error(stage: SimulatorHarness) -> None:
    stage.on("/answer", web.Response(text="[{"))
    await stage.ring()
    await stage.step(10)
    assert len(stage.sent_to("/answer")) == 1


async def test_retry_after_a_closed_connection(stage: SimulatorHarness) -> None:
    stage.on("/notify", [])
    action = {"action": "notify", "payload": {}, "eventUrl": [stage.url("/notify")]}
    call = await stage.ring([{"action": "wait", "timeout": 1}, action, talk("after")])
    await stage.faults(webhook_drop_after_body={"times": 1})
    await stage.step(5)
    webhooks = [w for w in (await call.view())["webhooks"] if w["kind"] == "notify"]
    assert [w["error"] for w in webhooks] == ["Connection closed.", None]
    assert await call.texts() == ["after"]


async def test_retry_after_a_connection_that_is_refused(make_stage: Any) -> None:
    stage = await make_stage(answer=WebhookTarget("http://127.0.0.1:9/answer", "GET"))
    call = await stage.ring()
    await stage.step(5)
    webhooks = (await call.view())["webhooks"]
    attempts = [(w["attempt"], w["error"]) for w in webhooks if w["kind"] == "answer"]
    assert attempts == [(1, "Connection closed."), (2, "Connection closed.")]


async def test_retry_after_a_read_timeout(make_stage: Any) -> None:
    stage = await make_stage()

    async def slow(got: HarnessWebhook) -> Any:
        await asyncio.sleep(0.5)
        return TALK

    stage.on("/slow", slow, TALK)
    stage.simulator.application().answer = WebhookTarget(stage.url("/slow"), "GET", read_ms=100)
    call = await stage.ring()
    await stage.step(3)
    webhooks = (await call.view())["webhooks"]
    attempts = [(w["attempt"], w["error"]) for w in webhooks if w["kind"] == "answer"]
    assert attempts == [(1, "Read timeout."), (2, None)]


async def test_retry_of_status_events_is_one_more_attempt_and_no_fallback(
    make_stage: Any,
) -> None:
    stage = await make_stage(fallback=True)
    stage.on("/event", failing(503))
    await stage.ring([talk("hello", loop=0)])
    await stage.step(10)
    assert stage.statuses() == ["started", "ringing", "answered"] * 2
    assert not stage.sent_to("/fallback")


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 205])
async def test_success_is_any_status_from_200_to_205(make_stage: Any, status: int) -> None:
    stage = await make_stage(fallback=True)
    stage.on("/input", web.Response(status=status))
    action = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}
    await stage.ring([action | {"eventUrl": [stage.url("/input")]}])
    await stage.step(5)
    assert len(stage.sent_to("/input")) == 1
    assert not stage.sent_to("/fallback")


# Fallback


async def test_fallback_of_the_answer_url_gets_the_same_data_with_reason_and_original_request(
    make_stage: Any,
) -> None:
    stage = await make_stage(fallback=True)
    stage.on("/answer", failing(500))
    stage.on("/fallback", [talk("sorry")])
    call = await stage.ring()
    await stage.step(3)
    (got,) = stage.sent_to("/fallback")
    assert got.fields["reason"]
    assert got.fields["original_request"] == {"url": stage.url("/answer"), "type": "answer"}
    assert got.fields["uuid"] == call.uuid
    assert await call.texts() == ["sorry"]


async def test_fallback_of_the_answer_url_is_asked_twice_and_then_the_call_ends(
    make_stage: Any,
) -> None:
    stage = await make_stage(fallback=True)
    stage.on("/answer", failing(503))
    stage.on("/fallback", failing(503))
    call = await stage.ring()
    await stage.step(10)
    assert len(stage.sent_to("/answer")) == len(stage.sent_to("/fallback")) == 2
    assert await call.status() == "completed"


async def test_fallback_is_asked_after_a_bad_ncco_and_then_there_is_no_error_event(
    make_stage: Any,
) -> None:
    stage = await make_stage(fallback=True)
    stage.on("/answer", {"not": "an array"})
    stage.on("/fallback", [talk("sorry")])
    call = await stage.ring()
    await stage.step(3)
    assert await call.texts() == ["sorry"]
    assert not stage.events(reason=SYNTAX_ERROR)


async def test_fallback_of_an_input_event_gives_an_ncco(make_stage: Any) -> None:
    stage = await make_stage(fallback=True)
    stage.on("/input", failing(503))
    stage.on("/fallback", [talk("sorry")])
    action = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}
    call = await stage.ring([action | {"eventUrl": [stage.url("/input")]}, talk("never heard")])
    await stage.step(5)
    assert len(stage.sent_to("/input")) == 2
    assert stage.sent_to("/fallback")[0].fields["original_request"]["type"] == "event"
    assert await call.texts() == ["sorry"]


async def test_fallback_that_fails_in_a_call_lets_the_running_ncco_go_on(make_stage: Any) -> None:
    stage = await make_stage(fallback=True)
    stage.on("/input", failing(500))
    stage.on("/fallback", failing(504))
    action = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}
    call = await stage.ring([action | {"eventUrl": [stage.url("/input")]}, talk("goes on")])
    await stage.step(5)
    assert len(stage.sent_to("/fallback")) == 2
    assert await call.texts() == ["goes on"]


async def test_fallback_get_has_original_request_as_json_text(make_stage: Any) -> None:
    stage = await make_stage()
    stage.simulator.application().fallback = WebhookTarget(stage.url("/fallback"), "GET")
    stage.on("/answer", failing(500))
    stage.on("/fallback", TALK)
    await stage.ring()
    await stage.step(3)
    text = stage.sent_to("/fallback")[0].fields["original_request"]
    assert json.loads(text)["type"] == "answer"


# Status events


async def test_events_of_an_inbound_call(stage: SimulatorHarness) -> None:
    call = await stage.ring(TALK)
    await stage.step(5)
    assert stage.statuses(call.uuid) == ["started", "ringing", "answered", "completed"]
    assert {body["direction"] for body in stage.events()} == {"inbound"}


async def test_event_common_body(stage: SimulatorHarness) -> None:
    call = await stage.ring(TALK)
    assert stage.events(status="started")[0] == {
        "headers": {},
        "from": CALLER,
        "to": NUMBER,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "status": "started",
        "direction": "inbound",
        "timestamp": "2023-11-14T22:13:20.000Z",
    }


async def test_event_started_and_ringing_have_the_same_timestamp(stage: SimulatorHarness) -> None:
    await stage.ring(TALK)
    started, ringing = stage.events(status="started") + stage.events(status="ringing")
    assert started["timestamp"] == ringing["timestamp"]


async def test_event_answered_has_null_start_time_rate_and_network(stage: SimulatorHarness) -> None:
    await stage.ring(TALK)
    (answered,) = stage.events(status="answered")
    assert (answered["start_time"], answered["rate"], answered["network"]) == (None, None, None)


async def test_event_completed_arithmetic(stage: SimulatorHarness) -> None:
    call = await stage.ring([talk("hello", loop=0)])
    await stage.step(8.6)
    await call.hang_up()
    (completed,) = stage.events(status="completed")
    assert completed["start_time"] == "2023-11-14T22:13:20.000Z"
    assert completed["end_time"] == "2023-11-14T22:13:29.000Z"
    assert completed["timestamp"] == "2023-11-14T22:13:28.600Z"
    assert completed["duration"] == "9"
    assert completed["rate"] == "0.00450000"
    assert completed["price"] == "0.00067500"
    assert completed["network"] == "GB-FIXED"
    assert completed["disconnected_by"] == "user"


async def test_event_completed_of_a_free_leg(stage: SimulatorHarness) -> None:
    await stage.place([talk("hello")], to=[{"type": "app", "user": "jo"}])
    await stage.step(5)
    (completed,) = stage.events(status="completed")
    assert (completed["rate"], completed["price"], completed["network"]) == ("0.00", "0", None)


async def test_event_completed_of_a_declined_leg_has_its_sip_code(stage: SimulatorHarness) -> None:
    await stage.callee(behaviour="busy")
    await stage.place(TALK)
    await stage.step(3)
    (completed,) = stage.events(status="completed")
    assert (completed["sip_code"], completed["duration"]) == (486, "0")


async def test_outbound_events_go_to_the_event_url_of_the_request(stage: SimulatorHarness) -> None:
    await stage.place(TALK, event_url=[stage.url("/own")], event_method="GET")
    await stage.step(5)
    assert not stage.events()
    got = stage.sent_to("/own")
    assert [one.fields["status"] for one in got] == ["started", "ringing", "answered", "completed"]
    assert got[0].method == "GET"


async def test_status_events_are_sent_beside_the_call_which_does_not_wait(
    stage: SimulatorHarness,
) -> None:
    stage.on("/event", failing(503))
    call = await stage.ring([talk(words(8)), talk("second")])
    await stage.step(3.1)
    assert len(await call.texts()) == 2


# Signature


def verified(got: HarnessWebhook) -> dict[str, Any]:
    """The claims of a webhook's token, checked."""
    token = got.headers["Authorization"].removeprefix("Bearer ")
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims: dict[str, Any] = jwt.decode(token, SIGNATURE_SECRET, algorithms=["HS256"])
    return claims


async def test_signed_post_has_the_hash_of_the_raw_body(stage: SimulatorHarness) -> None:
    await stage.ring(TALK)
    got = stage.sent_to("/event")[0]
    claims = verified(got)
    assert claims["payload_hash"] == hashlib.sha256(got.raw).hexdigest()
    assert set(claims) == {"iat", "jti", "iss", "payload_hash", "api_key", "application_id"}
    assert (claims["iss"], claims["api_key"]) == ("Vonage", "abcd1234")
    assert abs(claims["iat"] - time.time()) < 60


async def test_signed_get_has_the_hash_of_the_query_as_an_object_in_order(
    stage: SimulatorHarness,
) -> None:
    await stage.ring(TALK)
    (got,) = stage.sent_to("/answer")
    pairs = dict(parse_qsl(got.query_string, keep_blank_values=True))
    compact = json.dumps(pairs, separators=(",", ":"), ensure_ascii=False).encode()
    assert verified(got)["payload_hash"] == hashlib.sha256(compact).hexdigest()


async def test_conflicts_signed_get_with_nested_values_decoded_is_a_setting(
    make_stage: Any,
) -> None:
    stage = await make_stage(get_hash_decodes_nested=True)
    action = {"action": "notify", "payload": {"a": 1}, "eventUrl": [stage.url("/notify")]}
    await stage.ring([action | {"eventMethod": "GET"}])
    (got,) = stage.sent_to("/notify")
    pairs: dict[str, Any] = dict(parse_qsl(got.query_string))
    pairs["payload"] = json.loads(pairs["payload"])
    compact = json.dumps(pairs, separators=(",", ":")).encode()
    assert verified(got)["payload_hash"] == hashlib.sha256(compact).hexdigest()


async def test_signed_callbacks_can_be_off(make_stage: Any) -> None:
    stage = await make_stage(signed_callbacks=False)
    await stage.ring(TALK)
    assert not [got for got in stage.received if "Authorization" in got.headers]


async def test_signed_tokens_never_repeat_their_jti(stage: SimulatorHarness) -> None:
    await stage.ring(TALK)
    await stage.step(5)
    jtis = [verified(got)["jti"] for got in stage.received]
    assert len(set(jtis)) == len(jtis)
