"""The simulator's memory over ten thousand calls, each with webhooks, input, and a recording."""

import asyncio
import gc
import os
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.voice_app import voice_app
from vonage_simulator import Simulator, SimulatorSettings, WebhookTarget

CALLS = 10_000
# By then, all limited collections are full: calls, journal, recordings.
CALLS_TO_FILL = 6_000
AT_ONCE = 50
KEPT = 200
MAX_OBJECT_GROWTH = 0.05
MAX_BYTE_GROWTH = 24 * 1024 * 1024


NCCO: list[dict[str, Any]] = [
    {"action": "talk", "text": "press a key"},
    {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 1, "maxDigits": 1}},
    {"action": "record", "timeOut": 3},
]


async def test_memory_stays_bounded_over_ten_thousand_calls() -> None:
    async with voice_app(NCCO) as app:
        settings = SimulatorSettings(
            answer=WebhookTarget(f"{app.url}/answer", "GET"),
            event=WebhookTarget(f"{app.url}/event"),
            speed=100,
            calls_kept=KEPT,
        )
        async with Simulator(settings) as simulator, aiohttp.ClientSession() as client:
            await _calls(simulator, client, CALLS_TO_FILL)
            objects, size, files = _objects(), _resident_bytes(), _open_files()
            await _calls(simulator, client, CALLS - CALLS_TO_FILL)
            object_growth = _objects() / objects - 1
            byte_growth = _resident_bytes() - size
            summary = await _summary(simulator, client)
            print(
                f"{summary['calls']} calls, {app.received['event']} events; in the last "
                f"{CALLS - CALLS_TO_FILL} calls {object_growth:+.1%} objects, {byte_growth:+} bytes"
            )
            assert summary["calls"] == CALLS
            assert summary["calls_open"] == 0
            assert summary["calls_forgotten"] == CALLS - KEPT
            # started, ringing, answered, input, completed, record: once each
            assert app.received["event"] == 6 * CALLS
            assert object_growth < MAX_OBJECT_GROWTH
            assert byte_growth < MAX_BYTE_GROWTH
            assert _open_files() <= files + 2 * AT_ONCE


async def _calls(simulator: Simulator, client: aiohttp.ClientSession, count: int) -> None:
    body = {"from": "447700900999", "to": "447700900001"}
    for _ in range(count // AT_ONCE):
        for _ in range(AT_ONCE):
            async with client.post(f"{simulator.http_url}/sim/calls", json=body) as response:
                assert response.status == 201
        while (await _summary(simulator, client))["calls_open"]:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)  # the last record events


async def _summary(simulator: Simulator, client: aiohttp.ClientSession) -> dict[str, int]:
    async with client.get(f"{simulator.http_url}/sim") as response:
        summary: dict[str, int] = await response.json()
        return summary


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def _resident_bytes() -> int:
    """Return the resident memory of the process, or 0 if the system has no /proc."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else 0
