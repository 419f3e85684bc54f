"""A switchboard that is changed, and broken, under load: heard after 30 seconds, no call fails."""

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
HEARD_WITHIN = 30.0  # seconds
ANSWERED_WITHIN = 5.0  # seconds, on a busy machine
GREETING, MESSAGE = "Thank you for calling", "Please leave a message"


async def test_a_switchboard_is_heard_after_thirty_seconds_and_no_call_fails(
    tmp_path: Path,
) -> None:
    options = PlatformOptions(
        folder=tmp_path / ".local", parameters={"AllowedPrefixes": "44", "CallsPerDay": "90000"}
    )
    async with LocalPlatform(ROOT, options) as platform, aiohttp.ClientSession() as http:
        terminal = CliTerminal(platform, tmp_path, http)
        load = Load(platform, http)
        await asyncio.sleep(5)
        # When the number is led to another flow
        changing, stored = await _changed(terminal, "number", RENTED, "voicemail")
        await asyncio.sleep(HEARD_WITHIN + 5)
        # Then a document that is none is refused, and one that somebody breaks past the API
        broken = tmp_path / "broken.json"
        broken.write_text('{"dialling": "of"}')
        assert (await terminal("--yes", "switchboard", "set", str(broken))).status == 1
        await asyncio.to_thread(_break, platform)
        smashed = time.monotonic()
        await asyncio.sleep(HEARD_WITHIN + 5)
        # and mended by one command, leads calls as before
        undoing, undone = await _changed(terminal, "undo")
        await asyncio.sleep(HEARD_WITHIN + 5)
        ended = time.monotonic()
        await load.end()

        told = {at: text async for at, text in _heard(load, platform, http)}
        heard = {at: text for at, text in told.items() if text is not None}
        assert [at for at in told if at not in heard and at < ended - ANSWERED_WITHIN] == []
        before = [text for at, text in heard.items() if at < changing - 1]
        after = [text for at, text in heard.items() if stored + HEARD_WITHIN < at < smashed]
        meanwhile = [text for at, text in heard.items() if smashed < at < undoing]
        mended = [text for at, text in heard.items() if undone + HEARD_WITHIN < at]
        hooks = [hook async for hook in webhooks(platform, http)]
        print(
            f"\n{len(hooks)} webhooks, {len(load.replies)} requests of the owner's;"
            f" {len(before)}, {len(after)}, {len(meanwhile)}, {len(mended)} calls in the four times"
        )
        assert before
        assert all(text.startswith(GREETING) for text in before)
        assert after
        assert all(text.startswith(MESSAGE) for text in after)
        # the last that was read holds on, or the settings where a function never read one
        assert meanwhile
        assert all(text.startswith((MESSAGE, GREETING)) for text in meanwhile)
        assert mended
        assert all(text.startswith(MESSAGE) for text in mended)
        assert [hook for hook in hooks if hook["status"] not in (200, 204)] == []
        # while the switchboard is broken, nothing is dialled for the owner; else everything is
        assert {reply for reply in load.replies if reply[1] != 503} == {("POST", 201), ("GET", 200)}
        assert {method for method, status in load.replies if status == 503} == {"POST"}


async def _changed(terminal: CliTerminal, *words: str) -> tuple[float, float]:
    """Change the switchboard, and give when that began and when it was done."""
    began = time.monotonic()
    ran = await terminal("--yes", "switchboard", *words)
    assert ran.status == 0, ran
    return began, time.monotonic()


def _break(platform: LocalPlatform) -> None:
    client = platform.cloud.client("secretsmanager")
    secret = platform.stack.secrets["SwitchboardSecret"]
    client.put_secret_value(SecretId=secret, SecretString="no switchboard")


async def _heard(
    load: Load, platform: LocalPlatform, http: aiohttp.ClientSession
) -> AsyncIterator[tuple[float, str | None]]:
    """Give when each caller rang, and what was said to each first; None where nothing was."""
    for at, uuid in load.rung:
        async with http.get(f"{platform.vonage.http_url}/sim/calls/{uuid}") as response:
            heard: list[dict[str, Any]] = (await response.json())["heard"]
        yield at, heard[0]["text"] if heard else None
