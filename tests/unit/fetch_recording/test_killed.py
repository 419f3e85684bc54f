"""The function killed between any two of its steps, and two of it at once."""

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
    "HeadObject",
    "PutItem",  # the archive record
    "ListMultipartUploads",
)


@pytest.mark.parametrize("step", range(len(STEPS)), ids=lambda n: f"{n}-{STEPS[n]}")
def test_a_function_that_is_killed_after_any_step_loses_nothing(
    workshop: FetchHarness, step: int
) -> None:
    # given a function that is killed when AWS has done a step and before it hears of it
    recording = workshop.recording(LARGE)
    environment = workshop.storage.environment(workshop.files)
    seen: list[str] = []
    with FunctionProcesses(environment, PACKAGES) as doomed:

        def watch(operation: str, count: int, when: str) -> None:
            if when == "after":
                seen.append(operation)
                if len(seen) == step + 1:
                    os.kill(doomed.process_id, signal.SIGKILL)

        workshop.storage.aws.watch = watch
        with pytest.raises(RuntimeError, match="has ended"):
            replace(workshop, functions=doomed).deliver(recording.body)
    workshop.storage.aws.reset()
    assert tuple(seen) == STEPS[: step + 1]
    # when its message comes again
    assert workshop.until_done(recording.body) == 1
    # then the recording is there once, and nothing is left behind
    assert_stored_once(workshop, recording)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_message_that_comes_twice_at_once_is_one_recording(
    workshop: FetchHarness, content: bytes
) -> None:
    # given two functions that both have a message, and look for the recording at the same time
    recording = workshop.recording(content)
    both_looked = threading.Barrier(2, timeout=20)

    def watch(operation: str, count: int, when: str) -> None:
        if (operation, when) == ("HeadObject", "after") and count <= 2:
            both_looked.wait()

    workshop.storage.aws.watch = watch
    environment = workshop.storage.environment(workshop.files)
    left: Counter[str] = Counter()

    def deliver(functions: FunctionProcesses) -> None:
        left["messages"] += replace(workshop, functions=functions).failed(recording.body)

    with (
        FunctionProcesses(environment, PACKAGES) as one,
        FunctionProcesses(environment, PACKAGES) as other,
    ):
        threads = [threading.Thread(target=deliver, args=(it,)) for it in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    # when whichever failed comes again
    for _ in range(left["messages"]):
        assert workshop.until_done(recording.body) == 1
    # then there is one recording
    assert_stored_once(workshop, recording)
