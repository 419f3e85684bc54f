"""The admin API on the local platform, with simulated callees."""

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


class AdminClient:
    """A client of the admin API with the AWS credentials, and of the simulated Vonage."""

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
            names = {name.lower(): value for name, value in response.headers.items()}
            return GatewayResponse(response.status, names, json.loads(text) if text else None)

    async def call(self, key: str | None = None, **changes: Any) -> GatewayResponse:
        body = {"to": [{"type": "phone", "number": CALLEE}], "flow": "greet"} | changes
        fields = {name: value for name, value in body.items() if value is not None}
        return await self("POST", "/calls", fields, key or str(uuid.uuid4()))

    # The simulated Vonage

    async def vonage(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.platform.vonage.http_url}{path}"
        async with self.http.request(method, url, json=body) as response:
            return await response.json()

    async def legs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.vonage("GET", "/sim/calls"))["calls"]
        return found

    async def details(self, leg: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.vonage("GET", f"/sim/calls/{leg}")
        return found

    async def heard(self, leg: str, words: str) -> bool:
        return any(words in str(sound.get("text")) for sound in (await self.details(leg))["heard"])


@pytest_asyncio.fixture(loop_scope="module")
async def admin(platform: LocalPlatform) -> AsyncIterator[AdminClient]:
    async with aiohttp.ClientSession() as http:
        client = AdminClient(platform, http)
        await client.vonage("PUT", "/sim/faults", {})
        yield client


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := await condition()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)
    return found


async def test_a_callee_hears_the_flow(admin: AdminClient) -> None:
    placed = await admin.call(flow="greet")
    assert placed.status == 201, placed
    leg = placed.body["uuid"]
    await until(lambda: admin.heard(leg, "Thank you for calling"))


# Authorization


@pytest.mark.parametrize(("method", "path"), [("POST", "/calls"), ("GET", "/history?day=x")])
async def test_the_gateway_rejects_unsigned_requests(
    admin: AdminClient, method: str, path: str
) -> None:
    before = len(await admin.legs())
    response = await admin.send(method, path, b"{}", {"Idempotency-Key": "k"})
    assert (response.status, response.body) == (403, {"message": "Forbidden"})
    assert len(await admin.legs()) == before


async def test_every_route_requires_a_signature(admin: AdminClient) -> None:
    # The link in a mail has a token of its own.
    public = ("/webhooks/", "/listen/")
    routes = [one for one in admin.platform.stack.routes if not one.path.startswith(public)]
    assert len(routes) == 17
    for route in routes:
        path = route.path.replace("{uuid}", str(uuid.uuid4()))
        assert (await admin.send(route.method, path, b"", {})).status == 403, route.key


# Calls


async def answered(admin: AdminClient, ncco: list[dict[str, Any]] | None = None) -> str:
    """Place a call, wait until the callee answers, and return the leg's UUID."""
    wait = [{"action": "wait", "timeout": 600}]
    placed = await admin.call(flow=None, ncco=ncco or wait)
    assert placed.status == 201, placed
    leg: str = placed.body["uuid"]

    async def is_answered() -> bool:
        return bool((await admin.details(leg))["status"] == "answered")

    await until(is_answered)
    return leg


async def ended_timeline(admin: AdminClient, leg: str) -> Any:
    """Return the timeline of a call whose end is stored, None for any other."""
    response = await admin("GET", f"/calls/{leg}/events")
    ended = response.status == 200 and response.body["legs"][0]["ended"]
    return response.body if ended else None


