"""Webhook reference: the form of requests, retries, fallback, status events and their fields."""

import asyncio
import hashlib
import json
import socket
import struct
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
    return web.Response(status=status)


# Request form


async def test_request_post_is_compact_json(harness: SimulatorHarness) -> None:
    await harness.receive_call(TALK)
    webhook = harness.sent_to("/event")[0]
    assert webhook.headers["Content-Type"] == "application/json"
    assert webhook.raw == json.dumps(webhook.fields, separators=(",", ":")).encode()


async def test_request_get_has_the_fields_in_the_query(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(TALK)
    (webhook,) = harness.sent_to("/answer")
    assert (webhook.method, webhook.raw) == ("GET", b"")
    assert webhook.fields["uuid"] == call.uuid


async def test_request_answer_can_be_post(make_harness: Any) -> None:
    harness = await make_harness(answer_method="POST")
    call = await harness.receive_call(TALK)
    (webhook,) = harness.sent_to("/answer")
    assert (webhook.method, webhook.fields["uuid"]) == ("POST", call.uuid)


async def test_request_user_agent_is_that_of_captured_traffic(harness: SimulatorHarness) -> None:
    await harness.receive_call(TALK)
    assert harness.received[0].headers["User-Agent"].startswith("Apache-HttpAsyncClient")


async def test_request_keeps_the_query_of_the_url_that_was_set(make_harness: Any) -> None:
    harness = await make_harness()
    call = await harness.place_call(None, answer_url=[harness.url("/answer?flow=menu&x=1")])
    await harness.step(2)
    (webhook,) = harness.sent_to("/answer")
    assert webhook.query_string.startswith("flow=menu&x=1&to=")
    assert webhook.fields["uuid"] == call.uuid


# Answer webhook


async def test_answer_webhook_fields_of_an_inbound_call(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(TALK)
    (webhook,) = harness.sent_to("/answer")
    assert webhook.fields == {
        "to": NUMBER,
        "from": CALLER,
        "endpoint_type": "phone",
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "region_url": harness.simulator.tls_url,
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_answer_webhook_of_a_withheld_caller_has_no_from(
    make_harness: Any, method: str
) -> None:
    harness = await make_harness(answer_method=method)
    call = await harness.receive_call(TALK, caller=None)
    await harness.step(5)
    (webhook,) = harness.sent_to("/answer")
    assert "from" not in webhook.fields
    assert (webhook.fields["to"], webhook.fields["endpoint_type"]) == (NUMBER, "phone")
    assert len(call.uuid) == 32
    assert harness.statuses(call.uuid)[-1] == "completed"
    assert not [body for body in harness.events() if "from" in body]


async def test_answer_webhook_of_a_client_sdk_user_who_calls_no_number_has_no_to(
    harness: SimulatorHarness,
) -> None:
    harness.on("/answer", TALK)
    body = {"from_user": "JaneDoe", "custom_data": {"queue": "sales"}}
    response = await harness.control("POST", "/calls", body)
    assert response.status == 201
    await harness.step(5)
    (webhook,) = harness.sent_to("/answer")
    assert "to" not in webhook.fields
    assert "from" not in webhook.fields
    assert webhook.fields["from_user"] == "JaneDoe"
    assert json.loads(webhook.fields["custom_data"]) == {"queue": "sales"}
    assert webhook.fields["uuid"].count("-") == 4
    assert not [body for body in harness.events() if "to" in body]


async def test_client_sdk_user_without_a_number_calls_the_application_that_is_named(
    harness: SimulatorHarness,
) -> None:
    harness.on("/answer", TALK)
    for application_id, status in ((harness.simulator.application_id, 201), ("another", 404)):
        body = {"from_user": "JaneDoe", "application_id": application_id}
        assert (await harness.control("POST", "/calls", body)).status == status


@pytest.mark.parametrize(
    "body", [{"to": NUMBER}, {"from": CALLER}, {"from": None}, {"from": "sip:jo@example.com"}]
)
async def test_call_without_a_from_or_to_is_rejected(
    harness: SimulatorHarness, body: dict[str, Any]
) -> None:
    assert (await harness.control("POST", "/calls", body)).status == 400


async def test_connect_of_a_call_without_a_number_shows_an_unknown_caller(
    harness: SimulatorHarness,
) -> None:
    harness.on(
        "/answer",
        [{"action": "connect", "endpoint": [{"type": "phone", "number": CALLEE}]}],
    )
    assert (await harness.control("POST", "/calls", {"from_user": "JaneDoe"})).status == 201
    await harness.step(3)
    assert {body["from"] for body in harness.events(to=CALLEE)} == {"Unknown"}


async def test_answer_webhook_uuid_of_an_inbound_phone_leg_has_no_dashes(
    harness: SimulatorHarness,
) -> None:
    inbound = await harness.receive_call(TALK)
    outbound = await harness.place_call(TALK)
    assert len(inbound.uuid) == 32
    assert len(outbound.uuid) == 36


async def test_answer_webhook_of_an_outbound_call_comes_after_the_callee_answers(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="manual")
    call = await harness.place_call(None, answer_url=[harness.url("/answer")])
    await harness.step(10)
    assert not harness.sent_to("/answer")
    await call.answer()
    (webhook,) = harness.sent_to("/answer")
    assert (webhook.method, webhook.fields["to"], webhook.fields["from"]) == ("GET", CALLEE, NUMBER)


async def test_answer_webhook_of_a_client_sdk_user_has_from_user_and_custom_data(
    harness: SimulatorHarness,
) -> None:
    harness.on("/answer", TALK)
    body = {"from_user": "JaneDoe", "to": NUMBER, "custom_data": {"key": "value"}}
    assert (await harness.control("POST", "/calls", body)).status == 201
    await harness.step(0)
    fields = harness.sent_to("/answer")[0].fields
    assert fields["from_user"] == "JaneDoe"
    assert "from" not in fields
    assert fields["endpoint_type"] == "app"
    assert fields["custom_data"] == '{"key":"value"}'


async def test_answer_webhook_of_a_sip_call_has_its_x_headers_but_not_x_nexmo(
    harness: SimulatorHarness,
) -> None:
    harness.on("/answer", TALK)
    headers = {
        "X-Foo": "1938ND9",
        "X-Nexmo-Trace": "no",
        "User-to-User": "4a6f;encoding=hex",
        "Via": "no",
    }
    body = {"from": "sip:jo@example.com", "to": NUMBER, "sip_headers": headers}
    assert (await harness.control("POST", "/calls", body)).status == 201
    await harness.step(0)
    fields = harness.sent_to("/answer")[0].fields
    assert fields["SipHeader_X-Foo"] == "1938ND9"
    assert fields["SipHeader_User-to-User"] == "4a6f;encoding=hex"
    assert not [name for name in fields if "Nexmo" in name or "Via" in name]


# Retries


@pytest.mark.parametrize("status", [429, 503, 504])
async def test_retry_requests_the_answer_url_again_after_a_second(
    harness: SimulatorHarness, status: int
) -> None:
    harness.on("/answer", failing(status), TALK)
    call = await harness.receive_call()
    await harness.step(0.9)
    assert len(harness.sent_to("/answer")) == 1
    await harness.step(0.2)
    assert len(harness.sent_to("/answer")) == 2
    assert await call.texts() == ["hello"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 502, 302])
async def test_retry_not_after_other_statuses(harness: SimulatorHarness, status: int) -> None:
    harness.on("/answer", failing(status))
    call = await harness.receive_call()
    await harness.step(10)
    assert len(harness.sent_to("/answer")) == 1
    assert await call.status() == "completed"


@pytest.mark.parametrize("content_type", ["text/html", "application/xml"])
async def test_retry_not_after_another_content_type(
    harness: SimulatorHarness, content_type: str
) -> None:
    harness.on("/answer", web.Response(text="[]", content_type=content_type))
    await harness.receive_call()
    await harness.step(10)
    assert len(harness.sent_to("/answer")) == 1
    assert harness.events(reason=SYNTAX_ERROR)


async def test_retry_not_after_a_syntax_error(harness: SimulatorHarness) -> None:
    harness.on("/answer", web.Response(text="[{"))
    await harness.receive_call()
    await harness.step(10)
    assert len(harness.sent_to("/answer")) == 1


async def test_retry_after_a_closed_connection(harness: SimulatorHarness) -> None:
    harness.on("/notify", [])
    action = {"action": "notify", "payload": {}, "eventUrl": [harness.url("/notify")]}
    call = await harness.receive_call([{"action": "wait", "timeout": 1}, action, talk("after")])
    await harness.faults(webhook_drop_after_body={"times": 1})
    await harness.step(5)
    webhooks = [w for w in (await call.view())["webhooks"] if w["kind"] == "notify"]
    assert [w["error"] for w in webhooks] == ["Connection closed.", None]
    assert await call.texts() == ["after"]


async def test_retry_after_a_connection_that_is_refused(make_harness: Any) -> None:
    harness = await make_harness(answer=WebhookTarget("http://127.0.0.1:9/answer", "GET"))
    call = await harness.receive_call()
    await harness.step(5)
    webhooks = (await call.view())["webhooks"]
    attempts = [(w["attempt"], w["error"]) for w in webhooks if w["kind"] == "answer"]
    assert attempts == [(1, "Connection closed."), (2, "Connection closed.")]


async def test_retry_after_a_read_timeout(make_harness: Any) -> None:
    harness = await make_harness()

    async def slow(webhook: HarnessWebhook) -> Any:
        await asyncio.sleep(0.5)
        return TALK

    harness.on("/slow", slow, TALK)
    harness.simulator.application().answer = WebhookTarget(harness.url("/slow"), "GET", read_ms=100)
    call = await harness.receive_call()
    await harness.step(3)
    webhooks = (await call.view())["webhooks"]
    attempts = [(w["attempt"], w["error"]) for w in webhooks if w["kind"] == "answer"]
    assert attempts == [(1, "Read timeout."), (2, None)]


async def test_retry_of_status_events_is_one_more_attempt_and_no_fallback(
    make_harness: Any,
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/event", failing(503))
    await harness.receive_call([talk("hello", loop=0)])
    await harness.step(10)
    assert harness.statuses() == ["started", "ringing", "answered"] * 2
    assert not harness.sent_to("/fallback")


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 205])
async def test_success_is_any_status_from_200_to_205(make_harness: Any, status: int) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/input", web.Response(status=status))
    action = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}
    await harness.receive_call([action | {"eventUrl": [harness.url("/input")]}])
    await harness.step(5)
    assert len(harness.sent_to("/input")) == 1
    assert not harness.sent_to("/fallback")


