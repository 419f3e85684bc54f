"""A Vonage that stops answering: the function waits as long as it may, and loses nothing.

Here and not among the quick tests, since each stall lasts the 20 s after which a read is given up.
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

__all__ = ["files", "functions", "harness", "storage"]  # pytest finds the fixtures here


@pytest.mark.parametrize("fault", ["hang", "halt"])
def test_a_recording_whose_vonage_stalls_is_left_on_the_queue_and_stored_later(
    harness: FetchHarness,
    fault: Fault,
) -> None:
    # given a Vonage that never answers, or stops in the middle of the file, once
    recording = harness.recording(LARGE)
    harness.files.faults = [fault]
    # when the message comes
    assert harness.failed(recording.body) == 1
    # then nothing is stored and no upload is left open, and the next time it is stored whole
    assert harness.storage.objects(recording.uuid) == {}
    assert harness.storage.uploads() == []
    assert harness.failed(recording.body, attempt=2) == 0
    assert len(harness.storage.objects(recording.uuid)) == 1
