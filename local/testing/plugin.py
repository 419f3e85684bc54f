"""The pytest plugin with the fixture ``phone``. It imports the platform on first use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.testing.phone import Phone
    from local.testing.platform_thread import PlatformThread


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting for the application's folder."""
    parser.addini(
        "voice_root", "folder of template.yaml (default: pytest's root folder)", default=""
    )


@pytest.fixture(scope="session")
def voice_switchboard() -> dict[str, Any]:
    """The switchboard of the session; override this in conftest.py to test business lines."""
    return {}


@pytest.fixture(scope="session")
def voice_agent() -> str | None:
    """The URL of the voice agent, None for the scripted one; override this to test yours."""
    return None


@pytest.fixture(scope="session")
def voice_platform(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    voice_switchboard: dict[str, Any],
    voice_agent: str | None,
) -> Iterator[PlatformThread]:
    """The local platform with its simulated Vonage, started once per session."""
    from local.testing.platform_thread import PlatformThread

    root = request.config.rootpath / str(request.config.getini("voice_root"))
    folder = tmp_path_factory.mktemp("voice")
    thread = PlatformThread(Path(root), folder, voice_switchboard, voice_agent)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


@pytest.fixture
def phone(voice_platform: PlatformThread) -> Iterator[Phone]:
    """A simulated phone: ``phone.call("voicemail")``. It hangs up its calls after the test."""
    from local.testing.phone import Phone

    simulated = Phone(voice_platform)
    try:
        yield simulated
    finally:
        simulated.reset()
