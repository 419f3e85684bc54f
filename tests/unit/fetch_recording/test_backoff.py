"""The pauses between the attempts to fetch a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetch_recording.backoff import MAX_PAUSE, QUEUE_VISIBILITY, pause
from local.aws import template as templates

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
SQS_LIMIT = 43_200  # seconds from the receipt of a message (SQS Developer Guide)


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 60), (2, 240), (3, 960), (4, 3840), (5, 15_360), (6, MAX_PAUSE)]
)
def test_the_limit_of_a_pause_quadruples(attempt: int, longest: float) -> None:
    assert pause(attempt, 60, None, 1.0) == longest
    assert pause(attempt, 60, None, 0.5) == longest / 2
    assert pause(attempt, 60, None, 0.0) == 0


def test_a_pause_is_at_least_what_vonage_asks_for() -> None:
    assert pause(1, 60, 30.0, 0.0) == 30
    assert pause(1, 60, 30.0, 1.0) == 90


@given(
    attempt=st.integers(1, 20),
    first=st.floats(1, 86_400),
    retry_after=st.none() | st.floats(-1e9, 1e9),
    share=st.floats(0, 1),
    since_receipt=st.floats(0, QUEUE_VISIBILITY),
)
def test_a_message_returns_less_than_twelve_hours_after_its_receipt(
    attempt: int, first: float, retry_after: float | None, share: float, since_receipt: float
) -> None:
    rounded = round(pause(attempt, first, retry_after, share))
    assert rounded >= 0
    assert since_receipt + rounded < SQS_LIMIT


def test_the_visibility_timeout_is_that_of_the_queue() -> None:
    queue = templates.read(TEMPLATE, "eu-west-1", {}, {}).resources["RecordingsQueue"]
    assert queue["Properties"]["VisibilityTimeout"] == QUEUE_VISIBILITY
