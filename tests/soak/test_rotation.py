"""Rotating the key pair and the signature secret under load fails no webhook and no call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from local.local_platform import LocalPlatform, PlatformOptions
from tests.soak.load import Load, webhooks
from tests.voicectl.cli_process import CliTerminal

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
NEW = "the-next-signature-secret-of-the-account"
TIMEOUT = 300.0  # seconds


async def test_rotating_both_under_load_fails_no_call_and_no_webhook(tmp_path: Path) -> None:
    options = PlatformOptions(
        folder=tmp_path / ".local", parameters={"AllowedPrefixes": "44", "CallsPerDay": "90000"}
    )
    async with LocalPlatform(ROOT, options) as platform, aiohttp.ClientSession() as http:
        terminal = CliTerminal(platform, tmp_path, http)
        before = platform.vonage.application().public_key_pem
        # given inbound and outbound calls
        load = Load(platform, http)
        await asyncio.sleep(5)
        # when both are rotated, and the dashboard's secret is changed at the prompt
        await _rotate(terminal, "key")
        await _rotate(terminal, "signature", "--settle", "10")
        await asyncio.sleep(5)
        await load.end()
        # then each webhook and each admin API request succeeded at the first attempt
        hooks = [hook async for hook in webhooks(platform, http)]
        signers = await asyncio.to_thread(_signers, terminal)
        print(f"\n{len(hooks)} webhooks, {len(load.responses)} admin API requests")
        assert [hook for hook in hooks if hook["status"] not in (200, 204)] == []
        assert set(load.responses) == {("POST", 201), ("GET", 200)}
        # and the key and the secret did change
        assert platform.vonage.application().public_key_pem != before
        assert len(signers) == 2


async def _rotate(terminal: CliTerminal, what: str, *words: str) -> None:
    environment = {"VONAGE_NEW_SIGNATURE_SECRET": NEW}
    process = await terminal.start("rotate", what, "--yes", *words, environment=environment)
    assert process.stdout is not None
    output = b""
    async with asyncio.timeout(TIMEOUT):
        while line := await process.stdout.readline():
            output += line
            if line.startswith(b"Now change the signature secret"):
                await terminal.vonage("PUT", "/sim/account", {"signature_secret": NEW})
        _, errors = await process.communicate()
    assert process.returncode == 0, output + errors


def _signers(terminal: CliTerminal) -> set[str]:
    items: Iterable[dict[str, Any]] = terminal.items()
    return {item["signed_by"]["S"] for item in items}
