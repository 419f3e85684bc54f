"""Faults: each has its effect, independent of others, and as often as configured."""

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.simulator.conftest import SIGNATURE_SECRET
from tests.simulator.harness import HarnessCall, SimulatorHarness, talk
from vonage_simulator.faults import FAULTS

HELLO = [talk("hello")]
FOREVER = [talk("again", loop=0)]


async def finished(harness: SimulatorHarness) -> HarnessCall:
    """Return a call that has ended."""
    call = await harness.receive_call(HELLO)
    await harness.step(5)
    return call


async def recorded(harness: SimulatorHarness, **options: Any) -> list[dict[str, Any]]:
    """Return the record events of a call that was recorded for five seconds."""
    await harness.receive_call([{"action": "record", "timeOut": 5} | options])
    await harness.step(12)
    return [body for body in harness.events() if "recording_url" in body]


async def test_swap_started_ringing(harness: SimulatorHarness) -> None:
    await harness.faults(swap_started_ringing=1)
    await finished(harness)
    assert harness.statuses()[:2] == ["ringing", "started"]


async def test_duplicate_delivery_sends_the_same_body_again(harness: SimulatorHarness) -> None:
    await harness.faults(duplicate_delivery=1)
    await finished(harness)
    completed = harness.events(status="completed")
    assert len(completed) == 2
    assert completed[0] == completed[1]


async def test_delay_webhook(harness: SimulatorHarness) -> None:
    await harness.faults(delay_webhook={"value": 3, "times": 1})
    await harness.receive_call(FOREVER)
    assert "started" not in harness.statuses()
    await harness.step(3)
    assert "started" in harness.statuses()


async def test_slow_webhook_still_sends_the_whole_body(harness: SimulatorHarness) -> None:
    await harness.faults(slow_webhook={"value": 0.05})
    await finished(harness)
    assert harness.statuses() == ["started", "ringing", "answered", "completed"]


@pytest.mark.parametrize("fault", ["webhook_drop_before_body", "webhook_drop_after_body"])
async def test_dropped_webhooks_are_retried(harness: SimulatorHarness, fault: str) -> None:
    await harness.faults(**{fault: {"times": 2}})
    call = await finished(harness)
    assert sorted(harness.events(status="started"), key=str)
    errors = [webhook["error"] for webhook in (await call.view())["webhooks"]]
    assert errors.count("Connection closed.") == 2


async def test_unsigned(harness: SimulatorHarness) -> None:
    await harness.faults(unsigned=1)
    await finished(harness)
    assert not [webhook for webhook in harness.received if "Authorization" in webhook.headers]


