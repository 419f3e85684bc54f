"""Key pair and signature secret changed under a running load: no webhook and no call fails."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.platform import Options, Platform
from tests.connect.terminal import RENTED, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
NEW = "the-next-signature-secret-of-the-account"
PAUSE = 0.5  # seconds between two calls of a kind
PATIENCE = 300.0  # seconds


class Load:
    """Callers who ring, and an owner who places calls and lists them, until it is ended."""

    def __init__(self, platform: Platform, http: aiohttp.ClientSession) -> None:
        self.replies: list[tuple[str, int]] = []
        self._platform = platform
        self._http = http
        self._ended = asyncio.Event()
        self._tasks = [asyncio.create_task(one()) for one in (self._ring, self._place, self._list)]

    async def end(self) -> None:
        self._ended.set()
        for task in self._tasks:
            await task  # raises what went wrong

    async def _ring(self) -> None:
        url = f"{self._platform.vonage.http_url}/sim/calls"
        while not self._ended.is_set():
            body = {"from": "447700900123", "to": RENTED}
            async with self._http.post(url, json=body) as response:
                assert response.status == 201
            await asyncio.sleep(PAUSE)

    async def _place(self) -> None:
        call = {"to": [{"type": "phone", "number": "447700900456"}], "flow": "greet"}
        while not self._ended.is_set():
            await self._ask("POST", "/calls", json.dumps(call).encode())
            await asyncio.sleep(2 * PAUSE)

    async def _list(self) -> None:
        while not self._ended.is_set():
            await self._ask("GET", "/calls?page_size=1", b"")
            await asyncio.sleep(PAUSE)

    async def _ask(self, method: str, path: str, body: bytes) -> None:
        url = f"{self._platform.api_url}{path}"
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        request = AWSRequest(method, url, headers, body)
        known = self._platform.credentials
        keys = Credentials(
            known.aws_access_key_id, known.aws_secret_access_key, known.aws_session_token
        )
        SigV4Auth(keys, "execute-api", self._platform.options.region).add_auth(request)
        sent = dict(request.headers.items())
        async with self._http.request(method, url, data=body, headers=sent) as response:
            self.replies.append((method, response.status))


async def test_a_rotation_of_both_under_load_fails_no_call_and_no_webhook(tmp_path: Path) -> None:
    options = Options(
        folder=tmp_path / ".local", parameters={"AllowedPrefixes": "44", "CallsPerDay": "90000"}
    )
    async with Platform(ROOT, options) as platform, aiohttp.ClientSession() as http:
        terminal = Terminal(platform, tmp_path, http)
        before = platform.vonage.application().public_key_pem
        # Given calls in both directions
        load = Load(platform, http)
        await asyncio.sleep(5)
        # When both are changed, and the dashboard's switch is thrown when that is asked for
        await _rotated(terminal, "key")
        await _rotated(terminal, "signature", "--settle", "10")
        await asyncio.sleep(5)
        await load.end()
        # Then each of Vonage's and the owner's requests was taken, at the first attempt
        hooks = [hook async for hook in _webhooks(platform, http)]
        signers = await asyncio.to_thread(_signers, terminal)
        print(f"\n{len(hooks)} webhooks, {len(load.replies)} requests of the owner's")
        assert [hook for hook in hooks if hook["status"] not in (200, 204)] == []
        assert set(load.replies) == {("POST", 201), ("GET", 200)}
        # And it was truly another key and another secret
        assert platform.vonage.application().public_key_pem != before
        assert len(signers) == 2


async def _rotated(terminal: Terminal, what: str, *words: str) -> None:
    environment = {"VONAGE_NEW_SIGNATURE_SECRET": NEW}
    process = await terminal.start("rotate", what, "--yes", *words, environment=environment)
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(PATIENCE):
        while line := await process.stdout.readline():
            said += line
            if line.startswith(b"Now change the signature secret"):
                await terminal.vonage("PUT", "/sim/account", {"signature_secret": NEW})
        _, complaints = await process.communicate()
    assert process.returncode == 0, said + complaints


async def _webhooks(platform: Platform, http: aiohttp.ClientSession) -> Any:
    async with http.get(f"{platform.vonage.http_url}/sim/calls") as response:
        legs = (await response.json())["calls"]
    for leg in legs:
        async with http.get(f"{platform.vonage.http_url}/sim/calls/{leg['uuid']}") as response:
            for hook in (await response.json())["webhooks"]:
                if hook["ms"] is not None:  # the last ones may still be on their way
                    yield hook


def _signers(terminal: Terminal) -> set[str]:
    kept: Iterable[dict[str, Any]] = terminal.items()
    return {one["signed_by"]["S"] for one in kept}
