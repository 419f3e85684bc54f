"""The owner's API on the whole platform: signed requests in, simulated telephones ringing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio

from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

ROOT = Path(__file__).parents[2]
CALLEE = "447700900456"
PATIENCE = 20.0  # seconds

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("platform"),
        parameters={"AllowedPrefixes": "44", "DeniedPrefixes": "449", "CallsPerDay": "2000"},
        speed=10,
    )
    async with LocalPlatform(ROOT, options) as running:
        yield running


class GatewayResponse(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Owner:
    """Whoever holds the keys of the AWS account."""

    def __init__(self, platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
        self.platform = platform
        self.http = http

    async def __call__(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> GatewayResponse:
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        content = b"" if body is None else json.dumps(body).encode()
        signed = self.platform.signed(method, path, content, headers)
        return await self.send(method, path, content, signed)

    async def send(
        self, method: str, path: str, content: bytes, headers: dict[str, str]
    ) -> GatewayResponse:
        url = f"{self.platform.api_url}{path}"
        async with self.http.request(method, url, data=content, headers=headers) as response:
            text = await response.text()
            got = {name.lower(): value for name, value in response.headers.items()}
            return GatewayResponse(response.status, got, json.loads(text) if text else None)

    async def call(self, key: str | None = None, **changes: Any) -> GatewayResponse:
        body = {"to": [{"type": "phone", "number": CALLEE}], "flow": "greet"} | changes
        given = {name: value for name, value in body.items() if value is not None}
        return await self("POST", "/calls", given, key or str(uuid.uuid4()))

    # The simulated Vonage

    async def vonage(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.platform.vonage.http_url}{path}"
        async with self.http.request(method, url, json=body) as response:
            return await response.json()

    async def legs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.vonage("GET", "/sim/calls"))["calls"]
        return found

    async def look(self, leg: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.vonage("GET", f"/sim/calls/{leg}")
        return found

    async def heard(self, leg: str, words: str) -> bool:
        return any(words in str(sound.get("text")) for sound in (await self.look(leg))["heard"])


@pytest_asyncio.fixture(loop_scope="module")
async def owner(platform: LocalPlatform) -> AsyncIterator[Owner]:
    async with aiohttp.ClientSession() as http:
        one = Owner(platform, http)
        await one.vonage("PUT", "/sim/faults", {})
        yield one


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := await holds()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)
    return found


async def test_a_call_with_a_flow_rings_and_the_called_hear_the_flow(owner: Owner) -> None:
    placed = await owner.call(flow="greet")
    assert placed.status == 201, placed
    leg = placed.body["uuid"]
    await until(lambda: owner.heard(leg, "Thank you for calling"))


# Who is let in


@pytest.mark.parametrize(("method", "path"), [("POST", "/calls"), ("GET", "/history?day=x")])
async def test_the_gateway_refuses_what_is_not_signed(owner: Owner, method: str, path: str) -> None:
    before = len(await owner.legs())
    reply = await owner.send(method, path, b"{}", {"Idempotency-Key": "k"})
    assert (reply.status, reply.body) == (403, {"message": "Forbidden"})
    assert len(await owner.legs()) == before


async def test_every_route_of_the_owner_asks_for_a_signature(owner: Owner) -> None:
    routes = [one for one in owner.platform.stack.routes if "/webhooks/" not in one.path]
    assert len(routes) == 16
    for route in routes:
        path = route.path.replace("{uuid}", str(uuid.uuid4()))
        assert (await owner.send(route.method, path, b"", {})).status == 403, route.key


# What is heard at the other end


async def answered(owner: Owner, ncco: list[dict[str, Any]] | None = None) -> str:
    """Place a call that lasts, and give its leg once somebody has answered."""
    waiting = [{"action": "wait", "timeout": 600}]
    placed = await owner.call(flow=None, ncco=ncco or waiting)
    assert placed.status == 201, placed
    leg: str = placed.body["uuid"]

    async def up() -> bool:
        return bool((await owner.look(leg))["status"] == "answered")

    await until(up)
    return leg


async def test_talk_stream_and_keys_are_heard(owner: Owner) -> None:
    leg = await answered(owner)
    said = await owner("PUT", f"/calls/{leg}/talk", {"text": "A word from the owner"})
    assert said.status == 200, said
    await until(lambda: owner.heard(leg, "A word from the owner"))
    assert (await owner("DELETE", f"/calls/{leg}/talk")).status == 200
    assert (await owner("PUT", f"/calls/{leg}/dtmf", {"digits": "12#"})).status == 200

    async def keys() -> bool:
        return any(sound["kind"] == "dtmf" for sound in (await owner.look(leg))["heard"])

    await until(keys)
    assert (await owner("DELETE", f"/calls/{leg}/stream")).status == 200


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ({"ncco": [{"action": "talk", "text": "This is a transfer"}]}, "This is a transfer"),
        ({"flow": "greet"}, "Thank you for calling"),
    ],
    ids=["inline", "flow"],
)
async def test_a_transferred_call_hears_the_new_ncco(
    owner: Owner, destination: dict[str, Any], words: str
) -> None:
    leg = await answered(owner)
    body = {"action": "transfer", "destination": destination}
    assert (await owner("PUT", f"/calls/{leg}", body)).status == 204
    await until(lambda: owner.heard(leg, words))


async def test_the_simple_actions_are_taken(owner: Owner) -> None:
    leg = await answered(owner)
    for action in ("mute", "unmute", "earmuff", "unearmuff", "hangup"):
        assert (await owner("PUT", f"/calls/{leg}", {"action": action})).status == 204

    async def over() -> bool:
        return bool((await owner.look(leg))["over"])

    await until(over)
    assert (await owner("PUT", f"/calls/{leg}", {"action": "hangup"})).status == 204
    assert (await owner("PUT", f"/calls/{leg}", {"action": "mute"})).status == 404


async def test_a_call_that_has_just_begun_is_hung_up(owner: Owner) -> None:
    leg = (await owner.call()).body["uuid"]
    assert (await owner("PUT", f"/calls/{leg}", {"action": "hangup"})).status == 204


async def test_a_number_that_may_not_be_called_does_not_ring(owner: Owner) -> None:
    before = len(await owner.legs())
    hidden = [{"action": "connect", "endpoint": [{"type": "phone", "number": "12025550123"}]}]
    for refused in (
        await owner.call(to=[{"type": "phone", "number": "12025550123"}]),
        await owner.call(flow=None, ncco=hidden),
        await owner.call(flow=None, answer_url=["https://evil.example/ncco"]),
    ):
        assert refused.status == 403, refused
    assert len(await owner.legs()) == before


async def test_the_switch_stops_dialling_without_a_deployment(owner: Owner) -> None:
    assert (await owner("PUT", "/switchboard", {"dialling": "off"})).status == 200
    try:
        assert (await owner.call()).status == 403
    finally:
        assert (await owner("PUT", "/switchboard", {})).status == 200
    assert (await owner.call()).status == 201


# Once, whatever gets lost


async def rung_by(owner: Owner, number: str) -> int:
    """Count the legs to a number: the calls that were truly placed."""
    return sum(leg["to"].get("number") == number for leg in await owner.legs())


async def test_fifty_repeats_at_once_dial_once(owner: Owner) -> None:
    number, key = "447700900501", str(uuid.uuid4())
    to = [{"type": "phone", "number": number}]
    replies = await asyncio.gather(*(owner.call(key, to=to) for _ in range(50)))
    assert {one.status for one in replies} <= {201, 409}
    assert await rung_by(owner, number) == 1
    assert len({one.body["uuid"] for one in replies if one.status == 201}) == 1
    assert (await owner.call(key, to=to)).status == 201
    assert await rung_by(owner, number) == 1


@pytest.mark.parametrize(
    ("fault", "number", "rings"),
    [("api_drop_before", "447700900502", 0), ("api_drop_after", "447700900503", 1)],
)
async def test_a_lost_answer_of_vonages_is_not_dialled_a_second_time(
    owner: Owner, fault: str, number: str, rings: int
) -> None:
    key, to = str(uuid.uuid4()), [{"type": "phone", "number": number}]
    await owner.vonage("PUT", "/sim/faults", {fault: {"probability": 1, "times": 1}})
    assert (await owner.call(key, to=to)).status == 504
    await owner.vonage("PUT", "/sim/faults", {})
    repeat = await owner.call(key, to=to)
    assert (repeat.status, repeat.body["state"]) == (409, "unknown")
    assert await rung_by(owner, number) == rings


def calls_workers(platform: LocalPlatform) -> list[int]:
    """Give the process ids of the workers of the owner's API."""
    wanted = b"AWS_LAMBDA_FUNCTION_NAME=voice-local-CallsFunction"
    return [
        one
        for one in platform.lambdas.process_ids
        if wanted in Path(f"/proc/{one}/environ").read_bytes().split(b"\0")
    ]


