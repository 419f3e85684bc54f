"""What CloudWatch makes of log lines and metrics: the patterns of filters, and an alarm's sums.

As much of it as template.yaml uses; everything else is refused, so that nothing is guessed.
Sources: CloudWatch Logs user guide, "Filter pattern syntax"; CloudWatch user guide, "Alarm
evaluation", "How alarm state is evaluated when data is missing", and "Using metric math".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TERM = re.compile(r'\$\.(?P<field>\w+) (?P<sign>=|>=) (?:"(?P<text>[^"]*)"|(?P<number>\d+))')
_SUM = re.compile(r"SUM\(\[(?P<terms>FILL\(\w+, 0\)(?:, FILL\(\w+, 0\))*)\]\)")
_COUNT = re.compile(r"SUM\(\[(?P<terms>IF\(\w+ >= \d+, 1, 0\)(?:, IF\(\w+ >= \d+, 1, 0\))*)\]\)")
_PLUS = re.compile(r"(?P<left>\w+) \+ (?P<right>\w+)")
# Periods that are looked at beyond those of the alarm, as many as in the user guide's tables.
_EARLIER = 2
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max}
_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


class Metric(NamedTuple):
    """What names a metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()


class Point(NamedTuple):
    """A value of a metric; ``at`` is seconds, now being 0."""

    metric: Metric
    at: float
    value: float


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """Say whether a filter's JSON pattern matches a log line.

    Known are ``$.field = "text with *"`` and ``$.field >= number``, joined by ``&&``. A field that
    is missing, null or of another kind matches neither.

    Raises
    ------
    ValueError
        If the pattern has anything else.
    """
    if pattern[:2] != "{ " or pattern[-2:] != " }":
        raise ValueError(f"not a JSON pattern: {pattern}")
    terms = [_TERM.fullmatch(term) for term in pattern[2:-2].split(" && ")]
    held = [_holds(pattern, term, line) for term in terms]  # each, so that each is understood
    return all(held)


def _holds(pattern: str, term: re.Match[str] | None, line: Mapping[str, Any]) -> bool:
    if term is None or (term["sign"] == ">=") != (term["text"] is None):
        raise ValueError(f"this pattern is not known here: {pattern}")
    value = line.get(term["field"])
    if term["text"] is None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return value >= int(term["number"])
    wanted = ".*".join(re.escape(part) for part in term["text"].split("*"))
    return isinstance(value, str) and re.fullmatch(wanted, value, re.DOTALL) is not None


def counted(filter_: Mapping[str, Any], line: Mapping[str, Any], at: float) -> list[Point]:
    """Give what a metric filter counts of a line; none where a dimension's field is missing.

    Raises
    ------
    ValueError
        If the pattern is not known here, or a default stands beside dimensions, which is refused.
    """
    (made,) = filter_["MetricTransformations"]
    if "Dimensions" in made and "DefaultValue" in made:
        raise ValueError("a metric with dimensions has no default value")
    value = made["MetricValue"]
    if not matches(filter_["FilterPattern"], line):
        if "DefaultValue" not in made:
            return []
        value = made["DefaultValue"]
    pairs = [(one["Key"], line.get(one["Value"][2:])) for one in made.get("Dimensions", [])]
    if not all(isinstance(value, str) for _, value in pairs):
        return []
    metric = Metric(made["MetricNamespace"], made["MetricName"], frozenset(map(_pair, pairs)))
    return [Point(metric, at, float(value))]


def _pair(pair: tuple[str, Any]) -> tuple[str, str]:
    return pair[0], str(pair[1])


def state(alarm: Mapping[str, Any], points: Sequence[Point], before: str = "OK") -> str:
    """Give the state of an alarm now: ``OK`` or ``ALARM``.

    Parameters
    ----------
    alarm
        Its properties.
    points
        The values of all metrics.
    before
        Its state until now, which it keeps where missing data are ignored.
    """
    periods = alarm["EvaluationPeriods"]
    looked_at = _values(alarm, points, periods + _EARLIER)
    found = [value for value in looked_at if value is not None][:periods]  # the latest come first
    breaches = _BREACHES[alarm["ComparisonOperator"]]
    breaching = sum(breaches(value, alarm["Threshold"]) for value in found)
    missing = periods - len(found)
    if alarm["TreatMissingData"] == "ignore" and missing and breaching == len(found):
        return before
    if alarm["TreatMissingData"] == "breaching":
        breaching += missing
    return "ALARM" if breaching >= alarm.get("DatapointsToAlarm", periods) else "OK"


def metrics_of(alarm: Mapping[str, Any]) -> list[Metric]:
    """Give the metrics that an alarm looks at."""
    asked = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    return [_metric(one) for one in asked or [alarm]]


def _metric(named: Mapping[str, Any]) -> Metric:
    dimensions = frozenset((one["Name"], one["Value"]) for one in named.get("Dimensions", []))
    return Metric(named["Namespace"], named["MetricName"], dimensions)


def _values(alarm: Mapping[str, Any], points: Sequence[Point], periods: int) -> list[float | None]:
    """Give the value of each period, the latest first."""
    if "Metrics" not in alarm:
        return _statistics(alarm, alarm["Statistic"], alarm["Period"], points, periods)
    known = {}
    for one in alarm["Metrics"]:
        if asked := one.get("MetricStat"):
            known[one["Id"]] = _statistics(
                asked["Metric"], asked["Stat"], asked["Period"], points, periods
            )
    (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    return _evaluated(expression, known)


def _statistics(
    named: Mapping[str, Any], statistic: str, seconds: int, points: Sequence[Point], periods: int
) -> list[float | None]:
    metric = _metric(named)
    return [_statistic(metric, statistic, seconds, points, -index) for index in range(periods)]


def _statistic(
    metric: Metric, statistic: str, seconds: int, points: Sequence[Point], period: int
) -> float | None:
    begin = (period - 1) * seconds
    values = [
        point.value
        for point in points
        if point.metric == metric and 0 <= point.at - begin < seconds
    ]
    return _STATISTICS[statistic](values) if values else None


def _evaluated(expression: str, known: Mapping[str, Sequence[float | None]]) -> list[float | None]:
    if total := _SUM.fullmatch(expression):
        filled = [_filled(known[name]) for name in re.findall(r"FILL\((\w+)", total["terms"])]
        return [_added(values) for values in zip(*filled, strict=True)]
    if count := _COUNT.fullmatch(expression):
        held = [
            [None if value is None else float(value >= int(least)) for value in known[name]]
            for name, least in re.findall(r"(\w+) >= (\d+)", count["terms"])
        ]
        return [_added(values) for values in zip(*held, strict=True)]
    if both := _PLUS.fullmatch(expression):
        # The user guide says that a missing one is 0, others that then there is no sum: the worse.
        pairs = zip(known[both["left"]], known[both["right"]], strict=True)
        return [None if left is None or right is None else left + right for left, right in pairs]
    raise ValueError(f"this expression is not known here: {expression}")


def _filled(values: Sequence[float | None]) -> Sequence[float | None]:
    """Fill with 0 what is missing, the latest period included; an empty series stays empty."""
    if all(value is None for value in values):
        return values
    return [value or 0.0 for value in values]


def _added(values: Sequence[float | None]) -> float | None:
    """Add values of an array, of which a missing one is 0; of none there is no sum."""
    there = [value for value in values if value is not None]
    return sum(there) if there else None
