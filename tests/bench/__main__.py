"""``python -m tests.bench``: run the benchmarks and write tests/bench/results.json."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from typing import TYPE_CHECKING

from tests.bench import answer_latency, events, read_cost, recordings, results, simulator
from tests.bench.baselines import STORE, baselines, runtime_packages
from tests.bench.lambda_containers import Containers, Processes, has_docker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.baselines import Baseline
    from tests.bench.stats import Measurement

_ROUNDS = 15
_REQUESTS = 1000


def main() -> int:
    """Run the benchmarks of the command line; return the exit status."""
    arguments = _arguments()
    STORE.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    try:
        for name, outcome in _outcomes(arguments):
            _report_progress("")
            sys.stdout.write(f"{outcome.text}\n\n")
            if arguments.save:
                results.save(name, outcome.result)
    except KeyboardInterrupt:
        _report_progress("interrupted\n")
        return 130
    sys.stdout.write(f"{time.monotonic() - start:.0f} s in total\n")
    return 0


def _cold(arguments: argparse.Namespace) -> Measurement:
    return answer_latency.cold(_runtime(), _implementations(), arguments.rounds, _report_progress)


def _warm(arguments: argparse.Namespace) -> Measurement:
    return answer_latency.warm(
        _runtime(), _implementations()[:4], arguments.requests, _report_progress
    )


def _events(arguments: argparse.Namespace) -> Measurement:
    return events.events(arguments.requests, _report_progress)


def _recordings(arguments: argparse.Namespace) -> Measurement:
    return recordings.recordings(max(1, arguments.rounds // 3), _report_progress)


def _reading(arguments: argparse.Namespace) -> Measurement:
    return read_cost.reading(arguments.rounds, _report_progress)


def _simulator(arguments: argparse.Namespace) -> Measurement:
    return simulator.simulator(arguments.requests, _report_progress)


_BENCHMARKS = {
    "cold": _cold,
    "warm": _warm,
    "events": _events,
    "recordings": _recordings,
    "reading": _reading,
    "simulator": _simulator,
}


def _outcomes(arguments: argparse.Namespace) -> Iterator[tuple[str, Measurement]]:
    try:
        for name in arguments.name or _BENCHMARKS:
            yield name, _BENCHMARKS[name](arguments)
    finally:
        if _runtime.cache_info().currsize:
            _runtime().clear()


@functools.cache
def _runtime() -> Containers | Processes:
    found = Containers() if has_docker() else Processes(runtime_packages(_report_progress))
    _report_progress(f"{found.title}\n")
    return found


@functools.cache
def _implementations() -> list[Baseline]:
    return baselines(_report_progress)


def _report_progress(line: str) -> None:
    """Print the progress; on a terminal, overwrite the previous line."""
    sys.stderr.write(f"\r\x1b[K{line}" if sys.stderr.isatty() else f"{line}\n")
    sys.stderr.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "name",
        nargs="*",
        metavar="BENCHMARK",
        help=f"one of {', '.join(_BENCHMARKS)} (default: all)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=_ROUNDS,
        help="cold starts per implementation, and reads (default: %(default)s)",
    )
    parser.add_argument(
        "--requests",
        type=int,
        default=_REQUESTS,
        help="warm requests per implementation, events, and calls (default: %(default)s)",
    )
    parser.add_argument(
        "--no-save", dest="save", action="store_false", help="do not write results.json"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.name) - set(_BENCHMARKS)
    if unknown:
        parser.error(
            f"unknown benchmark: {', '.join(sorted(unknown))}; expected {', '.join(_BENCHMARKS)}"
        )
    return arguments


if __name__ == "__main__":
    sys.exit(main())