async def test_a_function_that_is_killed_while_it_dials_leaves_the_key_closed(
    owner: Owner,
) -> None:
    number, key = "447700900504", str(uuid.uuid4())
    to = [{"type": "phone", "number": number}]
    await owner.vonage(
        "PUT", "/sim/faults", {"api_slow": {"probability": 1, "times": 1, "value": 1}}
    )
    asking = asyncio.ensure_future(owner.call(key, to=to))
    dynamodb = owner.platform.cloud.client("dynamodb")
    claim = {"pk": {"S": f"idempotency#{key}"}, "sk": {"S": "claim"}}
    table = owner.platform.stack.outputs["TableName"]

    async def claimed() -> bool:
        got = await asyncio.to_thread(dynamodb.get_item, TableName=table, Key=claim)
        return "Item" in got

    await until(claimed)
    for worker in calls_workers(owner.platform):
        os.kill(worker, signal.SIGKILL)
    assert (await asking).status == 500

    async def answered_again() -> GatewayResponse | None:
        reply = await owner.call(key, to=to)
        return reply if reply.status != 500 else None  # from a worker that was killed as well

    repeat = await until(answered_again)
    assert (repeat.status, repeat.body["state"]) == (409, "claimed")
    await asyncio.sleep(1.2)  # longer than the slow answer takes
    assert await rung_by(owner, number) <= 1