async def test_talk_and_dtmf_are_heard_and_stream_is_accepted(admin: AdminClient) -> None:
    leg = await answered(admin)
    spoken = await admin("PUT", f"/calls/{leg}/talk", {"text": "A text from the admin API"})
    assert spoken.status == 200, spoken
    await until(lambda: admin.heard(leg, "A text from the admin API"))
    assert (await admin("DELETE", f"/calls/{leg}/talk")).status == 200
    assert (await admin("PUT", f"/calls/{leg}/dtmf", {"digits": "12#"})).status == 200

    async def dtmf_heard() -> bool:
        return any(sound["kind"] == "dtmf" for sound in (await admin.details(leg))["heard"])

    await until(dtmf_heard)
    assert (await admin("DELETE", f"/calls/{leg}/stream")).status == 200


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        ({"ncco": [{"action": "talk", "text": "This is a transfer"}]}, "This is a transfer"),
        ({"flow": "greet"}, "Thank you for calling"),
    ],
    ids=["inline", "flow"],
)
async def test_a_transferred_call_hears_the_new_ncco(
    admin: AdminClient, destination: dict[str, Any], words: str
) -> None:
    leg = await answered(admin)
    body = {"action": "transfer", "destination": destination}
    assert (await admin("PUT", f"/calls/{leg}", body)).status == 204
    await until(lambda: admin.heard(leg, words))


async def test_mute_earmuff_and_hangup_are_accepted(admin: AdminClient) -> None:
    leg = await answered(admin)
    for action in ("mute", "unmute", "earmuff", "unearmuff", "hangup"):
        assert (await admin("PUT", f"/calls/{leg}", {"action": action})).status == 204

    # Its end is stored later than it happens, and only then hanging up succeeds again.
    await until(lambda: ended_timeline(admin, leg))
    assert (await admin("PUT", f"/calls/{leg}", {"action": "hangup"})).status == 204
    assert (await admin("PUT", f"/calls/{leg}", {"action": "mute"})).status == 404


async def test_a_new_call_can_be_hung_up(admin: AdminClient) -> None:
    leg = (await admin.call()).body["uuid"]
    assert (await admin("PUT", f"/calls/{leg}", {"action": "hangup"})).status == 204


async def test_a_denied_number_does_not_ring(admin: AdminClient) -> None:
    before = len(await admin.legs())
    hidden = [{"action": "connect", "endpoint": [{"type": "phone", "number": "12025550123"}]}]
    for rejected in (
        await admin.call(to=[{"type": "phone", "number": "12025550123"}]),
        await admin.call(flow=None, ncco=hidden),
        await admin.call(flow=None, answer_url=["https://evil.example/ncco"]),
    ):
        assert rejected.status == 403, rejected
    assert len(await admin.legs()) == before


async def test_the_switchboard_turns_dialing_off_without_a_deployment(admin: AdminClient) -> None:
    assert (await admin("PUT", "/switchboard", {"dialling": "off"})).status == 200
    try:
        assert (await admin.call()).status == 403
    finally:
        assert (await admin("PUT", "/switchboard", {})).status == 200
    assert (await admin.call()).status == 201


# At most once


async def count_legs(admin: AdminClient, number: str) -> int:
    """Return the number of legs to a number, that is, of calls placed."""
    return sum(leg["to"].get("number") == number for leg in await admin.legs())


async def test_fifty_concurrent_requests_with_one_key_dial_once(admin: AdminClient) -> None:
    number, key = "447700900501", str(uuid.uuid4())
    to = [{"type": "phone", "number": number}]
    replies = await asyncio.gather(*(admin.call(key, to=to) for _ in range(50)))
    assert {one.status for one in replies} <= {201, 409}
    assert await count_legs(admin, number) == 1
    assert len({one.body["uuid"] for one in replies if one.status == 201}) == 1
    assert (await admin.call(key, to=to)).status == 201
    assert await count_legs(admin, number) == 1


@pytest.mark.parametrize(
    ("fault", "number", "expected_legs"),
    [("api_drop_before", "447700900502", 0), ("api_drop_after", "447700900503", 1)],
)
async def test_a_lost_response_of_vonage_is_not_dialed_again(
    admin: AdminClient, fault: str, number: str, expected_legs: int
) -> None:
    key, to = str(uuid.uuid4()), [{"type": "phone", "number": number}]
    await admin.vonage("PUT", "/sim/faults", {fault: {"probability": 1, "times": 1}})
    assert (await admin.call(key, to=to)).status == 504
    await admin.vonage("PUT", "/sim/faults", {})
    retry = await admin.call(key, to=to)
    assert (retry.status, retry.body["state"]) == (409, "unknown")
    assert await count_legs(admin, number) == expected_legs


