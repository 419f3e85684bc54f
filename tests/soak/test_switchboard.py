"""Changing and breaking the switchboard under load: it applies in 30 s and no call fails."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from local.local_platform import LocalPlatform, PlatformOptions
from tests.soak.load import Load, webhooks
from tests.voicectl.cli_process import RENTED, CliTerminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
APPLIES_WITHIN = 30.0  # seconds
ANSWERED_WITHIN = 5.0  # seconds, on a busy machine
GREETING, MESSAGE = "Thank you for calling", "Please leave a message"


async def test_a_switchboard_applies_after_thirty_seconds_and_no_call_fails(
    tmp_path: Path,
) -> None:
    options = PlatformOptions(
        folder=tmp_path / ".local", parameters={"AllowedPrefixes": "44", "CallsPerDay": "90000"}
    )
    async with LocalPlatform(ROOT, options) as platform, aiohttp.ClientSession() as http:
        terminal = CliTerminal(platform, tmp_path, http)
        load = Load(platform, http)
        await asyncio.sleep(5)
        # when the number is routed to another flow
        changing, stored = await _change(terminal, "number", RENTED, "voicemail")
        await asyncio.sleep(APPLIES_WITHIN + 5)
        # then an invalid document is rejected, one written without the API has no effect,
        broken = tmp_path / "broken.json"
        broken.write_text('{"dialling": "of"}')
        assert (await terminal("--yes", "switchboard", "set", str(broken))).status == 1
        await asyncio.to_thread(_break, platform)
        broken_at = time.monotonic()
        await asyncio.sleep(APPLIES_WITHIN + 5)
        # and one command restores the routing
        undoing, undone = await _change(terminal, "undo")
        await asyncio.sleep(APPLIES_WITHIN + 5)
        ended = time.monotonic()
        await load.end()

        prompts = {at: text async for at, text in _first_prompts(load, platform, http)}
        heard = {at: text for at, text in prompts.items() if text is not None}
        assert [at for at in prompts if at not in heard and at < ended - ANSWERED_WITHIN] == []
        before = [text for at, text in heard.items() if at < changing - 1]
        after = [text for at, text in heard.items() if stored + APPLIES_WITHIN < at < broken_at]
        during_fault = [text for at, text in heard.items() if broken_at < at < undoing]
        after_undo = [text for at, text in heard.items() if undone + APPLIES_WITHIN < at]
        hooks = [hook async for hook in webhooks(platform, http)]
        print(
            f"\n{len(hooks)} webhooks, {len(load.responses)} admin API requests;"
            f" {len(before)}, {len(after)}, {len(during_fault)}, {len(after_undo)} calls"
        )
        assert before
        assert all(text.startswith(GREETING) for text in before)
        assert after
        assert all(text.startswith(MESSAGE) for text in after)
        # the last good version applies, or the settings if a function never read one
        assert during_fault
        assert all(text.startswith((MESSAGE, GREETING)) for text in during_fault)
        assert after_undo
        assert all(text.startswith(MESSAGE) for text in after_undo)
        assert [hook for hook in hooks if hook["status"] not in (200, 204)] == []
        # while the switchboard is invalid, the admin API dials nothing; otherwise every call
        assert {one for one in load.responses if one[1] != 503} == {("POST", 201), ("GET", 200)}
        assert {method for method, status in load.responses if status == 503} == {"POST"}


async def _change(terminal: CliTerminal, *words: str) -> tuple[float, float]:
    """Change the switchboard; return the times before and after."""
    began = time.monotonic()
    result = await terminal("--yes", "switchboard", *words)
    assert result.status == 0, result
    return began, time.monotonic()


def _break(platform: LocalPlatform) -> None:
    client = platform.moto.client("secretsmanager")
    secret = platform.stack.secrets["SwitchboardSecret"]
    client.put_secret_value(SecretId=secret, SecretString="not a switchboard")


async def _first_prompts(
    load: Load, platform: LocalPlatform, http: aiohttp.ClientSession
) -> AsyncIterator[tuple[float, str | None]]:
    """Yield the time of each inbound call, and its first prompt or None."""
    for at, uuid in load.inbound:
        async with http.get(f"{platform.vonage.http_url}/sim/calls/{uuid}") as response:
            heard: list[dict[str, Any]] = (await response.json())["heard"]
        yield at, heard[0]["text"] if heard else None