# Fallback


async def test_fallback_of_the_answer_url_gets_the_same_data_with_reason_and_original_request(
    make_harness: Any,
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/answer", failing(500))
    harness.on("/fallback", [talk("sorry")])
    call = await harness.receive_call()
    await harness.step(3)
    (webhook,) = harness.sent_to("/fallback")
    assert webhook.fields["reason"]
    assert webhook.fields["original_request"] == {"url": harness.url("/answer"), "type": "answer"}
    assert webhook.fields["uuid"] == call.uuid
    assert await call.texts() == ["sorry"]


async def test_fallback_of_the_answer_url_is_requested_twice_before_the_call_ends(
    make_harness: Any,
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/answer", failing(503))
    harness.on("/fallback", failing(503))
    call = await harness.receive_call()
    await harness.step(10)
    assert len(harness.sent_to("/answer")) == len(harness.sent_to("/fallback")) == 2
    assert await call.status() == "completed"


async def test_fallback_is_requested_after_a_bad_ncco_without_an_error_event(
    make_harness: Any,
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/answer", {"not": "an array"})
    harness.on("/fallback", [talk("sorry")])
    call = await harness.receive_call()
    await harness.step(3)
    assert await call.texts() == ["sorry"]
    assert not harness.events(reason=SYNTAX_ERROR)


async def test_fallback_of_an_input_event_can_return_an_ncco(make_harness: Any) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/input", failing(503))
    harness.on("/fallback", [talk("sorry")])
    action = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}
    call = await harness.receive_call(
        [action | {"eventUrl": [harness.url("/input")]}, talk("never heard")]
    )
    await harness.step(5)
    assert len(harness.sent_to("/input")) == 2
    assert harness.sent_to("/fallback")[0].fields["original_request"]["type"] == "event"
    assert await call.texts() == ["sorry"]


MID_CALL: dict[str, dict[str, Any]] = {
    "input": {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}},
    "notify": {"action": "notify", "payload": {}},
    "synchronous connect": {
        "action": "connect",
        "eventType": "synchronous",
        "endpoint": [{"type": "phone", "number": CALLEE}],
    },
}


@pytest.mark.parametrize("kind", MID_CALL)
async def test_fallback_is_requested_at_once_after_an_invalid_ncco_during_a_call(
    make_harness: Any, kind: str
) -> None:
    harness = await make_harness(fallback=True)
    await harness.callee(behaviour="busy")
    harness.on("/bad", [{"action": "unknown"}])
    harness.on("/fallback", [talk("sorry")])
    action = MID_CALL[kind] | {"eventUrl": [harness.url("/bad")]}
    call = await harness.receive_call([action, talk("never heard")])
    await harness.step(5)
    (webhook,) = harness.sent_to("/fallback")
    assert webhook.fields["reason"] == "Invalid NCCO."
    assert webhook.fields["original_request"] == {"url": harness.url("/bad"), "type": "event"}
    assert await call.texts() == ["sorry"]
    errors = [one for one in harness.received if one.fields.get("reason") == SYNTAX_ERROR]
    assert len(errors) == 1


@pytest.mark.parametrize("kind", MID_CALL)
async def test_ncco_that_is_invalid_during_a_call_is_ignored_without_a_fallback(
    harness: SimulatorHarness, kind: str
) -> None:
    await harness.callee(behaviour="busy")
    harness.on("/bad", [{"action": "unknown"}])
    action = MID_CALL[kind] | {"eventUrl": [harness.url("/bad")]}
    call = await harness.receive_call([action, talk("goes on")])
    await harness.step(5)
    assert await call.texts() == ["goes on"]
    errors = [one for one in harness.received if one.fields.get("reason") == SYNTAX_ERROR]
    assert len(errors) == 1


async def test_fallback_is_requested_after_an_invalid_ncco_in_response_to_machine_detection(
    make_harness: Any,
) -> None:
    harness = await make_harness(fallback=True)
    harness.on(
        "/event",
        lambda webhook: (
            [{"action": "unknown"}] if webhook.fields.get("status") == "human" else failing(204)
        ),
    )
    harness.on("/fallback", [talk("sorry")])
    call = await harness.place_call(
        [talk(words(80))], advanced_machine_detection={"mode": "default"}
    )
    await harness.step(10)
    assert (await call.texts())[1:] == ["sorry"]


async def test_fallback_is_not_requested_for_a_call_that_has_ended(make_harness: Any) -> None:
    harness = await make_harness(fallback=True)

    async def hang_up(webhook: HarnessWebhook) -> Any:
        uuid = webhook.fields["call_uuid"]
        await harness.control("POST", f"/calls/{uuid}/hangup", {})
        while not harness.simulator.leg(uuid).is_over:
            await asyncio.sleep(0)
        return [{"action": "unknown"}]

    harness.on(
        "/event",
        lambda webhook: hang_up(webhook) if webhook.fields["status"] == "human" else failing(204),
    )
    await harness.place_call([talk(words(80))], advanced_machine_detection={"mode": "default"})
    await harness.step(10)
    assert harness.statuses()[-2:] == ["human", "completed"]
    assert harness.sent_to("/fallback") == []
    assert harness.events(reason=SYNTAX_ERROR) == []


async def test_fallback_that_returns_an_invalid_ncco_too_continues_the_running_ncco(
    make_harness: Any,
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/bad", [{"action": "unknown"}])
    harness.on("/fallback", [{"action": "unknown"}])
    action = MID_CALL["input"] | {"eventUrl": [harness.url("/bad")]}
    call = await harness.receive_call([action, talk("goes on")])
    await harness.step(5)
    assert len(harness.sent_to("/fallback")) == 1
    assert await call.texts() == ["goes on"]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        pytest.param(failing(500), "Invalid response code.", id="500"),
        pytest.param(failing(503), "Invalid response code.", id="503 twice"),
        pytest.param({"not": "an array"}, "Invalid NCCO.", id="not an array"),
        pytest.param(
            web.Response(text="<p>", content_type="text/html"), "Invalid NCCO.", id="HTML"
        ),
    ],
)
async def test_fallback_reason_of_a_response(make_harness: Any, response: Any, reason: str) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/answer", response)
    harness.on("/fallback", TALK)
    await harness.receive_call()
    await harness.step(5)
    assert harness.sent_to("/fallback")[0].fields["reason"] == reason


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("close", "Connection closed."),
        ("reset", "Connection reset."),
        ("silence", "Socket timeout."),
    ],
)
async def test_fallback_reason_of_a_connection(
    make_harness: Any, failure: str, reason: str
) -> None:
    attempts = 0

    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        await reader.readuntil(b"\r\n\r\n")
        if failure == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif failure == "close":
            writer.close()
        else:
            await reader.read()
            writer.close()

    server = await asyncio.start_server(fail, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/answer"
        harness = await make_harness(fallback=True, answer=WebhookTarget(url, "GET", read_ms=100))
        harness.on("/fallback", TALK)
        await harness.receive_call()
        await harness.step(5)
        assert harness.sent_to("/fallback")[0].fields["reason"] == reason
        assert attempts == 2


async def test_fallback_that_fails_during_a_call_continues_the_running_ncco(
    make_harness: Any,
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/input", failing(500))
    harness.on("/fallback", failing(504))
    action = {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}
    call = await harness.receive_call(
        [action | {"eventUrl": [harness.url("/input")]}, talk("goes on")]
    )
    await harness.step(5)
    assert len(harness.sent_to("/fallback")) == 2
    assert await call.texts() == ["goes on"]


async def test_fallback_get_has_original_request_as_json_text(make_harness: Any) -> None:
    harness = await make_harness()
    harness.simulator.application().fallback = WebhookTarget(harness.url("/fallback"), "GET")
    harness.on("/answer", failing(500))
    harness.on("/fallback", TALK)
    await harness.receive_call()
    await harness.step(3)
    text = harness.sent_to("/fallback")[0].fields["original_request"]
    assert json.loads(text)["type"] == "answer"


# Status events


async def test_events_of_an_inbound_call(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(TALK)
    await harness.step(5)
    assert harness.statuses(call.uuid) == ["started", "ringing", "answered", "completed"]
    assert {body["direction"] for body in harness.events()} == {"inbound"}


async def test_event_common_body(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(TALK)
    assert harness.events(status="started")[0] == {
        "headers": {},
        "from": CALLER,
        "to": NUMBER,
        "uuid": call.uuid,
        "conversation_uuid": call.conversation_uuid,
        "status": "started",
        "direction": "inbound",
        "timestamp": "2023-11-14T22:13:20.000Z",
    }


async def test_event_started_and_ringing_have_the_same_timestamp(harness: SimulatorHarness) -> None:
    await harness.receive_call(TALK)
    started, ringing = harness.events(status="started") + harness.events(status="ringing")
    assert started["timestamp"] == ringing["timestamp"]


async def test_event_answered_has_null_start_time_rate_and_network(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call(TALK)
    (answered,) = harness.events(status="answered")
    assert (answered["start_time"], answered["rate"], answered["network"]) == (None, None, None)


async def test_event_completed_arithmetic(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("hello", loop=0)])
    await harness.step(8.6)
    await call.hang_up()
    (completed,) = harness.events(status="completed")
    assert completed["start_time"] == "2023-11-14T22:13:20.000Z"
    assert completed["end_time"] == "2023-11-14T22:13:29.000Z"
    assert completed["timestamp"] == "2023-11-14T22:13:28.600Z"
    assert completed["duration"] == "9"
    assert completed["rate"] == "0.00450000"
    assert completed["price"] == "0.00067500"
    assert completed["network"] == "GB-FIXED"
    assert completed["disconnected_by"] == "user"


async def test_event_completed_of_a_free_leg(harness: SimulatorHarness) -> None:
    await harness.place_call([talk("hello")], to=[{"type": "app", "user": "jo"}])
    await harness.step(5)
    (completed,) = harness.events(status="completed")
    assert (completed["rate"], completed["price"], completed["network"]) == ("0.00", "0", None)


async def test_event_completed_of_a_declined_leg_has_its_sip_code(
    harness: SimulatorHarness,
) -> None:
    await harness.callee(behaviour="busy")
    await harness.place_call(TALK)
    await harness.step(3)
    (completed,) = harness.events(status="completed")
    assert (completed["sip_code"], completed["duration"]) == (486, "0")


async def test_outbound_events_go_to_the_event_url_of_the_request(
    harness: SimulatorHarness,
) -> None:
    await harness.place_call(TALK, event_url=[harness.url("/own")], event_method="GET")
    await harness.step(5)
    assert not harness.events()
    webhooks = harness.sent_to("/own")
    assert [one.fields["status"] for one in webhooks] == [
        "started",
        "ringing",
        "answered",
        "completed",
    ]
    assert webhooks[0].method == "GET"


async def test_status_events_do_not_delay_the_call(
    harness: SimulatorHarness,
) -> None:
    harness.on("/event", failing(503))
    call = await harness.receive_call([talk(words(8)), talk("second")])
    await harness.step(3.1)
    assert len(await call.texts()) == 2


# Signature


def verified(webhook: HarnessWebhook) -> dict[str, Any]:
    """Return the verified claims of a webhook's token."""
    token = webhook.headers["Authorization"].removeprefix("Bearer ")
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims: dict[str, Any] = jwt.decode(token, SIGNATURE_SECRET, algorithms=["HS256"])
    return claims


async def test_signed_post_has_the_hash_of_the_raw_body(harness: SimulatorHarness) -> None:
    await harness.receive_call(TALK)
    webhook = harness.sent_to("/event")[0]
    claims = verified(webhook)
    assert claims["payload_hash"] == hashlib.sha256(webhook.raw).hexdigest()
    assert set(claims) == {"iat", "jti", "iss", "payload_hash", "api_key", "application_id"}
    assert (claims["iss"], claims["api_key"]) == ("Vonage", "abcd1234")
    assert abs(claims["iat"] - time.time()) < 60


async def test_signed_get_has_the_hash_of_the_query_as_an_object_in_order(
    harness: SimulatorHarness,
) -> None:
    await harness.receive_call(TALK)
    (webhook,) = harness.sent_to("/answer")
    pairs = dict(parse_qsl(webhook.query_string, keep_blank_values=True))
    compact = json.dumps(pairs, separators=(",", ":"), ensure_ascii=False).encode()
    assert verified(webhook)["payload_hash"] == hashlib.sha256(compact).hexdigest()


async def test_conflicts_signed_get_with_nested_values_decoded_is_a_setting(
    make_harness: Any,
) -> None:
    harness = await make_harness(get_hash_decodes_nested=True)
    action = {"action": "notify", "payload": {"a": 1}, "eventUrl": [harness.url("/notify")]}
    await harness.receive_call([action | {"eventMethod": "GET"}])
    (webhook,) = harness.sent_to("/notify")
    pairs: dict[str, Any] = dict(parse_qsl(webhook.query_string))
    pairs["payload"] = json.loads(pairs["payload"])
    compact = json.dumps(pairs, separators=(",", ":")).encode()
    assert verified(webhook)["payload_hash"] == hashlib.sha256(compact).hexdigest()


async def test_signed_callbacks_can_be_off(make_harness: Any) -> None:
    harness = await make_harness(signed_callbacks=False)
    await harness.receive_call(TALK)
    assert not [webhook for webhook in harness.received if "Authorization" in webhook.headers]


async def test_signed_tokens_never_repeat_their_jti(harness: SimulatorHarness) -> None:
    await harness.receive_call(TALK)
    await harness.step(5)
    jtis = [verified(webhook)["jti"] for webhook in harness.received]
    assert len(set(jtis)) == len(jtis)
