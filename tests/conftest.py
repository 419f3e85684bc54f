"""Settings for every test: the environment is restored, and Hypothesis has no time limit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# The speed of the machine isn't a property of the code.
settings.register_profile("voice", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voice")

# Tests use loopback only, and the developer's profile need not exist.
for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def _restored_environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)