def calls_processes(platform: LocalPlatform) -> list[int]:
    """Return the process ids of the admin API's execution environments."""
    variable = b"AWS_LAMBDA_FUNCTION_NAME=voice-local-CallsFunction"
    return [
        one
        for one in platform.lambdas.process_ids
        if variable in Path(f"/proc/{one}/environ").read_bytes().split(b"\0")
    ]


async def test_a_function_killed_while_dialing_leaves_the_key_claimed(
    admin: AdminClient,
) -> None:
    number, key = "447700900504", str(uuid.uuid4())
    to = [{"type": "phone", "number": number}]
    await admin.vonage(
        "PUT", "/sim/faults", {"api_slow": {"probability": 1, "times": 1, "value": 1}}
    )
    request = asyncio.ensure_future(admin.call(key, to=to))
    dynamodb = admin.platform.moto.client("dynamodb")
    claim = {"pk": {"S": f"idempotency#{key}"}, "sk": {"S": "claim"}}
    table = admin.platform.stack.outputs["TableName"]

    async def is_claimed() -> bool:
        response = await asyncio.to_thread(dynamodb.get_item, TableName=table, Key=claim)
        return "Item" in response

    await until(is_claimed)
    for process_id in calls_processes(admin.platform):
        os.kill(process_id, signal.SIGKILL)
    assert (await request).status == 500

    async def retried() -> GatewayResponse | None:
        response = await admin.call(key, to=to)
        # 500 comes from another killed environment.
        return response if response.status != 500 else None

    retry = await until(retried)
    assert (retry.status, retry.body["state"]) == (409, "claimed")
    await asyncio.sleep(1.2)  # longer than the delay of the response
    assert await count_legs(admin, number) <= 1


async def test_vonages_rate_limit_is_returned_as_429(admin: AdminClient) -> None:
    await admin.vonage("PUT", "/sim/faults", {"api_429": {"probability": 1, "times": 1}})
    rejected = await admin.call()
    assert (rejected.status, rejected.headers["retry-after"]) == (429, "1")


# History


async def test_a_completed_call_is_in_timeline_list_and_history(admin: AdminClient) -> None:
    leg = (await admin.call(flow=None, ncco=[{"action": "talk", "text": "Goodbye"}])).body["uuid"]
    timeline = await until(lambda: ended_timeline(admin, leg))
    assert timeline["legs"][0]["state"] == "completed"
    assert timeline["legs"][0]["to"] == CALLEE
    seen = (await admin("GET", f"/calls/{leg}")).body
    assert (seen["uuid"], seen["status"], seen["to"]["number"]) == (leg, "completed", CALLEE)
    listed = (await admin("GET", "/calls?status=completed&page_size=100&order=desc")).body
    assert leg in [one["uuid"] for one in listed["calls"]]
    day = timeline["events"][0]["timestamp"][:10]
    entries = (await admin("GET", f"/history?day={day}&page_size=1000")).body["entries"]
    statuses = {one["status"] for one in entries if one["uuid"] == leg}
    assert statuses == {"started", "completed"}


async def test_a_recording_can_be_downloaded_from_its_link(admin: AdminClient) -> None:
    recordings = f"{admin.platform.api_url}/webhooks/recordings"
    ncco = [
        {"action": "record", "eventUrl": [recordings]},
        {"action": "talk", "text": "Hello, this is recorded"},
    ]
    leg = (await admin.call(flow=None, ncco=ncco)).body["uuid"]

    async def recorded() -> Any:
        response = await admin("GET", f"/calls/{leg}/events")
        events = response.body.get("events", [])
        return next((one["fields"] for one in events if one["kind"] == "record"), None)

    recording = (await until(recorded))["recording_uuid"]

    async def fetched() -> Any:
        response = await admin("GET", f"/recordings/{recording}")
        return response.body if response.status == 200 else None

    archived = await until(fetched)
    async with admin.http.get(archived["url"]) as response:
        assert response.status == 200
        assert len(await response.read()) == archived["size"]
