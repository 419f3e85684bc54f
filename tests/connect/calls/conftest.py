"""A platform for tests that play calls, beside the one whose keys other tests change.

A function keeps a key for a while, so a call played right after such a test could be refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from local.platform import Options, Platform
from tests.connect.terminal import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """The platform that runs this project's template, its account as it was made."""
    options = Options(
        folder=tmp_path_factory.mktemp("calls") / ".local",
        parameters={"AllowedPrefixes": "44", "CallsPerDay": "2000"},
        speed=10,
    )
    async with Platform(ROOT, options) as running:
        yield running
