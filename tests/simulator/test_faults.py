"""The fault knobs: each does what it says, by itself, and as often as it was told."""

import time
from typing import Any

import aiohttp
import jwt
import pytest

from tests.simulator.conftest import SIGNATURE_SECRET
from tests.simulator.harness import HarnessCall, SimulatorHarness, talk
from vonage_simulator.faults import FAULTS

HELLO = [talk("hello")]
FOREVER = [talk("again", loop=0)]


async def finished(stage: SimulatorHarness) -> HarnessCall:
    """A call that was made and is over."""
    call = await stage.ring(HELLO)
    await stage.step(5)
    return call


async def recorded(stage: SimulatorHarness, **options: Any) -> list[dict[str, Any]]:
    """The record events of a call that recorded for five seconds."""
    await stage.ring([{"action": "record", "timeOut": 5} | options])
    await stage.step(12)
    return [body for body in stage.events() if "recording_url" in body]


async def test_swap_started_ringing(stage: SimulatorHarness) -> None:
    await stage.faults(swap_started_ringing=1)
    await finished(stage)
    assert stage.statuses()[:2] == ["ringing", "started"]


async def test_duplicate_delivery_sends_the_same_body_again(stage: SimulatorHarness) -> None:
    await stage.faults(duplicate_delivery=1)
    await finished(stage)
    completed = stage.events(status="completed")
    assert len(completed) == 2
    assert completed[0] == completed[1]


async def test_delay_webhook(stage: SimulatorHarness) -> None:
    await stage.faults(delay_webhook={"value": 3, "times": 1})
    await stage.ring(FOREVER)
    assert "started" not in stage.statuses()
    await stage.step(3)
    assert "started" in stage.statuses()


async def test_slow_webhook_still_sends_the_whole_body(stage: SimulatorHarness) -> None:
    await stage.faults(slow_webhook={"value": 0.05})
    await finished(stage)
    assert stage.statuses() == ["started", "ringing", "answered", "completed"]


@pytest.mark.parametrize("knob", ["webhook_drop_before_body", "webhook_drop_after_body"])
async def test_dropped_webhooks_are_tried_again(stage: SimulatorHarness, knob: str) -> None:
    await stage.faults(**{knob: {"times": 2}})
    call = await finished(stage)
    assert sorted(stage.events(status="started"), key=str)
    errors = [webhook["error"] for webhook in (await call.view())["webhooks"]]
    assert errors.count("Connection closed.") == 2


async def test_unsigned(stage: SimulatorHarness) -> None:
    await stage.faults(unsigned=1)
    await finished(stage)
    assert not [got for got in stage.received if "Authorization" in got.headers]


@pytest.mark.parametrize(("knob", "seconds"), [("stale_iat", -3600), ("future_iat", 3600)])
async def test_stale_and_future_iat(stage: SimulatorHarness, knob: str, seconds: int) -> None:
    await stage.faults(**{knob: 1})
    await finished(stage)
    assert abs(stage.received[0].claims["iat"] - time.time() - seconds) < 60


async def test_wrong_secret(stage: SimulatorHarness) -> None:
    await stage.faults(wrong_secret=1)
    await finished(stage)
    token = stage.received[0].headers["Authorization"].removeprefix("Bearer ")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, SIGNATURE_SECRET, algorithms=["HS256"])


async def test_wrong_payload_hash(stage: SimulatorHarness) -> None:
    await stage.faults(wrong_payload_hash={"times": 1})
    await finished(stage)
    started, ringing = stage.sent_to("/event")[:2]
    assert started.claims["payload_hash"] != ringing.claims["payload_hash"]


async def test_late_end_time_is_after_the_timestamp(stage: SimulatorHarness) -> None:
    await stage.faults(late_end_time=1)
    await finished(stage)
    (completed,) = stage.events(status="completed")
    assert completed["end_time"] > completed["timestamp"]


async def test_no_headers(stage: SimulatorHarness) -> None:
    await stage.faults(no_headers=1)
    await finished(stage)
    assert not [body for body in stage.events() if "headers" in body]


@pytest.mark.parametrize(
    ("knob", "expected"),
    [("null_from", None), ("unknown_from", "Unknown"), ("spaced_from", " 447700900999")],
)
async def test_odd_from(stage: SimulatorHarness, knob: str, expected: str | None) -> None:
    await stage.faults(**{knob: 1})
    await finished(stage)
    assert {body["from"] for body in stage.events()} == {expected}


async def test_dashed_inbound_uuid(stage: SimulatorHarness) -> None:
    await stage.faults(dashed_inbound_uuid=1)
    assert len((await stage.ring(HELLO)).uuid) == 36


