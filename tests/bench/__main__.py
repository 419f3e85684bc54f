"""``python -m tests.bench``: runs the benchmarks and writes tests/bench/results.json."""

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
    """Run what is asked for; give the exit status."""
    asked = _arguments()
    STORE.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    try:
        for name, outcome in _outcomes(asked):
            _say("")
            sys.stdout.write(f"{outcome.text}\n\n")
            if asked.save:
                results.save(name, outcome.result)
    except KeyboardInterrupt:
        _say("ended\n")
        return 130
    sys.stdout.write(f"{time.monotonic() - begun:.0f} s in all\n")
    return 0


def _cold(asked: argparse.Namespace) -> Measurement:
    return answer_latency.cold(_runtime(), _field(), asked.rounds, _say)


def _warm(asked: argparse.Namespace) -> Measurement:
    return answer_latency.warm(_runtime(), _field()[:4], asked.requests, _say)


def _events(asked: argparse.Namespace) -> Measurement:
    return events.events(asked.requests, _say)


def _recordings(asked: argparse.Namespace) -> Measurement:
    return recordings.recordings(max(1, asked.rounds // 3), _say)


def _reading(asked: argparse.Namespace) -> Measurement:
    return read_cost.reading(asked.rounds, _say)


def _simulator(asked: argparse.Namespace) -> Measurement:
    return simulator.simulator(asked.requests, _say)


_BENCHMARKS = {
    "cold": _cold,
    "warm": _warm,
    "events": _events,
    "recordings": _recordings,
    "reading": _reading,
    "simulator": _simulator,
}


def _outcomes(asked: argparse.Namespace) -> Iterator[tuple[str, Measurement]]:
    try:
        for name in asked.name or _BENCHMARKS:
            yield name, _BENCHMARKS[name](asked)
    finally:
        if _runtime.cache_info().currsize:
            _runtime().clear()


@functools.cache
def _runtime() -> Containers | Processes:
    found = Containers() if has_docker() else Processes(runtime_packages(_say))
    _say(f"{found.title}\n")
    return found


@functools.cache
def _field() -> list[Baseline]:
    return baselines(_say)


def _say(line: str) -> None:
    """Tell on one line of the terminal how far it is."""
    sys.stderr.write(f"\r\x1b[K{line}" if sys.stderr.isatty() else f"{line}\n")
    sys.stderr.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "name", nargs="*", metavar="BENCHMARK", help=f"of {', '.join(_BENCHMARKS)}; all if none"
    )
    parser.add_argument(
        "--rounds", type=int, default=_ROUNDS, help="cold starts of each, and readings"
    )
    parser.add_argument(
        "--requests", type=int, default=_REQUESTS, help="warm requests of each, events and calls"
    )
    parser.add_argument("--no-save", dest="save", action="store_false", help="keep no results")
    asked = parser.parse_args()
    unknown = set(asked.name) - set(_BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
