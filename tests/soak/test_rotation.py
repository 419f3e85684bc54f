"""Key pair and signature secret changed under a running load: no webhook and no call fails."""

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
PATIENCE = 300.0  # seconds


async def test_a_rotation_of_both_under_load_fails_no_call_and_no_webhook(tmp_path: Path) -> None:
    options = PlatformOptions(
        folder=tmp_path / ".local", parameters={"AllowedPrefixes": "44", "CallsPerDay": "90000"}
    )
    async with LocalPlatform(ROOT, options) as platform, aiohttp.ClientSession() as http:
        terminal = CliTerminal(platform, tmp_path, http)
        before = platform.vonage.application().public_key_pem
        # Given calls in both directions
        load = Load(platform, http)
        await asyncio.sleep(5)
        # When both are changed, and the dashboard's switch is thrown when that is asked for
        await _rotated(terminal, "key")
        await _rotated(terminal, "signature", "--settle", "10")
        await asyncio.sleep(5)
        await load.end()
        # Then each of Vonage's and the owner's requests was taken, at the first attempt
        hooks = [hook async for hook in webhooks(platform, http)]
        signers = await asyncio.to_thread(_signers, terminal)
        print(f"\n{len(hooks)} webhooks, {len(load.replies)} requests of the owner's")
        assert [hook for hook in hooks if hook["status"] not in (200, 204)] == []
        assert set(load.replies) == {("POST", 201), ("GET", 200)}
        # And it was truly another key and another secret
        assert platform.vonage.application().public_key_pem != before
        assert len(signers) == 2


async def _rotated(terminal: CliTerminal, what: str, *words: str) -> None:
    environment = {"VONAGE_NEW_SIGNATURE_SECRET": NEW}
    process = await terminal.start("rotate", what, "--yes", *words, environment=environment)
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(PATIENCE):
        while line := await process.stdout.readline():
            said += line
            if line.startswith(b"Now change the signature secret"):
                await terminal.vonage("PUT", "/sim/account", {"signature_secret": NEW})
        _, complaints = await process.communicate()
    assert process.returncode == 0, said + complaints


def _signers(terminal: CliTerminal) -> set[str]:
    kept: Iterable[dict[str, Any]] = terminal.items()
    return {one["signed_by"]["S"] for one in kept}
