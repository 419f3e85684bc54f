"""What the simulated Vonage bears: calls at once, webhooks a second, memory per call."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.bench.stats import Measurement, number, table
from vonage_simulator import Simulator, SimulatorSettings, WebhookTarget

if TYPE_CHECKING:
    from collections.abc import Callable

_SPEED = 20  # the simulator's clock against the real one
# Half an hour of talk: nobody is done before everybody has come.
_NCCO = [{"action": "talk", "text": "hello", "loop": 0}]
_RINGING_AT_ONCE = 20


def simulator(calls: int, say: Callable[[str], None]) -> Measurement:
    """Open so many calls, hold them all, end them, and sum up.

    The simulator and the application that answers it share a process of their own, so that its
    memory is theirs alone.
    """
    say(f"simulator: {calls} calls")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, calls).result()


def _run(calls: int) -> Measurement:
    return asyncio.run(_simulator(calls))


async def _simulator(calls: int) -> Measurement:
    server, webhooks = await _application()
    url = f"http://127.0.0.1:{server.port}"
    settings = SimulatorSettings(
        answer=WebhookTarget(f"{url}/answer", "GET"),
        event=WebhookTarget(f"{url}/event"),
        speed=_SPEED,
    )
    try:
        async with Simulator(settings) as vonage, aiohttp.ClientSession() as client:
            await _open(vonage, client, _RINGING_AT_ONCE)  # what is made once is made now
            before, begun, counted = _resident_bytes(), time.monotonic(), len(webhooks)
            names = await _open(vonage, client, calls)
            await _until(vonage, client, calls + _RINGING_AT_ONCE)
            opened_in = time.monotonic() - begun
            most = await _count(vonage, client)
            taken = _resident_bytes() - before
            await asyncio.gather(*(_hang_up(vonage, client, name) for name in names))
            await _until(vonage, client, _RINGING_AT_ONCE)
            in_all = time.monotonic() - begun
            sent = len(webhooks) - counted
    finally:
        await server.close()
    result = {
        "calls_at_once": most - _RINGING_AT_ONCE,
        "opened_in_seconds": round(opened_in, 2),
        "webhooks": sent,
        "webhooks_a_second": round(sent / in_all, 1),
        "kib_a_call": round(taken / calls / 1024, 1),
    }
    row = [most - _RINGING_AT_ONCE, number(opened_in), sent, number(sent / in_all)]
    head = ["calls at once", "opened in, s", "webhooks", "a second", "memory a call, KiB"]
    return Measurement(result, table(head, [[*row, number(taken / calls / 1024)]]))


async def _application() -> tuple[TestServer, list[float]]:
    """Serve an application that talks for as long as one likes; keep when each webhook came."""
    came: list[float] = []

    async def answer(_: web.Request) -> web.Response:
        came.append(time.monotonic())
        return web.json_response(_NCCO)

    async def event(request: web.Request) -> web.Response:
        await request.read()
        came.append(time.monotonic())
        return web.Response(status=204)

    application = web.Application()
    application.add_routes([web.get("/answer", answer), web.post("/event", event)])
    server = TestServer(application, host="127.0.0.1")
    await server.start_server()
    return server, came


async def _open(vonage: Simulator, client: aiohttp.ClientSession, calls: int) -> list[str]:
    names: list[str] = []
    body = {"from": "447700900999", "to": "447700900001"}
    for _ in range(calls):
        async with client.post(f"{vonage.http_url}/sim/calls", json=body) as response:
            names.append((await response.json())["uuid"])
    return names


async def _hang_up(vonage: Simulator, client: aiohttp.ClientSession, name: str) -> None:
    async with client.post(f"{vonage.http_url}/sim/calls/{name}/hangup") as response:
        await response.read()


async def _count(vonage: Simulator, client: aiohttp.ClientSession) -> int:
    async with client.get(f"{vonage.http_url}/sim") as response:
        about: dict[str, Any] = await response.json()
        return int(about["calls_open"])


async def _until(vonage: Simulator, client: aiohttp.ClientSession, open_calls: int) -> None:
    """Wait until so many calls are open and their webhooks have come."""
    async with asyncio.timeout(120):
        while await _count(vonage, client) != open_calls:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)


def _resident_bytes() -> int:
    """Give what this process takes, where the system tells."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else 0
