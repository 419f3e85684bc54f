"""The report of `vonage-agent-bench`: percentiles, text, JSON, JUnit, and baselines.

Silence is not a number: what did not happen is counted as missing, and fails its call. Nothing is
repeated until it passes.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .agent_bench_calls import LINES, BenchPlan, CallResult

# With fewer values, a 95th percentile is the worst one by another name.
VALUES_FOR_P95 = 20
# Beyond this mean lateness, in ms, the tool's own delays are in the numbers.
LATE_MS = 10.0
# Amazon Bedrock AgentCore Runtime closes a connection above this rate.
AGENTCORE_FRAMES = 250
BASELINE_PERCENT, BASELINE_FLOOR_MS = 20.0, 40.0

MEASURES = {
    "first_audio": "connected → first audio",
    "response": "caller silent → first audio",
    "cleared": "caller interrupts → clear",
    "silenced": "caller interrupts → silence at the ear",
}


class BaselineError(Exception):
    """A baseline cannot be used; the text says why."""


@dataclass(frozen=True)
class BenchMeasure:
    """The distribution of one measure, in milliseconds."""

    count: int
    missing: int
    p50: int | None
    p95: int | None
    worst: int | None


@dataclass(frozen=True)
class BenchBaseline:
    """Values of an earlier run; both limits must be exceeded before a value is worse.

    `percent` is relative to the earlier value, `floor_ms` the difference in milliseconds.
    """

    line: str
    says: tuple[str, ...]
    percent: float
    floor_ms: float
    measures: dict[str, dict[str, int]]


def measure(values: Iterable[float | None]) -> BenchMeasure:
    """Return the distribution of values in seconds; None is missing."""
    all_of_them = list(values)
    known = sorted(value for value in all_of_them if value is not None)
    return BenchMeasure(
        count=len(known),
        missing=len(all_of_them) - len(known),
        p50=_percentile(known, 50),
        p95=_percentile(known, 95) if len(known) >= VALUES_FOR_P95 else None,
        worst=_percentile(known, 100),
    )


def _percentile(ordered: Sequence[float], percent: int) -> int | None:
    """Return the nearest-rank percentile in milliseconds; None without values."""
    if not ordered:
        return None
    return round(1000 * ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)])


class BenchReport:
    """The results of a run; some calls may be missing if it was interrupted."""

    def __init__(self, plan: BenchPlan, results: Iterable[CallResult]) -> None:
        self.plan = plan
        self.results = sorted(results, key=lambda one: one.number)
        self.measures = {
            "first_audio": measure(one.first_audio for one in self.results),
            "response": measure(it for one in self.results for it in one.responses),
            "cleared": measure(it for one in self.results for it in one.cleared),
            "silenced": measure(it for one in self.results for it in one.silenced),
        }
        frames = sum(one.timed_frames for one in self.results)
        late = sum(one.lateness_total for one in self.results)
        self.late_mean_ms = round(1000 * late / frames, 1) if frames else 0.0
        worst = max((one.lateness_worst for one in self.results), default=0.0)
        self.late_worst_ms = round(1000 * worst, 1)

    @property
    def is_reliable(self) -> bool:
        """Whether the tool itself was in time."""
        return self.late_mean_ms <= LATE_MS

    @property
    def failed(self) -> list[CallResult]:
        """The calls with a problem."""
        return [one for one in self.results if one.problems]

    def counts(self) -> dict[str, int]:
        """Return what is counted, not timed."""
        return {
            "wrong_frames": sum(one.wrong_frames for one in self.results),
            "most_frames_per_second": max((one.most_frames for one in self.results), default=0),
            "underruns": sum(one.underruns for one in self.results),
            "never_spoke": sum(one.never_spoke for one in self.results),
        }

    def text(self, regressions: Sequence[str]) -> str:
        """Build the report for people."""
        plan, counts = self.plan, self.counts()
        failed = f", {len(self.failed)} FAILED" if self.failed else ""
        calls = f"{len(self.results)} of {plan.calls} calls{failed}"
        title = f"{calls}, seed {plan.seed}, {_line(plan.line)}"
        lines = [f"{title:<56}{'p50':>8}{'p95':>8}{'worst':>8}  values"]
        for name, about in MEASURES.items():
            one = self.measures[name]
            missing = f", {one.missing} missing" if one.missing else ""
            lines.append(
                f"{about:<56}{_ms(one.p50):>8}{_ms(one.p95):>8}{_ms(one.worst):>8}"
                f"  {one.count}{missing}"
            )
        lines.append("in milliseconds, to 20 ms: a frame")
        lines.append(
            f"wrong frames {counts['wrong_frames']} · most frames in 1 s"
            f" {counts['most_frames_per_second']} (AgentCore allows {AGENTCORE_FRAMES})"
            f" · underruns {counts['underruns']} · never spoke {counts['never_spoke']}"
            f" · tool late {self.late_mean_ms} ms mean, {self.late_worst_ms} ms worst:"
            f" {'reliable' if self.is_reliable else 'NOT RELIABLE, use an idle machine'}"
        )
        lines += [f"failed: {text}" for text in self.failures()]
        lines += [f"worse than the baseline: {text}" for text in regressions]
        return "\n".join(lines)

    def failures(self) -> list[str]:
        """Return a line for each call with a problem."""
        return [f"call {one.number}: {'; '.join(one.problems)}" for one in self.failed]

    def json(self, regressions: Sequence[str]) -> str:
        """Build the report for programs."""
        plan = self.plan
        fields = {
            "url": plan.url.partition("?")[0],  # a query can have credentials
            "say": list(plan.names),
            "calls": plan.calls,
            "completed": len(self.results),
            "parallel": plan.parallel,
            "line": plan.line,
            "seed": plan.seed,
            "measures_ms": {name: vars(one) for name, one in self.measures.items()},
            **self.counts(),
            "late_ms": {"mean": self.late_mean_ms, "worst": self.late_worst_ms},
            "reliable": self.is_reliable,
            "regressions": list(regressions),
            "results": [_result(one) for one in self.results],
        }
        return json.dumps(fields, indent=2, ensure_ascii=False)

    def junit(self, regressions: Sequence[str]) -> bytes:
        """Build a JUnit document: a test case for each call, and one for the baseline."""
        failures = [(f"call {one.number}", "; ".join(one.problems)) for one in self.results]
        failures.append(("baseline", "; ".join(regressions)))
        suite = ElementTree.Element(
            "testsuite",
            name="vonage-agent-bench",
            tests=str(len(failures)),
            failures=str(sum(bool(text) for _, text in failures)),
            errors="0",
            skipped="0",
        )
        for name, text in failures:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"agent.{self.plan.line}", name=name
            )
            if text:
                ElementTree.SubElement(case, "failure", message=text)
        output = ElementTree.SubElement(suite, "system-out")
        output.text = self.text(regressions)
        return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))

    def baseline(self) -> str:
        """Build the file that a later run compares with."""
        measures = {
            name: {key: value for key, value in (("p50", one.p50), ("p95", one.p95)) if value}
            for name, one in self.measures.items()
        }
        fields = {
            "line": self.plan.line,
            "say": list(self.plan.names),
            "percent": BASELINE_PERCENT,
            "floor_ms": BASELINE_FLOOR_MS,
            "measures_ms": measures,
        }
        return json.dumps(fields, indent=2) + "\n"

    def regressions(self, baseline: BenchBaseline) -> list[str]:
        """Return what is worse than the baseline by more than its percentage and its floor."""
        found = []
        for name, values in baseline.measures.items():
            for key, before in values.items():
                now = getattr(self.measures[name], key)
                if now is None:
                    found.append(f"{name} {key}: {before} ms before, not measured now")
                elif now - before > max(baseline.floor_ms, before * baseline.percent / 100):
                    found.append(
                        f"{name} {key}: {now} ms, {before} ms before; allowed are"
                        f" {baseline.percent:g} % and {baseline.floor_ms:g} ms more"
                    )
        return found


def read_baseline(path: Path, plan: BenchPlan) -> BenchBaseline:
    """Read a baseline of the same line and utterances.

    Raises
    ------
    BaselineError
        If it cannot be read, lacks the percentage or the floor, or is that of another run.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        baseline = BenchBaseline(
            line=str(fields["line"]),
            says=tuple(fields["say"]),
            percent=_limit(fields, "percent"),
            floor_ms=_limit(fields, "floor_ms"),
            measures={
                name: {key: _limit(values, key) for key in ("p50", "p95") if key in values}
                for name, values in fields["measures_ms"].items()
            },
        )
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror}") from error
    except KeyError as error:
        raise BaselineError(f"{path}: {error.args[0]} is missing. Save a new baseline") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise BaselineError(f"{path}: not a baseline ({error}). Save a new one") from error
    if unknown := sorted(set(baseline.measures) - set(MEASURES)):
        raise BaselineError(f"{path}: unknown measure {unknown[0]}. Save a new baseline")
    if (baseline.line, baseline.says) != (plan.line, plan.names):
        raise BaselineError(
            f"{path}: measured on line {baseline.line} with {', '.join(baseline.says)}."
            " Use the same --line and --say, or save a new baseline"
        )
    return baseline


def _limit(fields: dict[str, Any], name: str) -> Any:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"{name} must be a number from 0")
    return value


def _result(one: CallResult) -> dict[str, Any]:
    return {
        "number": one.number,
        "first_audio_ms": _milliseconds(one.first_audio),
        "response_ms": [_milliseconds(it) for it in one.responses],
        "cleared_ms": [_milliseconds(it) for it in one.cleared],
        "silenced_ms": [_milliseconds(it) for it in one.silenced],
        "wrong_frames": one.wrong_frames,
        "most_frames_per_second": one.most_frames,
        "underruns": one.underruns,
        "problems": list(one.problems),
    }


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _ms(value: int | None) -> str:
    return "-" if value is None else str(value)


def _line(name: str) -> str:
    faults = LINES[name]
    parts = []
    if "ws_loss" in faults:
        parts.append(f"loss {faults['ws_loss'] * 100:g} %")
    if "ws_jitter" in faults:
        parts.append(f"jitter {faults['ws_jitter']:g} ms")
    if "ws_stall" in faults:
        parts.append(f"a stall of {faults['ws_stall']:g} s")
    return f"line {name}" + (f" ({', '.join(parts)})" if parts else "")
