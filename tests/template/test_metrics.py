"""The stand-in for CloudWatch: what filters match, what alarms sum up, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.metrics import Metric, Point, counted, matches, state

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
        '{ ($.a = "1") }',
    ],
)
def test_a_pattern_that_is_not_known_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        matches(pattern, {"a": "1"})


def test_a_filter_counts_by_the_dimension_that_the_line_names() -> None:
    filter_ = {
        "FilterPattern": '{ $.outcome = "*" }',
        "MetricTransformations": [
            {
                "MetricNamespace": "Ours",
                "MetricName": "Webhooks",
                "MetricValue": "1",
                "Dimensions": [{"Key": "outcome", "Value": "$.outcome"}],
            }
        ],
    }
    kept = Metric("Ours", "Webhooks", frozenset({("outcome", "kept")}))
    assert counted(filter_, {"outcome": "kept"}, -5) == [Point(kept, -5, 1)]
    assert counted(filter_, {"message": "INIT_START"}, -5) == []


def alarm(**changes: Any) -> dict[str, Any]:
    """Give an alarm for three in a minute, in two minutes of three."""
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
    ("points", "reached"),
    [
        ([], "OK"),
        (at(10, 20, 30), "OK"),
        (at(10, 20, 30, 70, 80), "OK"),
        (at(10, 20, 30, 70, 80, 90), "ALARM"),
        (at(10, 20, 30, 130, 140, 150), "ALARM"),
        (at(10, 20, 30, 190, 200, 210), "OK"),
        (at(10, 70, value=3), "ALARM"),
    ],
)
def test_an_alarm_counts_the_periods_that_breach(points: list[Point], reached: str) -> None:
    assert state(alarm(), points) == reached


@pytest.mark.parametrize(
    ("treated", "points", "before", "reached"),
    [
        ("breaching", [], "OK", "ALARM"),
        ("breaching", at(10, 70), "OK", "OK"),
        ("notBreaching", [], "ALARM", "OK"),
        ("ignore", [], "ALARM", "ALARM"),
        ("ignore", [], "OK", "OK"),
        ("ignore", at(10, 70), "ALARM", "OK"),
        ("ignore", at(10, 70, value=3), "OK", "ALARM"),
    ],
)
def test_missing_data_are_treated_as_the_alarm_says(
    treated: str, points: list[Point], before: str, reached: str
) -> None:
    assert state(alarm(TreatMissingData=treated), points, before) == reached


def test_the_maximum_of_a_period_is_not_its_sum() -> None:
    assert state(alarm(Statistic="Maximum"), at(10, 20, 30, 70, 80, 90)) == "OK"


def of_two(expression: str) -> dict[str, Any]:
    """Give an alarm for three of two metrics together."""
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
    made = alarm(EvaluationPeriods=1, Metrics=[{"Id": "all", "Expression": expression}, *queries])
    del made["DatapointsToAlarm"], made["MetricName"]
    return made


@pytest.mark.parametrize(
    ("expression", "with_one", "with_both"),
    [("SUM([FILL(warm, 0), FILL(cold, 0)])", "ALARM", "ALARM"), ("warm + cold", "OK", "ALARM")],
)
def test_a_sum_that_is_filled_bears_a_metric_without_data_and_a_plain_one_does_not(
    expression: str, with_one: str, with_both: str
) -> None:
    one = at(10, value=3)
    both = [*one, Point(Metric("Ours", "Cold"), -10, 0)]
    assert state(of_two(expression), one) == with_one
    assert state(of_two(expression), both) == with_both


def test_an_expression_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="expression"):
        state(of_two("RATE(warm)"), [])
