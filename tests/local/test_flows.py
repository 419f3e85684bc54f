"""Every shipped flow through the real template's API, functions and table.

The tests send the webhooks themselves, so that these can be GET or POST, out of order and
duplicated. `python -m local.demo` runs whole calls on the simulated Vonage.
"""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from local.local_platform import LocalPlatform, PlatformOptions
from local.samples.signing import Sample, Signer
from records.event import parse_event
from records.timeline import Timeline, build_timeline
from tests.support.shipped_flows import SHIPPED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
STATUSES = ("started", "ringing", "answered", "completed")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """The real application."""
    options = PlatformOptions(folder=tmp_path_factory.mktemp("platform"))
    async with LocalPlatform(ROOT, options) as running:
        yield running


@dataclass
class Caller:
    """A call whose webhooks the test sends."""

    platform: LocalPlatform
    method: str
    leg: str = field(default_factory=lambda: uuid.uuid4().hex)
    conversation: str = field(default_factory=lambda: f"CON-{uuid.uuid4()}")

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "from": "447700900123",
            "to": "447700900000",
            "uuid": self.leg,
            "conversation_uuid": self.conversation,
        }

    async def send(self, url: str, fields: dict[str, Any], method: str | None = None) -> Any:
        """Send a webhook as Vonage does, and return the NCCO of the response; None without one."""
        method = method or self.method
        path, query, body = urlsplit(url).path, urlsplit(url).query, b""
        if method == "GET":
            texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()}
            query = "&".join(filter(None, (query, urlencode(texts))))
        else:
            body = json.dumps(fields, separators=(",", ":")).encode()
        keys = self.platform.credentials
        signer = Signer(keys.signature_secret, keys.api_key, keys.application_id)
        token = signer.token(Sample(method, path, query, body))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        address = f"{self.platform.api_url}{path}?{query}"
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, address, data=body or None, headers=headers) as response,
        ):
            assert response.status in (200, 204), await response.text()
            return json.loads(await response.text() or "null")

    async def send_leg_events(self, seed: str) -> None:
        """Send each event of the leg twice, in random order."""
        events = [
            {
                **self.fields,
                "headers": {},
                "status": status,
                "direction": "inbound",
                "timestamp": f"2026-03-29T21:20:{second:02}.582Z",
            }
            for second, status in enumerate(STATUSES)
        ] * 2
        random.Random(seed).shuffle(events)
        for event in events:
            await self.send("/webhooks/event", event, "POST")

    def timeline(self) -> Timeline:
        """Return the timeline of the stored events."""
        response = self.platform.moto.client("dynamodb").query(
            TableName=self.platform.stack.outputs["TableName"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": self.conversation}},
        )
        items = [item for item in response["Items"] if item["method"]["S"] == "POST"]
        return build_timeline(parse_event(json.loads(item["body"]["S"])) for item in items)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("flow", SHIPPED)
async def test_each_flow_answers_a_call(platform: LocalPlatform, flow: str, method: str) -> None:
    # given a caller
    caller = Caller(platform, method)
    # when Vonage sends the answer webhook
    ncco = await caller.send(f"/webhooks/answer?flow={flow}", caller.fields)
    # then the caller hears a prompt other than the apology, and callbacks name the same flow
    assert ncco[0]["action"] in ("talk", "connect")
    assert "something went wrong" not in json.dumps(ncco)
    callbacks = [url for action in ncco for url in action.get("eventUrl", [])]
    assert all(url.startswith(f"{platform.api_url}/webhooks/") for url in callbacks)
    assert all(f"flow={flow}" in url for url in callbacks)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("flow", "fields", "heard"),
    [
        ("dtmf_menu", {"dtmf": {"digits": "1", "timed_out": False}}, "nine to five"),
        ("speech", {"speech": {"results": [{"text": "hi", "confidence": "0.9"}]}}, "you said hi"),
        ("track_progress", {"payload": {"stage": "greeted"}}, "loud and clear"),
    ],
)
async def test_the_same_flow_handles_the_webhooks_of_its_ncco(
    platform: LocalPlatform, flow: str, fields: dict[str, Any], heard: str, method: str
) -> None:
    caller = Caller(platform, method)
    ncco = await caller.send(f"/webhooks/answer?flow={flow}", caller.fields)
    (callback,) = [url for action in ncco for url in action.get("eventUrl", [])]
    timestamp = {"timestamp": "2026-03-29T21:20:01.582Z"}
    ncco = await caller.send(callback, {**caller.fields, **timestamp, **fields})
    assert heard in ncco[0]["text"]


@pytest.mark.parametrize("seed", ["one", "two", "three"])
async def test_unordered_duplicate_events_are_stored_once_and_give_the_right_timeline(
    platform: LocalPlatform, seed: str
) -> None:
    caller = Caller(platform, "POST")
    await caller.send_leg_events(seed)
    timeline = caller.timeline()
    assert len(timeline.events) == len(STATUSES)
    leg = timeline.legs[caller.leg]
    assert (leg.state, leg.outcome, leg.ended) == ("completed", "answered", True)
    assert list(leg.times) == list(STATUSES)


@pytest.mark.parametrize(
    "parties",
    [
        pytest.param({"from": None, "to": "447700900000"}, id="withheld caller"),
        pytest.param({"from_user": "JaneDoe"}, id="Client SDK user without a number"),
    ],
)
async def test_call_without_a_from_or_to_is_answered_and_recorded(
    platform: LocalPlatform, parties: dict[str, Any]
) -> None:
    # given a call whose webhooks have no `from`, or no `to`
    clock = platform.vonage.clock
    clock.set_speed(0)
    try:
        calls = f"{platform.vonage.http_url}/sim/calls"
        numbers = {"to": platform.vonage.settings.numbers[0]} if "to" in parties else {}
        async with aiohttp.ClientSession() as http:
            # when it rings
            async with http.post(calls, json=parties | numbers) as response:
                assert response.status == 201, await response.text()
                leg = (await response.json())["uuid"]
            await clock.step(60)
            async with http.get(f"{calls}/{leg}") as response:
                view = await response.json()
    finally:
        clock.set_speed(1)
    # then the application answers it, and accepts each of its events
    statuses = {webhook["kind"]: webhook["status"] for webhook in view["webhooks"]}
    assert statuses.pop("answer") == 200
    assert view["answered_at"] is not None
    assert {"started", "ringing", "answered"} <= set(statuses)
    assert set(statuses.values()) <= {200, 204}
