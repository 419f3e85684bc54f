"""The pytest plugin with the fixture ``phone``. It imports the platform on first use."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local.testing.phone import Phone
    from local.testing.platform_thread import PlatformThread


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting for the application's folder."""
    parser.addini(
        "voice_root", "folder of template.yaml (default: pytest's root folder)", default=""
    )


@pytest.fixture(scope="session")
def voice_parameters(request: pytest.FixtureRequest) -> dict[str, str]:
    """The stack's parameters, those of samconfig.toml; override this to test with others."""
    from local.aws.samconfig import overrides

    return overrides(_root(request.config))


@pytest.fixture(scope="session")
def voice_switchboard() -> dict[str, Any]:
    """The switchboard; override this in a conftest.py to test business lines."""
    return {}


@pytest.fixture(scope="session")
def voice_agent() -> str | None:
    """The URL of the voice agent, None for the scripted one; override this to test yours."""
    return None


@pytest.fixture(scope="session")
def voice_platforms(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[dict[str, str], dict[str, Any], str | None], PlatformThread]]:
    """Start a platform for what tests ask for: parameters, switchboard, agent; once per session."""
    from local.testing.platform_thread import PlatformThread

    root = _root(request.config)
    started: dict[str, PlatformThread] = {}

    def platform(*wanted: Any) -> PlatformThread:
        key = json.dumps(wanted)
        if key not in started:
            thread = PlatformThread(root, tmp_path_factory.mktemp("voice"), *wanted)
            thread.start()
            running.callback(thread.stop)
            started[key] = thread
        return started[key]

    with contextlib.ExitStack() as running:
        yield platform


@pytest.fixture
def voice_platform(
    voice_platforms: Callable[[dict[str, str], dict[str, Any], str | None], PlatformThread],
    voice_parameters: dict[str, str],
    voice_switchboard: dict[str, Any],
    voice_agent: str | None,
) -> PlatformThread:
    """The local platform with its simulated Vonage, for the settings of this test."""
    return voice_platforms(voice_parameters, voice_switchboard, voice_agent)


@pytest.fixture
def phone(voice_platform: PlatformThread) -> Iterator[Phone]:
    """A simulated phone: ``phone.call("voicemail")``. It hangs up its calls after the test."""
    from local.testing.phone import Phone

    simulated = Phone(voice_platform)
    try:
        yield simulated
    finally:
        simulated.reset()


def _root(config: pytest.Config) -> Path:
    return config.rootpath / str(config.getini("voice_root"))
