"""Hundreds of calls at once through the whole local platform: none is dropped, no event lost."""

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
ARRIVING = 60.0  # seconds within which all calls arrive
MESSAGES, MENUS = 540, 60
AT_ONCE = 500
LONG_MESSAGE = " ".join(["hello"] * 230)  # more than a minute at the simulator's pace
NUMBERS = {"voicemail": "447700900201", "dtmf_menu": "447700900202"}


async def test_five_hundred_calls_at_once_are_answered_and_every_event_is_kept(
    tmp_path: Path,
) -> None:
    routes = ",".join(f"{number}={flow}" for flow, number in NUMBERS.items())
    options = PlatformOptions(folder=tmp_path, parameters={"NumberFlows": routes})
    async with LocalPlatform(ROOT, options) as platform, aiohttp.ClientSession() as http:
        # given callers who ring for a minute, leave long messages and use the menu
        most, legs = await _rush(platform, http)
        books = Reconciliation(platform, http)
        webhooks = [hook for leg in legs for hook in leg["webhooks"]]
        kept = await books.events()
        failed = [hook for hook in webhooks if hook["status"] not in (200, 204)]
        recordings = len(await books.recordings())
        print(f"\n{len(legs)} calls, {most} at once; {len(webhooks)} webhooks sent,")
        print(f"{len(failed)} of them failed; {len(kept)} events kept; {recordings} recordings")
        # then so many were open at once, and all have ended well
        assert most >= AT_ONCE
        assert [leg for leg in legs if leg["status"] != "completed"] == []
        # and every webhook was delivered, if not at the first attempt, then at the second
        assert _undelivered(webhooks) == []
        # and every event that was acknowledged is kept
        assert len(kept) == await books.acknowledged()
        assert recordings == MESSAGES


async def _rush(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> tuple[int, list[dict[str, Any]]]:
    """Have everybody ring; give how many calls were open at once at most, and all legs."""
    most = 0
    began = time.monotonic()
    callers: list[asyncio.Task[None]] = []
    while len(callers) < MESSAGES + MENUS or not all(caller.done() for caller in callers):
        due = (MESSAGES + MENUS) * (time.monotonic() - began) / ARRIVING
        while len(callers) < min(due, MESSAGES + MENUS):
            plays = _use_the_menu if len(callers) % 10 == 0 else _leave_a_message
            callers.append(asyncio.create_task(plays(platform, http)))
        async with http.get(f"{platform.vonage.http_url}/sim") as response:
            most = max(most, (await response.json())["calls_open"])
        await asyncio.sleep(0.1)
    for caller in callers:
        await caller  # raises what went wrong
    books = Reconciliation(platform, http)
    for _ in range(60):
        legs = await books.legs()
        if all(leg["over"] for leg in legs) and len(await books.recordings()) == MESSAGES:
            break
        await asyncio.sleep(1)
    return most, legs


async def _ring(platform: LocalPlatform, http: aiohttp.ClientSession, flow: str) -> CallerLeg:
    url = platform.vonage.http_url
    body = {"from": "447700900123", "to": NUMBERS[flow]}
    async with http.post(f"{url}/sim/calls", json=body) as response:
        made = await response.json()
    return CallerLeg(http, url, made["uuid"])


async def _leave_a_message(platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
    line = await _ring(platform, http, "voicemail")
    await asyncio.sleep(8)  # the prompt takes longer, and looking costs the simulator time
    await line.hear("beep")
    await line.say(LONG_MESSAGE)
    await asyncio.sleep(90)
    # three seconds of silence have ended the recording meanwhile


async def _use_the_menu(platform: LocalPlatform, http: aiohttp.ClientSession) -> None:
    line = await _ring(platform, http, "dtmf_menu")
    for key in "791":
        await asyncio.sleep(12)  # the prompt takes eleven, and a key may interrupt it
        await line.press(key)
    await asyncio.sleep(10)


def _undelivered(webhooks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the webhooks of which no attempt was answered well."""
    answered: dict[tuple[str, str | None], bool] = {}
    for hook in webhooks:
        key = (hook["url"], hook["request"]["body"])
        answered[key] = answered.get(key, False) or hook["status"] in (200, 204)
    return [hook for hook in webhooks if not answered[hook["url"], hook["request"]["body"]]]
