"""The function killed after any step, and two concurrent invocations."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.function_process import FunctionProcesses

from .conftest import LARGE, PACKAGES, SMALL
from .test_fetching import assert_stored_once

if TYPE_CHECKING:
    from .conftest import FetchHarness

STEPS = (
    "PutItem",  # the event
    "HeadObject",
    "GetSecretValue",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPart",
    "UploadPart",
    "CompleteMultipartUpload",
    "PutItem",  # the item of the recording
    "ListMultipartUploads",
)


@pytest.mark.parametrize("step", range(len(STEPS)), ids=lambda n: f"{n}-{STEPS[n]}")
def test_a_function_killed_after_any_step_loses_nothing(harness: FetchHarness, step: int) -> None:
    # given a function that is killed after AWS completed a step and before the response arrives
    recording = harness.recording(LARGE)
    environment = harness.storage.environment()
    seen: list[str] = []
    with FunctionProcesses(environment, PACKAGES) as doomed:

        def watch(operation: str, count: int, when: str) -> None:
            if when == "after":
                seen.append(operation)
                if len(seen) == step + 1:
                    os.kill(doomed.process_id, signal.SIGKILL)

        harness.storage.aws.watch = watch
        with pytest.raises(RuntimeError, match="has ended"):
            replace(harness, functions=doomed).deliver(recording.body)
    harness.storage.aws.reset()
    assert tuple(seen) == STEPS[: step + 1]
    # when its message is delivered again
    assert harness.until_done(recording.body) == 1
    # then the recording is stored once, and no upload is left
    assert_stored_once(harness, recording)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_message_delivered_twice_at_once_is_one_recording(
    harness: FetchHarness, content: bytes
) -> None:
    # given two invocations with the same message that check for the recording at the same time
    recording = harness.recording(content)
    both_checked = threading.Barrier(2, timeout=20)

    def watch(operation: str, count: int, when: str) -> None:
        if (operation, when) == ("HeadObject", "after") and count <= 2:
            both_checked.wait()

    harness.storage.aws.watch = watch
    environment = harness.storage.environment()
    left: Counter[str] = Counter()

    def deliver(functions: FunctionProcesses) -> None:
        left["messages"] += replace(harness, functions=functions).failed(recording.body)

    with (
        FunctionProcesses(environment, PACKAGES) as one,
        FunctionProcesses(environment, PACKAGES) as other,
    ):
        threads = [threading.Thread(target=deliver, args=(it,)) for it in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    # when the message is delivered again after a failure
    for _ in range(left["messages"]):
        assert harness.until_done(recording.body) == 1
    # then there is one recording
    assert_stored_once(harness, recording)
