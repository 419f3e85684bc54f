"""Inbound calls, outbound calls, and admin API requests, as load for a test."""

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

PAUSE = 0.5  # seconds between inbound calls


class Load:
    """Inbound calls, and admin API requests that place and list calls, until `end`.

    Attributes
    ----------
    responses
        The method and status of each admin API request.
    inbound
        The time of each inbound call on the monotonic clock, and its UUID.
    """

    def __init__(self, platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
        self.responses: list[tuple[str, int]] = []
        self.inbound: list[tuple[float, str]] = []
        self._platform = platform
        self._http = http
        self._ended = asyncio.Event()
        self._tasks = [asyncio.create_task(one()) for one in (self._call, self._place, self._list)]

    async def end(self) -> None:
        self._ended.set()
        for task in self._tasks:
            await task  # raises the task's error

    async def _call(self) -> None:
        url = f"{self._platform.vonage.http_url}/sim/calls"
        while not self._ended.is_set():
            body = {"from": "447700900123", "to": RENTED}
            async with self._http.post(url, json=body) as response:
                assert response.status == 201
                self.inbound.append((time.monotonic(), (await response.json())["uuid"]))
            await asyncio.sleep(PAUSE)

    async def _place(self) -> None:
        call = {"to": [{"type": "phone", "number": "447700900456"}], "flow": "greet"}
        while not self._ended.is_set():
            await self._request("POST", "/calls", json.dumps(call).encode())
            await asyncio.sleep(2 * PAUSE)

    async def _list(self) -> None:
        while not self._ended.is_set():
            await self._request("GET", "/calls?page_size=1", b"")
            await asyncio.sleep(PAUSE)

    async def _request(self, method: str, path: str, body: bytes) -> None:
        url = f"{self._platform.api_url}{path}"
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        signed_headers = self._platform.signed(method, path, body, headers)
        request = self._http.request(method, url, data=body, headers=signed_headers)
        async with request as response:
            self.responses.append((method, response.status))


async def webhooks(platform: LocalPlatform, http: aiohttp.ClientSession) -> Any:
    """Yield every webhook of every call that got a response."""
    async with http.get(f"{platform.vonage.http_url}/sim/calls") as response:
        legs = (await response.json())["calls"]
    for leg in legs:
        async with http.get(f"{platform.vonage.http_url}/sim/calls/{leg['uuid']}") as response:
            for hook in (await response.json())["webhooks"]:
                if hook["ms"] is not None:  # the last ones may have no response yet
                    yield hook
