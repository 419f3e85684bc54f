"""The pytest plugin: the fixture ``phone``. It loads nothing until a test asks for that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.testing.phone import Phone
    from local.testing.platform_thread import PlatformThread


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the folder of the application be named."""
    parser.addini(
        "voice_root", "folder of template.yaml, if not that of the configuration", default=""
    )


@pytest.fixture(scope="session")
def voice_platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformThread]:
    """The local platform with its simulated Vonage, started once."""
    from local.testing.platform_thread import PlatformThread

    root = request.config.rootpath / str(request.config.getini("voice_root"))
    house = PlatformThread(Path(root), tmp_path_factory.mktemp("voice"))
    house.start()
    try:
        yield house
    finally:
        house.stop()


@pytest.fixture
def phone(voice_platform: PlatformThread) -> Iterator[Phone]:
    """A telephone: ``phone.call("voicemail")``; what is left open at the end is hung up."""
    from local.testing.phone import Phone

    made = Phone(voice_platform)
    try:
        yield made
    finally:
        made.put_away()
