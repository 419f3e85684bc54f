"""A small application, and a platform that runs it for the whole session."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROJECT = Path(__file__).parent / "project"


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A read-only copy of the small application."""
    return Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp("project") / "copy"))


@pytest.fixture
def own_project(tmp_path: Path) -> Path:
    """A copy of the small application that a test may change."""
    return Path(shutil.copytree(PROJECT, tmp_path / "copy"))


@pytest.fixture(scope="session")
def voice_parameters() -> dict[str, str]:
    """Those of the template: samconfig.toml has yours."""
    return {}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(project: Path) -> AsyncIterator[LocalPlatform]:
    """A platform that runs the small application."""
    options = PlatformOptions(parameters={"Color": "green"}, environment={"EXTRA": "given"})
    async with LocalPlatform(project, options) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(platform: LocalPlatform) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the platform's API."""
    async with aiohttp.ClientSession(platform.api_url) as session:
        yield session
