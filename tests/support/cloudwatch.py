"""What CloudWatch computes from log lines and metrics: filter patterns and alarm states.

It covers what template.yaml uses, and refuses everything else instead of guessing.
Sources: CloudWatch Logs user guide, "Filter pattern syntax"; CloudWatch user guide, "Alarm
evaluation", "How alarm state is evaluated when data is missing", and "Using metric math".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TERM = re.compile(r'\$\.(?P<field>\w+) (?P<sign>=|>=) (?:"(?P<text>[^"]*)"|(?P<number>\d+))')
_SUM_OF_ALL = "SUM(FILL(METRICS(), 0))"
_IF = r"IF\((?:\w+|FILL\(\w+, 0\)) >= \d+, 1, 0\)"
_COUNT = re.compile(rf"SUM\(\[(?P<terms>{_IF}(?:, {_IF})*)\]\)")
_PLUS = re.compile(r"(?P<left>\w+) \+ (?P<right>\w+)")
# Periods that CloudWatch evaluates beyond those of the alarm, as in the user guide's tables.
_EARLIER = 2
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max}
_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


class Metric(NamedTuple):
    """Namespace, name and dimensions of a metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()


class Point(NamedTuple):
    """A value of a metric; ``at`` is in seconds, and 0 is now."""

    metric: Metric
    at: float
    value: float


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """Return whether a filter's JSON pattern matches a log line.

    A pattern joins terms with ``&&``. A term is ``$.field = "text with *"`` or
    ``$.field >= number``, or several of these in parentheses, joined with ``||``. A field that is
    missing, null or of another type does not match.

    Raises
    ------
    ValueError
        If the pattern has anything else.
    """
    if pattern[:2] != "{ " or pattern[-2:] != " }":
        raise ValueError(f"not a JSON pattern: {pattern}")
    parts = pattern[2:-2].split(" && ")
    matched = [_part_matches(pattern, part, line) for part in parts]  # parses all parts
    return all(matched)


def _part_matches(pattern: str, part: str, line: Mapping[str, Any]) -> bool:
    alternatives = part[1:-1].split(" || ") if part[:1] + part[-1:] == "()" else [part]
    matched = [_term_matches(pattern, term, line) for term in alternatives]
    return any(matched)


def _term_matches(pattern: str, text: str, line: Mapping[str, Any]) -> bool:
    term = _TERM.fullmatch(text)
    if term is None or (term["sign"] == ">=") != (term["text"] is None):
        raise ValueError(f"unsupported pattern: {pattern}")
    value = line.get(term["field"])
    if term["text"] is None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return value >= int(term["number"])
    expected = ".*".join(re.escape(literal) for literal in term["text"].split("*"))
    return isinstance(value, str) and re.fullmatch(expected, value, re.DOTALL) is not None


def counted(filter_: Mapping[str, Any], line: Mapping[str, Any], at: float) -> list[Point]:
    """Return what a metric filter publishes for a line: nothing if a dimension's field is missing.

    Raises
    ------
    ValueError
        If the pattern is unsupported, or the filter has both dimensions and a default value.
    """
    (transformation,) = filter_["MetricTransformations"]
    if "Dimensions" in transformation and "DefaultValue" in transformation:
        raise ValueError("a metric with dimensions cannot have a default value")
    value = transformation["MetricValue"]
    if not matches(filter_["FilterPattern"], line):
        if "DefaultValue" not in transformation:
            return []
        value = transformation["DefaultValue"]
    declared = transformation.get("Dimensions", [])
    dimensions = [(one["Key"], line.get(one["Value"].removeprefix("$."))) for one in declared]
    if not all(isinstance(value, str) for _, value in dimensions):
        return []
    metric = Metric(
        transformation["MetricNamespace"],
        transformation["MetricName"],
        frozenset((key, str(value)) for key, value in dimensions),
    )
    return [Point(metric, at, float(value))]


