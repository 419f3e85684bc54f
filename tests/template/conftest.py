"""The template as it is deployed, in production with everything, and at its defaults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.transformed_template import EVERYTHING, resources


@pytest.fixture(scope="session")
def production() -> dict[str, dict[str, Any]]:
    """The resources of a stack that has everything."""
    return resources(**EVERYTHING)


@pytest.fixture(scope="session")
def development() -> dict[str, dict[str, Any]]:
    """The resources of a stack whose parameters nobody set."""
    return resources()
