"""How fast a recording is stored, and in how much memory, beside boto3's own upload."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3

from tests.bench.lambda_containers import ROOT
from tests.bench.mock_services import stand_ins
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
    """One recording stored: seconds by the clock and of the processor, MiB above being idle."""

    seconds: float
    processor: float
    memory: float


def recordings(rounds: int, say: Callable[[str], None]) -> Measurement:
    """Store recordings of each size, ours and by boto3 alone in turn, and sum up.

    Source and destination speak TLS, and run in a process of their own beside the function's.
    """
    found: dict[int, dict[str, list[_Stored]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        stand_ins(Path(folder)) as (environment, event),
    ):
        for size in SIZES:
            found[size] = {name: [] for name in _WHERE}
            for turn, name in in_turn(list(_WHERE), rounds):
                say(f"recordings {size} MB {turn + 1}/{rounds} {name}")
                found[size][name].append(_stored(name, environment, event, size * MEGABYTE))
    return _outcome(found)


def _stored(
    name: str, environment: Mapping[str, str], event: Callable[[int], dict[str, Any]], size: int
) -> _Stored:
    function, code = _WHERE[name]
    with FunctionProcesses(environment, _PACKAGES, code=code, quiet=True) as functions:
        process = functions.process_id
        functions(function, {"Records": []}, 300.0)  # imported, and idle
        idle = memory(process, "VmRSS")
        _check(functions(function, event(1000), 300.0))  # clients, connections, token
        asked = event(size)
        used, begun = _processor(process), time.monotonic()
        _check(functions(function, asked, 300.0))
        seconds = time.monotonic() - begun
        return _Stored(seconds, _processor(process) - used, memory(process, "VmHWM") - idle)


def _check(outcome: Any) -> None:
    if outcome.reply != {"batchItemFailures": []}:
        raise RuntimeError(f"the recording was not stored: {outcome}")


def _processor(process: int) -> float:
    """Give the seconds of processor time that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _outcome(found: dict[int, dict[str, list[_Stored]]]) -> Measurement:
    rows, result = [], {}
    for size, by_name in found.items():
        speed = {
            name: spread([size / one.seconds for one in those]) for name, those in by_name.items()
        }
        worked = {name: spread([one.processor for one in those]) for name, those in by_name.items()}
        most = {name: max(one.memory for one in those) for name, those in by_name.items()}
        share = speed["ours"].median / speed["upload_fileobj"].median
        result[f"{size} MB"] = {
            "megabytes_a_second": {name: one.described() for name, one in speed.items()},
            "processor_seconds": {name: one.described() for name, one in worked.items()},
            "memory_mib": {name: round(one, 1) for name, one in most.items()},
            "share_of_throughput": round(share, 3),
        }
        rows.append(
            [
                f"{size} MB",
                *(f"{speed[n]} MB/s" for n in _WHERE),
                f"{share:.0%}",
                *(f"{number(worked[n].median)} s" for n in _WHERE),
                *(f"{most[n]:.0f} MiB" for n in _WHERE),
            ]
        )
    head = ["recording", "ours", "upload_fileobj", "share", "processor: ours", "its"]
    return Measurement(result, table([*head, "memory: ours", "its"], rows))