@pytest.mark.parametrize(
    ("knob", "expected"),
    [
        ("dtmf_speech_error", {"error": "Speech was not enabled"}),
        ("dtmf_speech_absent", None),
    ],
)
async def test_dtmf_only_speech_variants(stage: SimulatorHarness, knob: str, expected: Any) -> None:
    await stage.faults(**{knob: 1})
    await stage.ring([{"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 0}}])
    await stage.step(1)
    (body,) = [body for body in stage.events() if "dtmf" in body]
    assert body.get("speech") == expected


async def test_speech_error(stage: SimulatorHarness) -> None:
    await stage.faults(speech_error=1)
    call = await stage.ring([{"action": "input", "type": ["speech"]}])
    await call.say("hello")
    await stage.step(5)
    (body,) = [body for body in stage.events() if "speech" in body]
    assert body["speech"] == {"error": "ERR1: Failed to analyze audio"}


async def test_record_empty(stage: SimulatorHarness) -> None:
    await stage.faults(record_empty=1)
    (body,) = await recorded(stage)
    assert (body["size"], body["recording_url"]) == (0, "")


async def test_record_late(stage: SimulatorHarness) -> None:
    await stage.faults(record_late={"value": 60})
    assert await recorded(stage) == []
    await stage.step(60)
    assert [body for body in stage.events() if "recording_url" in body]


async def test_record_wrong_size_and_truncated(stage: SimulatorHarness) -> None:
    await stage.faults(record_wrong_size={"value": 7})
    (body,) = await recorded(stage)
    path = "/v1/" + body["recording_url"].partition("/v1/")[2]
    assert len((await stage.api("GET", path)).raw) == body["size"] - 7
    await stage.faults(record_truncated=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await stage.api("GET", path)


async def test_wrong_region(stage: SimulatorHarness) -> None:
    call = await stage.ring(FOREVER)
    await stage.faults(wrong_region=1)
    assert (await stage.api("GET", f"/v1/calls/{call.uuid}")).status == 404


async def test_not_ready(stage: SimulatorHarness) -> None:
    call = await stage.ring(FOREVER)
    await stage.faults(not_ready={"times": 1})
    assert (await call.put({"action": "hangup"})).status == 400
    assert (await call.put({"action": "hangup"})).status == 204


@pytest.mark.parametrize(
    ("knob", "status"),
    [({"api_5xx": 1}, 500), ({"api_5xx": {"value": 503}}, 503), ({"api_429": 1}, 429)],
)
async def test_api_statuses(stage: SimulatorHarness, knob: dict[str, Any], status: int) -> None:
    await stage.faults(**knob)
    assert (await stage.api("GET", "/v1/calls")).status == status


async def test_api_slow_answers_all_the_same(stage: SimulatorHarness) -> None:
    await stage.faults(api_slow={"value": 0.05})
    assert (await stage.api("GET", "/v1/calls")).status == 200


@pytest.mark.parametrize(("knob", "placed"), [("api_drop_before", 0), ("api_drop_after", 1)])
async def test_api_drops_the_connection_before_or_after_acting(
    stage: SimulatorHarness, knob: str, placed: int
) -> None:
    await stage.faults(**{knob: {"times": 1}})
    body = {
        "to": [{"type": "phone", "number": "447700900555"}],
        "from": {"type": "phone", "number": "447700900001"},
        "ncco": [],
    }
    with pytest.raises(aiohttp.ClientConnectionError):
        await stage.api("POST", "/v1/calls", body)
    assert len((await stage.sim("GET", "/calls")).json["calls"]) == placed


async def test_faults_strike_by_probability_and_the_same_for_the_same_seed(
    stage: SimulatorHarness,
) -> None:
    counts = []
    for _ in range(2):
        await stage.faults(seed=9, unsigned=0.5)
        stage.received.clear()
        for _ in range(5):
            await finished(stage)
        signs = ["Authorization" in got.headers for got in stage.received]
        counts.append(signs)
    assert counts[0] == counts[1]
    assert 0 < sum(counts[0]) < len(counts[0])


async def test_faults_view_lists_every_knob_and_how_often_it_struck(
    stage: SimulatorHarness,
) -> None:
    await stage.faults(unsigned={"probability": 1, "times": 2})
    await finished(stage)
    view = (await stage.sim("GET", "/faults")).json
    assert set(view["knobs"]) == set(FAULTS)
    assert view["on"]["unsigned"]["struck"] == 2


async def test_faults_put_turns_all_others_off(stage: SimulatorHarness) -> None:
    await stage.faults(unsigned=1)
    await stage.faults()
    assert (await stage.sim("GET", "/faults")).json["on"] == {}


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
        {"seed": "x"},
    ],
)
async def test_faults_refuse_what_they_do_not_know_and_change_nothing(
    stage: SimulatorHarness, bad: dict[str, Any]
) -> None:
    await stage.faults(null_from=1)
    assert (await stage.sim("PUT", "/faults", bad)).status == 400
    assert list((await stage.sim("GET", "/faults")).json["on"]) == ["null_from"]