def state(alarm: Mapping[str, Any], points: Sequence[Point], before: str = "OK") -> str:
    """Return the state of an alarm now: ``OK`` or ``ALARM``.

    Parameters
    ----------
    alarm
        Its properties.
    points
        The values of all metrics.
    before
        Its previous state, which it keeps if it ignores missing data.
    """
    periods = alarm["EvaluationPeriods"]
    evaluated = _values(alarm, points, periods + _EARLIER)
    # The latest come first.
    present = [value for value in evaluated if value is not None][:periods]
    breaches = _BREACHES[alarm["ComparisonOperator"]]
    breaching = sum(breaches(value, alarm["Threshold"]) for value in present)
    missing = periods - len(present)
    if alarm["TreatMissingData"] == "ignore" and missing and breaching == len(present):
        return before
    if alarm["TreatMissingData"] == "breaching":
        breaching += missing
    return "ALARM" if breaching >= alarm.get("DatapointsToAlarm", periods) else "OK"


def metrics_of(alarm: Mapping[str, Any]) -> list[Metric]:
    """Return the metrics of an alarm."""
    queries = [
        one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one
    ]
    return [_metric(one) for one in queries or [alarm]]


def _metric(query: Mapping[str, Any]) -> Metric:
    dimensions = frozenset((one["Name"], one["Value"]) for one in query.get("Dimensions", []))
    return Metric(query["Namespace"], query["MetricName"], dimensions)


def _values(alarm: Mapping[str, Any], points: Sequence[Point], periods: int) -> list[float | None]:
    """Return the value of each period, the latest first."""
    if "Metrics" not in alarm:
        return _statistics(alarm, alarm["Statistic"], alarm["Period"], points, periods)
    series = {}
    for one in alarm["Metrics"]:
        if query := one.get("MetricStat"):
            series[one["Id"]] = _statistics(
                query["Metric"], query["Stat"], query["Period"], points, periods
            )
    (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    return _evaluate(expression, series)


def _statistics(
    query: Mapping[str, Any], statistic: str, seconds: int, points: Sequence[Point], periods: int
) -> list[float | None]:
    metric = _metric(query)
    return [_statistic(metric, statistic, seconds, points, -index) for index in range(periods)]


def _statistic(
    metric: Metric, statistic: str, seconds: int, points: Sequence[Point], period: int
) -> float | None:
    start = (period - 1) * seconds
    values = [
        point.value
        for point in points
        if point.metric == metric and 0 <= point.at - start < seconds
    ]
    return _STATISTICS[statistic](values) if values else None


def _evaluate(expression: str, series: Mapping[str, Sequence[float | None]]) -> list[float | None]:
    if expression == _SUM_OF_ALL:
        filled = [_fill(values) for values in series.values()]
        return [_add(values) for values in zip(*filled, strict=True)]
    if count := _COUNT.fullmatch(expression):
        compared = []
        for fill, name, limit in re.findall(r"(FILL\()?(\w+)(?:, 0\))? >= (\d+)", count["terms"]):
            # IF without FILL has no value where its metric has none. Whether SUM then has one is
            # undocumented; that it has none is the worse case.
            missing = 0.0 if fill else None
            compared.append(
                [missing if one is None else float(one >= int(limit)) for one in series[name]]
            )
        return [None if None in values else _add(values) for values in zip(*compared, strict=True)]
    if plus := _PLUS.fullmatch(expression):
        # For one missing value, the user guide says that it is 0, others that there is no sum.
        # Without a sum is the worse case.
        pairs = zip(series[plus["left"]], series[plus["right"]], strict=True)
        return [None if left is None or right is None else left + right for left, right in pairs]
    raise ValueError(f"unsupported expression: {expression}")


def _fill(values: Sequence[float | None]) -> Sequence[float | None]:
    """Replace missing values with 0, the latest included; an empty series stays empty."""
    if all(value is None for value in values):
        return values
    return [value or 0.0 for value in values]


def _add(values: Sequence[float | None]) -> float | None:
    """Add the values of an array, a missing one as 0; an empty array has no sum."""
    present = [value for value in values if value is not None]
    return sum(present) if present else None
