"""A separate platform for tests with calls, since other tests change the keys of theirs.

A function caches a key for a while, so a call right after such a test could be rejected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.voicectl.cli_process import platform_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from local.local_platform import LocalPlatform


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """The platform that runs this project's template, with an unchanged account."""
    async with platform_in(tmp_path_factory.mktemp("calls")) as running:
        yield running
