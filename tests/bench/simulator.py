"""Measure the simulator: concurrent calls, webhooks per second, memory per call."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.bench.stats import Measurement, number, table
from tests.support.voice_app import voice_app
from vonage_simulator import Simulator, SimulatorSettings, WebhookTarget

if TYPE_CHECKING:
    from collections.abc import Callable

_SPEED = 20  # simulated seconds per second
# An endless prompt: no call ends before all have started.
_NCCO = [{"action": "talk", "text": "hello", "loop": 0}]
_WARM_UP_CALLS = 20


def simulator(calls: int, report_progress: Callable[[str], None]) -> Measurement:
    """Open calls, keep all of them open, and end them.

    The simulator and the voice application share one separate process, which has nothing else in
    its memory.
    """
    report_progress(f"simulator: {calls} calls")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, calls).result()


def _run(calls: int) -> Measurement:
    return asyncio.run(_simulator(calls))


async def _simulator(calls: int) -> Measurement:
    async with voice_app(_NCCO) as app:
        settings = SimulatorSettings(
            answer=WebhookTarget(f"{app.url}/answer", "GET"),
            event=WebhookTarget(f"{app.url}/event"),
            speed=_SPEED,
        )
        async with Simulator(settings) as vonage, aiohttp.ClientSession() as client:
            await _open(vonage, client, _WARM_UP_CALLS)  # one-time costs are paid here
            memory_before, start = _resident_bytes(), time.monotonic()
            webhooks_before = app.received.total()
            names = await _open(vonage, client, calls)
            await _until(vonage, client, calls + _WARM_UP_CALLS)
            opened_in = time.monotonic() - start
            peak = await _count(vonage, client)
            memory = _resident_bytes() - memory_before
            await asyncio.gather(*(_hang_up(vonage, client, name) for name in names))
            await _until(vonage, client, _WARM_UP_CALLS)
            total = time.monotonic() - start
            sent = app.received.total() - webhooks_before
    result = {
        "calls_at_once": peak - _WARM_UP_CALLS,
        "opened_in_seconds": round(opened_in, 2),
        "webhooks": sent,
        "webhooks_a_second": round(sent / total, 1),
        "kib_a_call": round(memory / calls / 1024, 1),
    }
    row = [peak - _WARM_UP_CALLS, number(opened_in), sent, number(sent / total)]
    head = ["concurrent calls", "opened in, s", "webhooks", "per second", "memory per call, KiB"]
    return Measurement(result, table(head, [[*row, number(memory / calls / 1024)]]))


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
        summary: dict[str, Any] = await response.json()
        return int(summary["calls_open"])


async def _until(vonage: Simulator, client: aiohttp.ClientSession, open_calls: int) -> None:
    """Wait until this many calls are open and their webhooks have arrived."""
    async with asyncio.timeout(120):
        while await _count(vonage, client) != open_calls:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)


def _resident_bytes() -> int:
    """Return the resident memory of this process, or 0 if the system has no /proc."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else 0
