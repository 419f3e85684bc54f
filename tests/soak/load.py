"""Calls in both directions, and an owner who asks, while something is changed."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from tests.voicectl.cli_process import RENTED

if TYPE_CHECKING:
    import aiohttp

    from local.local_platform import LocalPlatform

PAUSE = 0.5  # seconds between two calls of a kind


class Load:
    """Callers who ring, and an owner who places calls and lists them, until it is ended.

    Attributes
    ----------
    replies
        What the owner asked for by which method, and with which status it was answered.
    rung
        When a caller rang, on the monotonic clock, and the call's UUID.
    """

    def __init__(self, platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
        self.replies: list[tuple[str, int]] = []
        self.rung: list[tuple[float, str]] = []
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
                self.rung.append((time.monotonic(), (await response.json())["uuid"]))
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
        sent = self._platform.signed(method, path, body, headers)
        async with self._http.request(method, url, data=body, headers=sent) as response:
            self.replies.append((method, response.status))


async def webhooks(platform: LocalPlatform, http: aiohttp.ClientSession) -> Any:
    """Give every webhook that was sent and answered, of all calls."""
    async with http.get(f"{platform.vonage.http_url}/sim/calls") as response:
        legs = (await response.json())["calls"]
    for leg in legs:
        async with http.get(f"{platform.vonage.http_url}/sim/calls/{leg['uuid']}") as response:
            for hook in (await response.json())["webhooks"]:
                if hook["ms"] is not None:  # the last ones may still be on their way
                    yield hook
