"""The simulator alone: ten thousand calls, each with webhooks, keys and a recording."""

import asyncio
import gc
import tracemalloc
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from local.simulator import Simulator, SimulatorSettings, Webhook

CALLS = 10_000
AT_ONCE = 50
# What the remembered calls and the rest take, whatever the number of calls that went before.
GROWTH_BYTES = 8 * 1024 * 1024
KEPT = 200


async def test_memory_stays_bounded_over_ten_thousand_calls() -> None:
    server, events = await _application()
    url = f"http://127.0.0.1:{server.port}"
    settings = SimulatorSettings(
        answer=Webhook(f"{url}/answer", "GET"),
        event=Webhook(f"{url}/event"),
        speed=100,
        calls_kept=KEPT,
    )
    try:
        async with Simulator(settings) as simulator, aiohttp.ClientSession() as client:
            await _calls(simulator, client, 1000)
            tracemalloc.start()
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            open_files = _open_files()
            await _calls(simulator, client, CALLS - 1000)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            about = await _about(simulator, client)
            assert about["calls"] == CALLS
            assert about["calls_open"] == 0
            assert about["calls_forgotten"] == CALLS - KEPT
            assert _open_files() <= open_files + 2 * AT_ONCE
            print(f"{CALLS} calls, {events['count']} events, grown by {after - before} bytes")
            assert after - before < GROWTH_BYTES
            # started, ringing, answered, input, completed, record: each once.
            assert events["count"] == 6 * CALLS
    finally:
        await server.close()


async def _application() -> tuple[TestServer, dict[str, int]]:
    """An application that asks for a key and records; counts its events."""
    events = {"count": 0}
    ncco = [
        {"action": "talk", "text": "press a key"},
        {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 1, "maxDigits": 1}},
        {"action": "record", "timeOut": 3},
    ]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(ncco)

    async def event(request: web.Request) -> web.Response:
        await request.read()
        events["count"] += 1
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.get("/answer", answer), web.post("/event", event)])
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    return server, events


async def _calls(simulator: Simulator, client: aiohttp.ClientSession, count: int) -> None:
    body = {"from": "447700900999", "to": "447700900001"}
    for _ in range(count // AT_ONCE):
        for _ in range(AT_ONCE):
            async with client.post(f"{simulator.http_url}/sim/calls", json=body) as response:
                assert response.status == 201
        while (await _about(simulator, client))["calls_open"]:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)  # the last record events


async def _about(simulator: Simulator, client: aiohttp.ClientSession) -> dict[str, int]:
    async with client.get(f"{simulator.http_url}/sim") as response:
        found: dict[str, int] = await response.json()
        return found


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0
