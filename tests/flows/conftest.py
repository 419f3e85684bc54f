"""The parameters and the switchboard of the tests of flows: those of the project, and yours."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

# Your business lines, for the tests of your flows (docs/lines.md).
LINES: dict[str, Any] = {}

# The tests of the flows of the project: they have the template's parameters and lines of their own.
PROJECT = tuple(
    f"test_{name}.py"
    for name in (
        *("agent", "conference", "connect", "dtmf_menu", "greet", "reception", "recording"),
        *("speech", "track_progress", "voicemail"),
    )
)
SECOND = "447700900001"
HUNTING = "447700900010"
MENU = "447700900011"
CLOSED = "447700900012"
GERMAN = "447700900013"
WITHOUT_VOICEMAIL = "447700900014"


def _closed_all_week() -> dict[str, Any]:
    """Return opening hours that begin three days from now, whatever day it is."""
    later = datetime.fromtimestamp(time.time() + 3 * 86_400, UTC)
    return {"time_zone": "UTC", "hours": {later.strftime("%A").lower(): ["00:00-24:00"]}}


@pytest.fixture
def voice_parameters(
    request: pytest.FixtureRequest, voice_parameters: dict[str, str]
) -> dict[str, str]:
    return {} if request.path.name in PROJECT else voice_parameters


@pytest.fixture
def voice_switchboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"lines": _project_lines() if request.path.name in PROJECT else LINES}


def _project_lines() -> dict[str, Any]:
    texts = {"nobody": "We are all at the oven.", "message": "Leave a message.", "thanks": "Bye."}
    ring = [{"number": SECOND, "seconds": 10}, {"number": SECOND, "seconds": 15}]
    menu = {
        "prompt": "Press 1 for orders, 2 for our address, 3 for a message, or hold the line.",
        "keys": {
            "1": {"ring": [{"number": SECOND}]},
            "2": {"say": "1 Main Street."},
            "3": {"voicemail": True},
        },
    }
    german = {
        "greeting": "Bäckerei Müller, guten Tag.",
        "nobody": "Wir sind gerade alle am Ofen.",
        "message": "Bitte sprechen Sie nach dem Ton.",
        "thanks": "Auf Wiederhören.",
    }
    return {
        HUNTING: {
            "greeting": "Bakery, good day.",
            "ring": ring,
            "blocked": ["447700900666", "4490*", "withheld"],
            **texts,
        },
        MENU: {"greeting": "Bakery, good day.", "menu": menu, "ring": ring[:1], **texts},
        CLOSED: {"opening": _closed_all_week(), "closed": "We open at nine.", **texts},
        GERMAN: {"language": "de-DE", "ring": ring[:1], **german},
        WITHOUT_VOICEMAIL: {
            "voicemail": "off",
            "opening": {
                "time_zone": "UTC",
                "hours": {
                    day: ["00:00-24:00"]
                    for day in (
                        *("monday", "tuesday", "wednesday", "thursday", "friday"),
                        *("saturday", "sunday"),
                    )
                },
            },
            **texts,
        },
    }
