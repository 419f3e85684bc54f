"""How much memory the function needs for recordings of 1, 50 and 500 MB, and how fast it is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.support import discarding_aws
from tests.support.discarding_aws import MEGABYTE, memory
from tests.support.function_process import FunctionProcesses
from tests.support.vonage_files import VonageFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = Path(boto3.__file__).parents[1]
LIMIT = 40  # MiB above the idle function


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[VonageFiles, dict[str, str]]]:
    with (
        VonageFiles(tmp_path_factory.mktemp("files")) as files,
        discarding_aws.discarding_aws() as aws,
    ):
        yield files, discarding_aws.environment(files, aws)


@pytest.mark.parametrize("megabytes", [1, 50, 500])
def test_memory_does_not_grow_with_a_recording(
    environment: tuple[VonageFiles, dict[str, str]],
    megabytes: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files, variables = environment
    event = discarding_aws.record(files, megabytes * MEGABYTE)
    with FunctionProcesses(variables, PACKAGES) as functions:
        # given the function, imported and idle
        functions("fetch_recording", {"Records": []}, 300.0)
        idle = memory(functions.process_id, "VmRSS")
        # when it fetches a recording
        begun = time.monotonic()
        outcome = functions("fetch_recording", event, 300.0)
        seconds = time.monotonic() - begun
        peak = memory(functions.process_id, "VmHWM")
    files.content.clear()
    with capsys.disabled():
        print(
            f"\n{megabytes} MB: idle {idle:.1f} MiB, {peak - idle:.1f} MiB above at most;", end=" "
        )
        print(f"{seconds:.1f} s, {megabytes / seconds:.0f} MB/s")
    # then it stored it, and needed no more than this above being idle
    assert outcome.reply == {"batchItemFailures": []}
    assert peak - idle <= LIMIT
