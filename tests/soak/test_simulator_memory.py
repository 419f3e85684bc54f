"""The simulator alone: ten thousand calls, each with webhooks, keys and a recording."""

import asyncio
import gc
import os
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from vonage_simulator import Simulator, SimulatorSettings, WebhookTarget

CALLS = 10_000
# By then everything that is kept up to a limit has reached it: calls, journal, recordings.
CALLS_TO_FILL = 6_000
AT_ONCE = 50
KEPT = 200
MORE_OBJECTS = 0.05
MORE_BYTES = 24 * 1024 * 1024


async def test_memory_stays_bounded_over_ten_thousand_calls() -> None:
    server, events = await _application()
    url = f"http://127.0.0.1:{server.port}"
    settings = SimulatorSettings(
        answer=WebhookTarget(f"{url}/answer", "GET"),
        event=WebhookTarget(f"{url}/event"),
        speed=100,
        calls_kept=KEPT,
    )
    try:
        async with Simulator(settings) as simulator, aiohttp.ClientSession() as client:
            await _calls(simulator, client, CALLS_TO_FILL)
            objects, size, files = _objects(), _resident_bytes(), _open_files()
            await _calls(simulator, client, CALLS - CALLS_TO_FILL)
            more_objects = _objects() / objects - 1
            more_bytes = _resident_bytes() - size
            about = await _about(simulator, client)
            print(
                f"{about['calls']} calls, {events['count']} events; in the last "
                f"{CALLS - CALLS_TO_FILL} calls {more_objects:+.1%} objects, {more_bytes:+} bytes"
            )
            assert about["calls"] == CALLS
            assert about["calls_open"] == 0
            assert about["calls_forgotten"] == CALLS - KEPT
            # started, ringing, answered, input, completed, record: each once.
            assert events["count"] == 6 * CALLS
            assert more_objects < MORE_OBJECTS
            assert more_bytes < MORE_BYTES
            assert _open_files() <= files + 2 * AT_ONCE
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


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def _resident_bytes() -> int:
    """What the process takes, where the system tells."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else 0
