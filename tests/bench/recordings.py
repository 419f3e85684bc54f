"""Measure the throughput and memory of storing a recording, compared with boto3's upload.

Both get the network of `LINK`: recordings arrive and leave at a limited speed.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3

from tests.bench.lambda_containers import ROOT
from tests.bench.mock_services import LINK, mock_services
from tests.bench.stats import Measurement, in_turn, number, spread, table
from tests.support.discarding_aws import MEGABYTE, memory
from tests.support.function_process import FunctionProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIZES = (1, 50, 500)  # MB
_PACKAGES = Path(boto3.__file__).parents[1]
_WHERE = {
    "ours": ("fetch_recording", ROOT / "functions"),
    "upload_fileobj": ("upload_fileobj", ROOT / "tests/bench/handlers"),
}


class _Stored(NamedTuple):
    """One stored recording: elapsed and processor seconds, and MiB above the idle function."""

    seconds: float
    processor: float
    memory: float


def recordings(rounds: int, report_progress: Callable[[str], None]) -> Measurement:
    """Store recordings of each size, with our function and with boto3 in turn.

    Source and destination use TLS and run in a separate process.
    """
    found: dict[int, dict[str, list[_Stored]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock_services(Path(folder)) as (environment, event),
    ):
        for size in SIZES:
            found[size] = {name: [] for name in _WHERE}
            for turn, name in in_turn(list(_WHERE), rounds):
                report_progress(f"recordings {size} MB {turn + 1}/{rounds} {name}")
                found[size][name].append(_stored(name, environment, event, size * MEGABYTE))
    return _outcome(found)


def _stored(
    name: str, environment: Mapping[str, str], event: Callable[[int], dict[str, Any]], size: int
) -> _Stored:
    function, code = _WHERE[name]
    with FunctionProcesses(environment, _PACKAGES, code=code, quiet=True) as functions:
        process = functions.process_id
        functions(function, {"Records": []}, 300.0)  # imported and idle
        idle = memory(process, "VmRSS")
        _check(functions(function, event(1000), 300.0))  # clients, connections, token
        recording = event(size)
        cpu, start = _processor(process), time.monotonic()
        _check(functions(function, recording, 300.0))
        seconds = time.monotonic() - start
        return _Stored(seconds, _processor(process) - cpu, memory(process, "VmHWM") - idle)


def _check(outcome: Any) -> None:
    if outcome.reply != {"batchItemFailures": []}:
        raise RuntimeError(f"the recording was not stored: {outcome}")


def _processor(process: int) -> float:
    """Return the processor time of a process in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _outcome(found: dict[int, dict[str, list[_Stored]]]) -> Measurement:
    rows, result = [], {}
    for size, by_name in found.items():
        speed = {
            name: spread([size / one.seconds for one in those]) for name, those in by_name.items()
        }
        cpu = {name: spread([one.processor for one in those]) for name, those in by_name.items()}
        peak = {name: max(one.memory for one in those) for name, those in by_name.items()}
        of_link = {name: one.median / LINK for name, one in speed.items()}
        times = speed["ours"].median / speed["upload_fileobj"].median
        result[f"{size} MB"] = {
            "megabytes_a_second": {name: one.described() for name, one in speed.items()},
            "processor_seconds": {name: one.described() for name, one in cpu.items()},
            "memory_mib": {name: round(one, 1) for name, one in peak.items()},
            "share_of_link": {name: round(one, 3) for name, one in of_link.items()},
            "times_upload_fileobj": round(times, 3),
        }
        rows.append(
            [
                f"{size} MB",
                *(f"{speed[n]} MB/s, {of_link[n]:.0%}" for n in _WHERE),
                f"{number(times)} x",
                *(f"{number(cpu[n].median)} s" for n in _WHERE),
                *(f"{peak[n]:.0f} MiB" for n in _WHERE),
            ]
        )
    head = ["recording", "ours", "upload_fileobj", "ours to its", "CPU: ours", "its"]
    text = table([*head, "memory: ours", "its"], rows)
    return Measurement(
        {"link_megabytes_a_second": LINK} | result,
        f"{LINK} MB/s each way; the share is of this link.\n{text}",
    )