async def test_vonages_limit_comes_back_as_429(owner: Owner) -> None:
    await owner.vonage("PUT", "/sim/faults", {"api_429": {"probability": 1, "times": 1}})
    refused = await owner.call()
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")


# What happened, read back


async def test_a_call_that_is_over_can_be_read_back(owner: Owner) -> None:
    leg = (await owner.call(flow=None, ncco=[{"action": "talk", "text": "Goodbye"}])).body["uuid"]

    async def told() -> Any:
        reply = await owner("GET", f"/calls/{leg}/events")
        ended = reply.status == 200 and reply.body["legs"][0]["ended"]
        return reply.body if ended else None

    timeline = await until(told)
    assert timeline["legs"][0]["state"] == "completed"
    assert timeline["legs"][0]["to"] == CALLEE
    seen = (await owner("GET", f"/calls/{leg}")).body
    assert (seen["uuid"], seen["status"], seen["to"]["number"]) == (leg, "completed", CALLEE)
    listed = (await owner("GET", "/calls?status=completed&page_size=100&order=desc")).body
    assert leg in [one["uuid"] for one in listed["calls"]]
    day = timeline["events"][0]["timestamp"][:10]
    entries = (await owner("GET", f"/history?day={day}&page_size=1000")).body["entries"]
    told_of = {one["status"] for one in entries if one["uuid"] == leg.replace("-", "")}
    assert told_of == {"started", "completed"}


async def test_a_recording_can_be_downloaded_by_its_link(owner: Owner) -> None:
    recordings = f"{owner.platform.api_url}/webhooks/recordings"
    ncco = [
        {"action": "record", "eventUrl": [recordings]},
        {"action": "talk", "text": "Hello, this is recorded"},
    ]
    leg = (await owner.call(flow=None, ncco=ncco)).body["uuid"]

    async def recorded() -> Any:
        reply = await owner("GET", f"/calls/{leg}/events")
        events = reply.body.get("events", [])
        return next((one["fields"] for one in events if one["kind"] == "record"), None)

    recording = (await until(recorded))["recording_uuid"]

    async def fetched() -> Any:
        reply = await owner("GET", f"/recordings/{recording}")
        return reply.body if reply.status == 200 else None

    kept = await until(fetched)
    async with owner.http.get(kept["url"]) as response:
        assert response.status == 200
        assert len(await response.read()) == kept["size"]
