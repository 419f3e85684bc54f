"""If Vonage stops responding, the function waits until its timeout and loses nothing.

These are soak tests because each stall lasts 20 s, the read timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.fetch_recording.conftest import (
    LARGE,
    FetchHarness,
    files,
    functions,
    harness,
    storage,
)

if TYPE_CHECKING:
    from tests.support.vonage_files import Fault

__all__ = ["files", "functions", "harness", "storage"]  # fixtures for pytest


@pytest.mark.parametrize("fault", ["hang", "halt"])
def test_a_stalled_download_stays_on_the_queue_and_is_stored_later(
    harness: FetchHarness,
    fault: Fault,
) -> None:
    # given a Vonage that once never responds, or stops in the middle of the file
    recording = harness.recording(LARGE)
    harness.files.faults = [fault]
    # when the message arrives
    assert harness.failed(recording.body) == 1
    # then nothing is stored and no upload stays open, and the next attempt stores the file
    assert harness.storage.objects(recording.uuid) == {}
    assert harness.storage.uploads() == []
    assert harness.failed(recording.body, attempt=2) == 0
    assert len(harness.storage.objects(recording.uuid)) == 1
