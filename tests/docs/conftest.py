"""Fixtures: a checkout of the project, and a shell in it next to the local platform."""

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
    """Return a copy of all files that git tracks or would add, with the tools installed."""
    folder = tmp_path_factory.mktemp("checkout") / "voice"
    paths = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for path in filter(None, paths.decode().split("\0")):
        if (ROOT / path).is_file():  # git also lists deleted files
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / ".local").mkdir()
    (ROOT / ".local" / "layers").mkdir(parents=True, exist_ok=True)
    (folder / ".local" / "layers").symlink_to(ROOT / ".local" / "layers")
    return folder


def remove_flow(checkout: Path, name: str) -> None:
    """Delete a flow and its test from the copy: you may have created them, as the page says."""
    for path in (f"functions/flows/{name}.py", f"tests/flows/test_{name}.py"):
        (checkout / path).unlink(missing_ok=True)


@pytest_asyncio.fixture(loop_scope="session")
async def shell(checkout: Path) -> AsyncIterator[Shell]:
    """Yield a shell in the checkout, while the local platform runs there.

    Each test has its own platform, because functions cache a changed switchboard for a while.
    """
    options = PlatformOptions(parameters={"AllowedPrefixes": "44"}, speed=20)
    async with LocalPlatform(checkout, options) as platform:
        shell = Shell(checkout, platform)
        await shell.configure()
        yield shell
