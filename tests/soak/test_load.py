"""Hundreds of concurrent calls through the local platform lose no call and no event."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp

from local.demo.call_driver import CallerLeg
from local.demo.reconciliation import Reconciliation
from local.local_platform import LocalPlatform, PlatformOptions

ROOT = Path(__file__).parents[2]
ARRIVING = 60.0  # seconds in which all calls arrive
MESSAGES, MENUS = 540, 60
AT_ONCE = 500
LONG_MESSAGE = " ".join(["hello"] * 230)  # more than a minute at the simulator's pace
NUMBERS = {"voicemail": "447700900201", "dtmf_menu": "447700900202"}


async def test_five_hundred_concurrent_calls_complete_and_store_every_event(
    tmp_path: Path,
) -> None:
    routes = ",".join(f"{number}={flow}" for flow, number in NUMBERS.items())
    options = PlatformOptions(folder=tmp_path, parameters={"NumberFlows": routes})
    async with LocalPlatform(ROOT, options) as platform, aiohttp.ClientSession() as http:
        # given calls for a minute, with long voicemail messages and menu digits
        most, legs = await _run_calls(platform, http)
        reconciliation = Reconciliation(platform, http)
        webhooks = [hook for leg in legs for hook in leg["webhooks"]]
        events = await reconciliation.events()
        failed = [hook for hook in webhooks if hook["status"] not in (200, 204)]
        recordings = len(await reconciliation.recordings())
        print(f"\n{len(legs)} calls, {most} concurrent; {len(webhooks)} webhooks sent,")
        print(f"{len(failed)} failed; {len(events)} events stored; {recordings} recordings")
        # then enough were open at the same time, and all completed
        assert most >= AT_ONCE
        assert [leg for leg in legs if leg["status"] != "completed"] == []
        # and every webhook was delivered, at the first attempt or a retry
        assert _undelivered(webhooks) == []
        # and every acknowledged event is stored
        assert len(events) == await reconciliation.acknowledged()
        assert recordings == MESSAGES


async def _run_calls(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> tuple[int, list[dict[str, Any]]]:
    """Run all calls; return the peak number of open calls, and all legs."""
    most = 0
    began = time.monotonic()
    callers: list[asyncio.Task[None]] = []
    while len(callers) < MESSAGES + MENUS or not all(caller.done() for caller in callers):
        due = (MESSAGES + MENUS) * (time.monotonic() - began) / ARRIVING
        while len(callers) < min(due, MESSAGES + MENUS):
            scenario = _use_the_menu if len(callers) % 10 == 0 else _leave_a_message
            callers.append(asyncio.create_task(scenario(platform, http)))
        async with http.get(f"{platform.vonage.http_url}/sim") as response:
            most = max(most, (await response.json())["calls_open"])
        await asyncio.sleep(0.1)
    for caller in callers:
        await caller  # raises the task's error
    reconciliation = Reconciliation(platform, http)
    for _ in range(60):
        legs = await reconciliation.legs()
        if all(leg["over"] for leg in legs) and len(await reconciliation.recordings()) == MESSAGES:
            break
        await asyncio.sleep(1)
    return most, legs


async def _call(platform: LocalPlatform, http: aiohttp.ClientSession, flow: str) -> CallerLeg:
    url = platform.vonage.http_url
    body = {"from": "447700900123", "to": NUMBERS[flow]}
    async with http.post(f"{url}/sim/calls", json=body) as response:
        call = await response.json()
    return CallerLeg(http, url, call["uuid"])


async def _leave_a_message(platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
    leg = await _call(platform, http, "voicemail")
    await asyncio.sleep(8)  # the prompt takes longer, and polling slows the simulator
    await leg.hear("beep")
    await leg.say(LONG_MESSAGE)
    await asyncio.sleep(90)
    # three seconds of silence have ended the recording by now


async def _use_the_menu(platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
    leg = await _call(platform, http, "dtmf_menu")
    for digit in "791":
        await asyncio.sleep(12)  # the prompt takes eleven, and a digit can interrupt it
        await leg.press(digit)
    await asyncio.sleep(10)


def _undelivered(webhooks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the webhooks without a successful attempt."""
    delivered: dict[tuple[str, str | None], bool] = {}
    for hook in webhooks:
        key = (hook["url"], hook["request"]["body"])
        delivered[key] = delivered.get(key, False) or hook["status"] in (200, 204)
    return [hook for hook in webhooks if not delivered[hook["url"], hook["request"]["body"]]]
