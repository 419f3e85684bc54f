"""The parameters and the business lines of the tests of flows: those of the project, and yours."""

from __future__ import annotations

from typing import Any

import pytest

# Your business lines, for the tests of your flows (docs/lines.md).
LINES: dict[str, Any] = {}

# The tests of the flows of the project have the template's parameters, whatever yours are.
PROJECT = tuple(
    f"test_{flow}.py"
    for flow in (
        *("agent", "conference", "connect", "dtmf_menu", "greet", "record_call"),
        *("record_conversation", "record_split", "speech", "track_progress", "voicemail"),
    )
)


@pytest.fixture
def voice_parameters(
    request: pytest.FixtureRequest, voice_parameters: dict[str, str]
) -> dict[str, str]:
    return {} if request.path.name in PROJECT else voice_parameters


@pytest.fixture
def voice_switchboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {} if request.path.name in PROJECT else {"lines": LINES}
