"""The owner's API on the whole platform: signed requests in, simulated telephones ringing."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.platform import Options, Platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

ROOT = Path(__file__).parents[2]
CALLEE = "447700900456"
PATIENCE = 20.0  # seconds

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    options = Options(
        folder=tmp_path_factory.mktemp("platform"),
        parameters={"AllowedPrefixes": "44", "DeniedPrefixes": "449", "CallsPerDay": "2000"},
        speed=10,
    )
    async with Platform(ROOT, options) as running:
        yield running


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Owner:
    """Whoever holds the keys of the AWS account."""

    def __init__(self, platform: Platform, http: aiohttp.ClientSession) -> None:
        self.platform = platform
        self.http = http

    async def __call__(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> Reply:
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        content = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, f"{self.platform.api_url}{path}", headers, content)
        known = self.platform.credentials
        keys = Credentials(
            known.aws_access_key_id, known.aws_secret_access_key, known.aws_session_token
        )
        SigV4Auth(keys, "execute-api", self.platform.options.region).add_auth(request)
        return await self.send(method, path, content, dict(request.headers.items()))

    async def send(self, method: str, path: str, content: bytes, headers: dict[str, str]) -> Reply:
        url = f"{self.platform.api_url}{path}"
        async with self.http.request(method, url, data=content, headers=headers) as response:
            text = await response.text()
            got = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, got, json.loads(text) if text else None)

    async def call(self, key: str | None = None, **changes: Any) -> Reply:
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
async def owner(platform: Platform) -> AsyncIterator[Owner]:
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
