"""The test double of CloudWatch: what filters match, what alarms add up, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloudwatch import Metric, Point, counted, matches, state

WARM = Metric("Ours", "Warm")


@pytest.mark.parametrize(
    ("pattern", "line", "matched"),
    [
        ('{ $.outcome = "heard" }', {"outcome": "heard"}, True),
        ('{ $.outcome = "heard" }', {"outcome": "Heard"}, False),
        ('{ $.outcome = "heard" }', {"outcome": "overheard"}, False),
        ('{ $.outcome = "*" }', {"outcome": "anything"}, True),
        ('{ $.outcome = "*" }', {"outcome": None}, False),
        ('{ $.outcome = "*" }', {}, False),
        ('{ $.of = "CON-*" }', {"of": "CON-1"}, True),
        ('{ $.of = "CON-*" }', {"of": "0000"}, False),
        ("{ $.ms >= 3000 }", {"ms": 3000}, True),
        ("{ $.ms >= 3000 }", {"ms": 2999.9}, False),
        ("{ $.ms >= 3000 }", {"ms": "4000"}, False),
        ('{ $.a = "1" && $.b >= 2 }', {"a": "1", "b": 2}, True),
        ('{ $.a = "1" && $.b >= 2 }', {"a": "1", "b": 1}, False),
        ('{ $.b >= 2 && ($.a = "1" || $.a = "2") }', {"a": "2", "b": 2}, True),
        ('{ $.b >= 2 && ($.a = "1" || $.a = "2") }', {"a": "3", "b": 2}, False),
        ('{ $.b >= 2 && ($.a = "1" || $.a = "2") }', {"a": "1", "b": 1}, False),
        ('{ ($.a = "1") }', {"a": "1"}, True),
    ],
)
def test_a_pattern_matches_what_cloudwatch_would(
    pattern: str, line: dict[str, Any], matched: bool
) -> None:
    assert matches(pattern, line) is matched


@pytest.mark.parametrize(
    "pattern",
    [
        "ERROR",
        '{ $.a != "1" }',
        '{ $.a = "1" || $.b = "2" }',
        '{ $.a.b = "1" }',
        "{ $.a NOT EXISTS }",
        '{ $.a >= "1" }',
        "{ $.a = 1 }",
        '{$.a = "1"}',
        '{ ($.a = "1" && $.b = "2") }',
        '{ ($.a = "1" || ERROR) }',
        '{ $.a = "2" && ERROR }',
    ],
)
def test_an_unsupported_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        matches(pattern, {"a": "1"})


def filtering(pattern: str, **more: Any) -> dict[str, Any]:
    """Return a metric filter for the metric Warm."""
    count = {"MetricNamespace": "Ours", "MetricName": "Warm", "MetricValue": "1"}
    return {"FilterPattern": pattern, "MetricTransformations": [count | more]}


BY_OUTCOME = [{"Key": "outcome", "Value": "$.outcome"}]


def test_a_filter_takes_the_dimension_from_the_line() -> None:
    filter_ = filtering('{ $.outcome = "*" }', Dimensions=BY_OUTCOME)
    stored = WARM._replace(dimensions=frozenset({("outcome", "kept")}))
    assert counted(filter_, {"outcome": "kept"}, -5) == [Point(stored, -5, 1)]
    assert counted(filter_, {"message": "INIT_START"}, -5) == []


def test_a_filter_with_a_default_publishes_it_for_every_other_line() -> None:
    filter_ = filtering('{ $.outcome = "heard" }', DefaultValue=0)
    assert counted(filter_, {"outcome": "heard"}, -5) == [Point(WARM, -5, 1)]
    assert counted(filter_, {"outcome": "silent"}, -5) == [Point(WARM, -5, 0)]


def test_a_filter_with_a_default_and_dimensions_is_refused() -> None:
    filter_ = filtering('{ $.outcome = "*" }', Dimensions=BY_OUTCOME, DefaultValue=0)
    with pytest.raises(ValueError, match="cannot have a default value"):
        counted(filter_, {"outcome": "kept"}, -5)


def alarm(**changes: Any) -> dict[str, Any]:
    """Return an alarm that fires on three in a minute, in two of three minutes."""
    return {
        "Namespace": "Ours",
        "MetricName": "Warm",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 3,
        "TreatMissingData": "notBreaching",
    } | changes


def at(*seconds: float, value: float = 1) -> list[Point]:
    return [Point(WARM, -one, value) for one in seconds]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], "OK"),
        (at(10, 20, 30), "OK"),
        (at(10, 20, 30, 70, 80), "OK"),
        (at(10, 70, 190, value=3), "ALARM"),
        (at(10, 20, 30, 70, 80, 90), "ALARM"),
        (at(10, 20, 30, 130, 140, 150), "ALARM"),
        (at(10, 20, 30, 310, 320, 330), "OK"),
        (at(10, 70, value=3), "ALARM"),
    ],
)
def test_an_alarm_counts_the_breaching_periods(points: list[Point], expected: str) -> None:
    assert state(alarm(), points) == expected


# The tables of the user guide, "How alarm state is evaluated when data is missing": five periods,
# the latest last; 0 does not breach, X breaches, - is missing.
@pytest.mark.parametrize(
    ("needed", "periods", "ignore", "breaching", "not_breaching"),
    [
        (3, "0-X-X", "OK", "OK", "OK"),
        (3, "0----", "OK", "OK", "OK"),
        (3, "-----", "as before", "ALARM", "OK"),
        (3, "0XX-X", "ALARM", "ALARM", "ALARM"),
        (3, "----X", "as before", "ALARM", "OK"),
        (3, "X----", "as before", "ALARM", "OK"),
        (2, "0-X-X", "ALARM", "ALARM", "ALARM"),
        (2, "00X0X", "ALARM", "ALARM", "ALARM"),
        (2, "0-X--", "OK", "ALARM", "OK"),
        (2, "----0", "OK", "ALARM", "OK"),
        (2, "----X", "as before", "ALARM", "OK"),
    ],
)
def test_missing_data_is_treated_as_in_the_user_guide(
    needed: int, periods: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    points = [
        Point(WARM, -60.0 * index - 30, 3 if sign == "X" else 0)
        for index, sign in enumerate(reversed(periods))
        if sign != "-"
    ]
    states = {"ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treatment, after in states.items():
        properties = alarm(DatapointsToAlarm=needed, TreatMissingData=treatment)
        for before in ("OK", "ALARM"):
            expected = before if after == "as before" else after
            assert state(properties, points, before) == expected, treatment


def test_the_maximum_of_a_period_is_not_its_sum() -> None:
    assert state(alarm(Statistic="Maximum"), at(10, 20, 30, 70, 80, 90)) == "OK"


def of_two(expression: str) -> dict[str, Any]:
    """Return an alarm that fires on three of two metrics together."""
    queries = [
        {
            "Id": name.lower(),
            "MetricStat": {
                "Stat": "Sum",
                "Period": 60,
                "Metric": {"Namespace": "Ours", "MetricName": name},
            },
        }
        for name in ("Warm", "Cold")
    ]
    metrics = [{"Id": "all", "Expression": expression}, *queries]
    properties = alarm(EvaluationPeriods=1, Metrics=metrics)
    del properties["DatapointsToAlarm"], properties["MetricName"]
    return properties


FILLED = "SUM(FILL(METRICS(), 0))"


@pytest.mark.parametrize(
    ("expression", "with_one", "with_both"),
    [(FILLED, "ALARM", "ALARM"), ("warm + cold", "OK", "ALARM")],
)
def test_the_sum_of_an_array_ignores_a_metric_without_data_but_a_plus_does_not(
    expression: str, with_one: str, with_both: str
) -> None:
    one = at(10, value=3)
    both = [*one, Point(Metric("Ours", "Cold"), -10, 0)]
    assert state(of_two(expression), one) == with_one
    assert state(of_two(expression), both) == with_both
    assert state(of_two(expression), []) == "OK"


def test_fill_hides_a_late_value() -> None:
    late = at(70, value=3)
    assert state(alarm(EvaluationPeriods=1, DatapointsToAlarm=1), late) == "ALARM"
    assert state(of_two(FILLED), late) == "OK"
    assert state(of_two(FILLED) | {"EvaluationPeriods": 3, "DatapointsToAlarm": 1}, late) == "ALARM"


def test_a_comparison_without_fill_hides_that_of_another_metric() -> None:
    bare = of_two("SUM([IF(warm >= 3, 1, 0), IF(cold >= 7, 1, 0)])") | {"Threshold": 1}
    assert state(bare, at(10, value=3)) == "OK"
    assert state(bare, [*at(10, value=3), Point(Metric("Ours", "Cold"), -10, 6)]) == "ALARM"


def test_each_metric_is_compared_with_its_own_limit() -> None:
    near = of_two("SUM([IF(FILL(warm, 0) >= 3, 1, 0), IF(FILL(cold, 0) >= 7, 1, 0)])")
    near |= {"Threshold": 1}
    assert state(near, []) == "OK"
    assert state(near, at(10, value=2)) == "OK"
    assert state(near, at(10, value=3)) == "ALARM"
    assert state(near, [Point(Metric("Ours", "Cold"), -10, 6)]) == "OK"
    assert state(near, [Point(Metric("Ours", "Cold"), -10, 7)]) == "ALARM"


def test_an_unsupported_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="expression"):
        state(of_two("RATE(warm)"), [])
