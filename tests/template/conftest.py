"""The resources of two stacks: production with everything, and all defaults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.transformed_template import EVERYTHING, resources


@pytest.fixture(scope="session")
def production() -> dict[str, dict[str, Any]]:
    """The resources of a stack with everything."""
    return resources(**EVERYTHING)


@pytest.fixture(scope="session")
def development() -> dict[str, dict[str, Any]]:
    """The resources of a stack with default parameters."""
    return resources()
