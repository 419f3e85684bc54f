"""Settings for every test: environment, signals of started processes, no limit for Hypothesis."""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scheduling import PlatformScheduling

# The speed of the machine isn't a property of the code.
settings.register_profile("voice", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voice")

# Tests use loopback only, and the developer's profile need not exist.
for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
    os.environ.pop(name, None)

# Under nohup or in a script's background, these signals are ignored, here and in every process that
# a test starts. A handler that does nothing ends that: a started process gets the default.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> PlatformScheduling | None:
    """Return the schedule for ``-n``, unless ``--dist`` names another."""
    if config.getoption("dist") != "load":
        return None
    from tests.support.scheduling import PlatformScheduling

    return PlatformScheduling(config, log)


def pytest_collection_finish() -> None:
    """Exempt what lives until the end, such as all collected tests, from garbage collections."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _restored_environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)