async def typed(harness: SimulatorHarness) -> None:
    """Run an input of digits to its end."""
    await harness.receive_call([{"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}])
    await harness.step(1)


async def said(harness: SimulatorHarness) -> None:
    """Run an input of speech to its end."""
    call = await harness.receive_call([{"action": "input", "type": ["speech"]}])
    await call.say("hello")
    await harness.step(5)


async def downloaded(harness: SimulatorHarness) -> None:
    """Record a call, and download the recording."""
    (body,) = await recorded(harness)
    with contextlib.suppress(aiohttp.ClientPayloadError):
        await harness.api("GET", "/v1/" + body["recording_url"].partition("/v1/")[2])


async def placed(harness: SimulatorHarness) -> None:
    """Place a call through the API, or try to."""
    with contextlib.suppress(aiohttp.ClientConnectionError, AssertionError):
        await harness.place_call([])


async def hung_up(harness: SimulatorHarness) -> None:
    """Hang up through the API, or try to."""
    await (await harness.receive_call(FOREVER)).put({"action": "hangup"})


async def connected(harness: SimulatorHarness) -> None:
    """Connect a WebSocket, and wait until the line has had time to break."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    endpoint = {
        "type": "websocket",
        "uri": f"ws://127.0.0.1:{server.port}/",
        "content-type": "audio/l16;rate=16000",
    }
    await harness.receive_call([{"action": "connect", "endpoint": [endpoint]}])
    await harness.step(8)
    await server.close()


# What triggers a fault, and the journal entry that it changes, if that is not the first webhook.
ACTED: dict[str, tuple[Callable[[SimulatorHarness], Awaitable[Any]], str]] = {
    "late_end_time": (finished, "webhook completed"),
    "dashed_inbound_uuid": (finished, "call"),
    "dtmf_speech_error": (typed, "webhook input"),
    "dtmf_speech_absent": (typed, "webhook input"),
    "speech_error": (said, "webhook input"),
    "record_empty": (recorded, "webhook record"),
    "record_late": (recorded, "webhook record"),
    "record_wrong_size": (recorded, "webhook record"),
    "record_truncated": (downloaded, "api GET"),
    "wrong_region": (hung_up, "api PUT"),
    "not_ready": (hung_up, "api PUT"),
    "api_5xx": (placed, "api POST"),
    "api_429": (placed, "api POST"),
    "api_slow": (placed, "api POST"),
    "api_drop_before": (placed, "api POST"),
    "api_drop_after": (placed, "api POST"),
    "ws_refuse": (connected, "error"),
    "ws_slow": (connected, "websocket"),
    "ws_close": (connected, "websocket"),
    "ws_loss": (connected, "websocket"),
    "ws_jitter": (connected, "websocket"),
    "ws_stall": (connected, "websocket"),
}
REAL_SECONDS = {"slow_webhook": 0.05, "api_slow": 0.05, "record_late": 1}


def place_of(entry: dict[str, Any]) -> str:
    """Return the kind of an entry, with that of its webhook or the method of its request."""
    kind = str(entry["kind"])
    name = entry["webhook"]["kind"] if kind == "webhook" else entry.get("method", "")
    return f"{kind} {name}".strip()


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_is_named_in_the_entry_that_it_changes(
    harness: SimulatorHarness, fault: str
) -> None:
    value = {"value": REAL_SECONDS[fault]} if fault in REAL_SECONDS else {}
    await harness.faults(**{fault: {"times": 1, **value}})
    run, expected = ACTED.get(fault, (finished, "webhook started"))
    await run(harness)
    named = [
        (place_of(entry), names)
        for entry in await harness.entries()
        if entry["kind"] != "webhook_sent"
        and (names := entry.get("faults") or entry.get("webhook", {}).get("faults"))
    ]
    assert named == [(expected, [fault])]


async def test_an_api_request_about_a_recording_or_a_new_call_has_its_leg(
    harness: SimulatorHarness,
) -> None:
    call = await harness.place_call([{"action": "record", "timeOut": 5}])
    await harness.step(12)
    (body,) = [body for body in harness.events() if "recording_url" in body]
    await harness.api("GET", "/v1/" + body["recording_url"].partition("/v1/")[2])
    entries = await harness.entries("api")
    assert [(one["method"], one["uuid"]) for one in entries] == [
        ("POST", call.uuid),
        ("GET", call.uuid),
    ]


async def test_the_fallback_request_names_the_faults_of_the_fields_that_it_repeats(
    make_harness: Callable[..., Awaitable[SimulatorHarness]],
) -> None:
    harness = await make_harness(fallback=True)
    harness.on("/answer", web.Response(status=500))
    await harness.faults(null_from=1)
    call = await harness.receive_call()
    await harness.step(5)
    webhooks = (await call.view())["webhooks"]
    named = {one["kind"]: one["faults"] for one in webhooks}
    assert named["answer"] == named["fallback"] == ["null_from"]


@pytest.mark.parametrize(("fault", "seconds"), [("stale_iat", -3600), ("future_iat", 3600)])
async def test_stale_and_future_iat(harness: SimulatorHarness, fault: str, seconds: int) -> None:
    await harness.faults(**{fault: 1})
    await finished(harness)
    assert abs(harness.received[0].claims["iat"] - time.time() - seconds) < 60


async def test_wrong_secret(harness: SimulatorHarness) -> None:
    await harness.faults(wrong_secret=1)
    await finished(harness)
    token = harness.received[0].headers["Authorization"].removeprefix("Bearer ")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SIGNATURE_SECRET, algorithms=["HS256"])


async def test_wrong_payload_hash(harness: SimulatorHarness) -> None:
    await harness.faults(wrong_payload_hash={"times": 1})
    await finished(harness)
    started, ringing = harness.sent_to("/event")[:2]
    assert started.claims["payload_hash"] != ringing.claims["payload_hash"]


async def test_late_end_time_is_after_the_timestamp(harness: SimulatorHarness) -> None:
    await harness.faults(late_end_time=1)
    await finished(harness)
    (completed,) = harness.events(status="completed")
    assert completed["end_time"] > completed["timestamp"]


async def test_no_headers(harness: SimulatorHarness) -> None:
    await harness.faults(no_headers=1)
    await finished(harness)
    assert not [body for body in harness.events() if "headers" in body]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("null_from", None), ("unknown_from", "Unknown"), ("spaced_from", " 447700900999")],
)
async def test_odd_from(harness: SimulatorHarness, fault: str, expected: str | None) -> None:
    await harness.faults(**{fault: 1})
    await finished(harness)
    assert {body["from"] for body in harness.events()} == {expected}


async def test_dashed_inbound_uuid(harness: SimulatorHarness) -> None:
    await harness.faults(dashed_inbound_uuid=1)
    assert len((await harness.receive_call(HELLO)).uuid) == 36


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("dtmf_speech_error", {"error": "Speech was not enabled"}),
        ("dtmf_speech_absent", None),
    ],
)
async def test_dtmf_only_speech_variants(
    harness: SimulatorHarness, fault: str, expected: Any
) -> None:
    await harness.faults(**{fault: 1})
    await harness.receive_call([{"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}])
    await harness.step(1)
    (body,) = [body for body in harness.events() if "dtmf" in body]
    assert body.get("speech") == expected


async def test_speech_error(harness: SimulatorHarness) -> None:
    await harness.faults(speech_error=1)
    call = await harness.receive_call([{"action": "input", "type": ["speech"]}])
    await call.say("hello")
    await harness.step(5)
    (body,) = [body for body in harness.events() if "speech" in body]
    assert body["speech"] == {"error": "ERR1: Failed to analyze audio"}


async def test_record_empty(harness: SimulatorHarness) -> None:
    await harness.faults(record_empty=1)
    (body,) = await recorded(harness)
    assert (body["size"], body["recording_url"]) == (0, "")


async def test_record_late(harness: SimulatorHarness) -> None:
    await harness.faults(record_late={"value": 60})
    assert await recorded(harness) == []
    await harness.step(60)
    assert [body for body in harness.events() if "recording_url" in body]


async def test_record_wrong_size_and_truncated(harness: SimulatorHarness) -> None:
    await harness.faults(record_wrong_size={"value": 7})
    (body,) = await recorded(harness)
    path = "/v1/" + body["recording_url"].partition("/v1/")[2]
    assert len((await harness.api("GET", path)).raw) == body["size"] - 7
    await harness.faults(record_truncated=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await harness.api("GET", path)


async def test_wrong_region(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(FOREVER)
    await harness.faults(wrong_region=1)
    assert (await harness.api("GET", f"/v1/calls/{call.uuid}")).status == 404


async def test_not_ready(harness: SimulatorHarness) -> None:
    call = await harness.receive_call(FOREVER)
    await harness.faults(not_ready={"times": 1})
    assert (await call.put({"action": "hangup"})).status == 400
    assert (await call.put({"action": "hangup"})).status == 204


@pytest.mark.parametrize(
    ("fault", "status"),
    [({"api_5xx": 1}, 500), ({"api_5xx": {"value": 503}}, 503), ({"api_429": 1}, 429)],
)
async def test_api_statuses(harness: SimulatorHarness, fault: dict[str, Any], status: int) -> None:
    await harness.faults(**fault)
    assert (await harness.api("GET", "/v1/calls")).status == status


async def test_api_slow_still_responds(harness: SimulatorHarness) -> None:
    await harness.faults(api_slow={"value": 0.05})
    assert (await harness.api("GET", "/v1/calls")).status == 200


@pytest.mark.parametrize(("fault", "placed"), [("api_drop_before", 0), ("api_drop_after", 1)])
async def test_api_drops_the_connection_before_or_after_acting(
    harness: SimulatorHarness, fault: str, placed: int
) -> None:
    await harness.faults(**{fault: {"times": 1}})
    body = {
        "to": [{"type": "phone", "number": "447700900555"}],
        "from": {"type": "phone", "number": "447700900001"},
        "ncco": [],
    }
    with pytest.raises(aiohttp.ClientConnectionError):
        await harness.api("POST", "/v1/calls", body)
    assert len((await harness.control("GET", "/calls")).json["calls"]) == placed


async def test_faults_are_triggered_by_probability_and_repeat_with_the_seed(
    harness: SimulatorHarness,
) -> None:
    counts = []
    for _ in range(2):
        await harness.faults(seed=9, unsigned=0.5)
        harness.received.clear()
        for _ in range(5):
            await finished(harness)
        signs = ["Authorization" in webhook.headers for webhook in harness.received]
        counts.append(signs)
    assert counts[0] == counts[1]
    assert 0 < sum(counts[0]) < len(counts[0])


async def test_faults_view_lists_every_fault_and_its_count(
    harness: SimulatorHarness,
) -> None:
    await harness.faults(unsigned={"probability": 1, "times": 2})
    await finished(harness)
    view = (await harness.control("GET", "/faults")).json
    assert set(view["knobs"]) == set(FAULTS)
    assert view["on"]["unsigned"]["struck"] == 2


async def test_faults_put_turns_all_others_off(harness: SimulatorHarness) -> None:
    await harness.faults(unsigned=1)
    await harness.faults()
    assert (await harness.control("GET", "/faults")).json["on"] == {}


@pytest.mark.parametrize(
    "bad",
    [
        {"gravity": 1},
        {"unsigned": 2},
        {"unsigned": -0.1},
        {"unsigned": "often"},
        {"unsigned": True},
        {"unsigned": {"probability": 1, "when": "now"}},
        {"unsigned": {"times": -1}},
        {"stale_iat": {"value": -1}},
        {"ws_loss": {"value": 1.1}},
        {"seed": "x"},
    ],
)
async def test_faults_reject_invalid_settings_and_change_nothing(
    harness: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await harness.faults(null_from=1)
    assert (await harness.control("PUT", "/faults", bad)).status == 400
    assert list((await harness.control("GET", "/faults")).json["on"]) == ["null_from"]
