"""Memory and throughput of fetch_recording for recordings of 1, 50, and 500 MB."""

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
def test_memory_does_not_grow_with_the_recording(
    environment: tuple[VonageFiles, dict[str, str]],
    megabytes: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files, variables = environment
    event = discarding_aws.record(files, megabytes * MEGABYTE)
    with FunctionProcesses(variables, PACKAGES) as functions:
        # given the imported, idle function
        functions("fetch_recording", {"Records": []}, 300.0)
        idle = memory(functions.process_id, "VmRSS")
        # when it fetches a recording
        start = time.monotonic()
        outcome = functions("fetch_recording", event, 300.0)
        seconds = time.monotonic() - start
        peak = memory(functions.process_id, "VmHWM")
    files.content.clear()
    with capsys.disabled():
        print(f"\n{megabytes} MB: idle {idle:.1f} MiB, peak {peak - idle:.1f} MiB above;", end=" ")
        print(f"{seconds:.1f} s, {megabytes / seconds:.0f} MB/s")
    # then it is stored, and the peak is within the limit
    assert outcome.reply == {"batchItemFailures": []}
    assert peak - idle <= LIMIT
