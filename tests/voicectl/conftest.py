"""The local platform, and a terminal for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest_asyncio

from tests.voicectl.cli_process import CliAccount, CliTerminal, Secrets, platform_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from local.local_platform import LocalPlatform


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """The platform that runs this project's template, shared by the session."""
    async with platform_in(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def terminal(platform: LocalPlatform, tmp_path: Path) -> AsyncIterator[CliTerminal]:
    """A folder for one test, with the platform as it was started and without faults."""
    (tmp_path / ".local").symlink_to(platform.folder)
    async with aiohttp.ClientSession() as http:
        made = CliTerminal(platform, tmp_path, http)
        await made.vonage("PUT", "/sim/faults", {})
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def account(terminal: CliTerminal) -> AsyncIterator[CliAccount]:
    """The account, restored after the test."""
    made = CliAccount(terminal)
    before = await made.application()
    yield made
    await terminal.vonage("PUT", "/sim/faults", {})
    await made.put(before)
    for one in (await made.ask("GET", "/v2/applications?page_size=100"))["_embedded"][
        "applications"
    ]:
        if one["id"] != made.application_id:
            await made.ask("DELETE", f"/v2/applications/{one['id']}")
    await made.link(made.application_id)


@pytest_asyncio.fixture(loop_scope="session")
async def secrets(terminal: CliTerminal) -> AsyncIterator[Secrets]:
    """The secrets, restored after the test."""
    made = Secrets(terminal)
    before = {arn: made.read(arn) for arn in (made.signing, made.application)}
    yield made
    for arn, fields in before.items():
        made.write(arn, fields)
