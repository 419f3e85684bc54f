"""The admin API on the local platform responds to any request as docs/openapi.json says."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from calls.routes import ROUTES
from local.aws.api_gateway import ApiGateway
from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds
LONGEST = 300.0  # seconds of schemathesis, which takes half a minute
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """A platform that may call any number, and does not throttle."""
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("platform"),
        parameters={"AllowedPrefixes": "1,2,3,4,5,6,7,8,9", "CallsPerDay": "99999"},
        speed=10,
    )
    with pytest.MonkeyPatch.context() as patch:
        gateway = functools.partial(ApiGateway, clock=lambda: time.monotonic() * 1000)
        patch.setattr("local.local_platform.ApiGateway", gateway)
        async with LocalPlatform(ROOT, options) as running:
            yield running


async def request(platform: LocalPlatform, method: str, path: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    signed = platform.signed(method, path, content, headers)
    async with (
        aiohttp.ClientSession(platform.api_url) as http,
        http.request(method, path, data=content, headers=signed) as response,
    ):
        assert response.status < 300, await response.text()
        return await response.json()


async def place_calls(platform: LocalPlatform) -> dict[str, str]:
    """Return the UUID of a call that lasts, or of a recording, for each path that takes one."""
    lasting: list[dict[str, Any]] = [{"action": "wait", "timeout": 7200}]
    legs = [await place_call(platform, lasting) for _ in range(2)]
    for leg in legs:
        await until(platform, f"/calls/{leg}", lambda call: call["status"] == "answered")
    url = f"{platform.api_url}/webhooks/recordings?purpose=voicemail"
    ncco: list[dict[str, Any]] = [
        {"action": "record", "eventUrl": [url]},
        {"action": "talk", "text": "Please call me back."},
    ]
    await place_call(platform, ncco)
    stored = await until(platform, "/voicemails", lambda page: page["voicemails"])
    paths = (path for _, _, path in (route.partition(" ") for route in ROUTES))
    return {
        # This route hangs up, so that the other routes need another call.
        **{path: legs[path == "/calls/{uuid}"] for path in paths if path.startswith("/calls/{")},
        "/recordings/{uuid}": stored["voicemails"][0]["recording_uuid"],
    }


async def place_call(platform: LocalPlatform, ncco: list[dict[str, Any]]) -> str:
    to = [{"type": "phone", "number": "447700900456"}]
    placed = await request(platform, "POST", "/calls", {"to": to, "ncco": ncco})
    return str(placed["uuid"])


async def until(platform: LocalPlatform, path: str, condition: Callable[[Any], Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not condition(found := await request(platform, "GET", path)):
            await asyncio.sleep(0.05)
    return found


async def test_schemathesis_finds_no_response_outside_the_document(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    keys, log = platform.credentials, tmp_path / "log"
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": keys.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.aws_secret_access_key,
        "AWS_SESSION_TOKEN": keys.aws_session_token,
        "AWS_REGION": platform.options.region,
        "ADMIN_API_URL": platform.api_url,
        "ADMIN_API_UUIDS": json.dumps(await place_calls(platform)),
        "ADMIN_API_LOG": str(log),
    }
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("st"),
        "--config-file=tests/openapi/schemathesis.toml",
        "run",
        "docs/openapi.json",
        f"--url={platform.api_url}",
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LONGEST):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    statuses: defaultdict[str, set[int]] = defaultdict(set)
    for line in log.read_text().splitlines():
        operation, _, status = line.rpartition(" ")
        statuses[operation].add(int(status))
    succeeded = {name for name, found in statuses.items() if min(found) < 300}
    assert succeeded == ROUTES.keys(), statuses
