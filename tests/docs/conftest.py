"""A reader's checkout of the project, with the local platform running in it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from local.local_platform import LocalPlatform, PlatformOptions
from tests.docs.pages import ROOT
from tests.docs.shell import Shell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is in the repository, or would be, with the tools installed."""
    folder = tmp_path_factory.mktemp("reader") / "voice"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for path in filter(None, listed.decode().split("\0")):
        if (ROOT / path).is_file():  # a file may be listed and deleted
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / ".local").mkdir()
    (ROOT / ".local" / "layers").mkdir(parents=True, exist_ok=True)
    (folder / ".local" / "layers").symlink_to(ROOT / ".local" / "layers")
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def reader(checkout: Path) -> AsyncIterator[Shell]:
    """A reader in the checkout, while `make up` runs there in another terminal.

    Each page has its own: what another page changed would be heard for a while.
    """
    options = PlatformOptions(parameters={"AllowedPrefixes": "44"}, speed=20)
    async with LocalPlatform(checkout, options) as platform:
        made = Shell(checkout, platform)
        await made.settle_in()
        yield made
