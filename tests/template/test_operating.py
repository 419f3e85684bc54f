"""What keeps a stack running: who is told, what is shown, how new code comes, what cannot go."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cloudwatch import Metric, metrics_of
from tests.support.transformed_template import EVERYTHING, TEMPLATE, resources

if TYPE_CHECKING:
    from collections.abc import Iterator

    Resources = dict[str, dict[str, Any]]

FUNCTIONS = TEMPLATE.parent / "functions"
# The metrics that AWS publishes, with their one dimension: user guides of Lambda, SQS, DynamoDB,
# and API Gateway ("HTTP API metrics").
AWS = {
    "AWS/Lambda": (
        "FunctionName",
        "AWS::Lambda::Function",
        {"Invocations", "Errors", "Throttles", "Duration"},
    ),
    "AWS/SQS": (
        "QueueName",
        "AWS::SQS::Queue",
        {
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateAgeOfOldestMessage",
        },
    ),
    "AWS/DynamoDB": ("TableName", "AWS::DynamoDB::Table", {"WriteThrottleEvents"}),
    "AWS/ApiGateway": ("ApiId", "AWS::ApiGatewayV2::Api", {"Count", "4xx", "5xx"}),
}
SWITCHES = {
    "Monitoring": "ApologiesAlarm",
    "Heartbeat": "HeartbeatFunction",
    "GradualDeployment": "AnswerFunctionDeploymentGroup",
}


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}


def watched_by(alarm: dict[str, Any]) -> set[str]:
    """Give the functions whose metrics an alarm adds up."""
    metrics = metrics_of(alarm["Properties"])
    return {function for metric in metrics for _, function in metric.dimensions}


def exists(metric: Metric, resources: Resources) -> bool:
    """Say whether anything publishes a metric: AWS of a resource, or a filter of this template."""
    if metric.namespace in AWS:
        dimension, kind, names = AWS[metric.namespace]
        called = {name.removesuffix(".QueueName") for _, name in metric.dimensions}
        keys = {key for key, _ in metric.dimensions}
        known = set(of_type(resources, kind))
        return metric.name in names and keys == {dimension} and called <= known
    for one in of_type(resources, "AWS::Logs::MetricFilter").values():
        (made,) = one["MetricTransformations"]
        keys = {dimension["Key"] for dimension in made.get("Dimensions", [])}
        if (made["MetricNamespace"], made["MetricName"]) == metric[:2]:
            return keys == {key for key, _ in metric.dimensions}
    return False


def shown(resources: Resources) -> Iterator[Metric]:
    """Give the metrics of the dashboard."""
    for widget in widgets(resources, "metric"):
        for namespace, name, *rest in widget["metrics"]:
            pairs = rest[:-1]  # what is last says how it is drawn
            dimensions = frozenset(zip(pairs[::2], pairs[1::2], strict=True))
            yield Metric(namespace, name, dimensions)


def widgets(resources: Resources, kind: str) -> list[dict[str, Any]]:
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"])
    return [one["properties"] for one in body["widgets"] if one["type"] == kind]


# Alarms


def test_every_alarm_looks_at_metrics_that_exist(production: Resources) -> None:
    alarms = of_type(production, "AWS::CloudWatch::Alarm")
    wanted = {metric for alarm in alarms.values() for metric in metrics_of(alarm)}
    assert [metric for metric in wanted if not exists(metric, production)] == []


@pytest.mark.parametrize(
    "metric",
    [
        Metric("AWS/Lambda", "Failures", frozenset({("FunctionName", "AnswerFunction")})),
        Metric("AWS/Lambda", "Errors", frozenset({("FunctionName", "NoFunction")})),
        Metric("AWS/Lambda", "Errors", frozenset({("Function", "AnswerFunction")})),
        Metric("VonageVoice/voice-local", "Webhook", frozenset({("outcome", "apology")})),
        Metric("VonageVoice/voice-local", "Webhooks"),
    ],
)
def test_a_metric_that_nothing_publishes_would_be_seen(
    production: Resources, metric: Metric
) -> None:
    assert not exists(metric, production)


def test_every_alarm_tells_the_topic_when_it_begins_and_ends_and_says_where_to_read_on(
    production: Resources,
) -> None:
    for alarm in of_type(production, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["AlarmTopic"]
        section = alarm["AlarmName"].removeprefix("voice-local-")
        assert alarm["AlarmDescription"].endswith(f" What to do: docs/operate.md#{section}")
        assert alarm.get("ActionsEnabled", True) is True
        returned = [one for one in alarm.get("Metrics", []) if one.get("ReturnData", True)]
        assert [set(one) for one in returned] in ([], [{"Id", "Expression", "Label"}])
        assert alarm["TreatMissingData"] in ("breaching", "notBreaching", "ignore")


def test_every_alarm_has_a_section_that_says_what_to_do(production: Resources) -> None:
    alarms = of_type(production, "AWS::CloudWatch::Alarm").values()
    names = {alarm["AlarmName"].removeprefix("voice-local-") for alarm in alarms}
    text = (TEMPLATE.parent / "docs" / "operate.md").read_text()
    sections = dict(re.findall(r"^### ([a-z-]+)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == names
    for section in sections.values():
        assert "**Means**" in section
        assert "**Do**" in section
        assert "```console\n$ " in section


def test_every_outcome_that_is_looked_at_is_one_that_a_function_says(production: Resources) -> None:
    said = "".join(path.read_text() for path in FUNCTIONS.rglob("*.py"))
    alarms = of_type(production, "AWS::CloudWatch::Alarm")
    looked_at = [metric for alarm in alarms.values() for metric in metrics_of(alarm)]
    outcomes = {
        value
        for metric in (*looked_at, *shown(production))
        for key, value in metric.dimensions
        if key == "outcome"
    }
    assert outcomes
    assert {outcome for outcome in outcomes if f'"{outcome}"' not in said} == set()


WAITED_FOR = {"AnswerLogs", "DtmfLogs", "AsrLogs", "NotificationLogs"}


@pytest.mark.parametrize(
    ("metric", "groups"),
    [
        ("Webhooks", WAITED_FOR | {"EventLogs", "RecordingsLogs"}),
        ("SwitchboardUnread", WAITED_FOR | {"EventLogs", "RecordingsLogs"}),
        ("SlowReplies", WAITED_FOR),
    ],
)
def test_the_lines_of_every_webhook_are_counted_and_all_alike(
    production: Resources, metric: str, groups: set[str]
) -> None:
    filters = [
        one
        for one in of_type(production, "AWS::Logs::MetricFilter").values()
        if one["MetricTransformations"][0]["MetricName"] == metric
    ]
    assert sorted(one["LogGroupName"] for one in filters) == sorted(groups)
    first, *others = [{k: v for k, v in one.items() if k != "LogGroupName"} for one in filters]
    assert all(one == first for one in others)


def test_what_is_near_its_timeout_has_taken_nine_tenths_of_it(production: Resources) -> None:
    alarm = production["NearTimeoutAlarm"]["Properties"]
    (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    limits = {name: int(least) for name, least in re.findall(r"(\w+) >= (\d+)", expression)}
    asked = {one["Id"]: one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one}
    assert set(limits) == set(asked)
    for name, one in asked.items():
        assert (one["Metric"]["MetricName"], one["Stat"]) == ("Duration", "Maximum")
        function = production[one["Metric"]["Dimensions"][0]["Value"]]["Properties"]
        assert limits[name] == function["Timeout"] * 900  # milliseconds


def test_who_is_not_watched_for_being_near_a_timeout_has_a_caller_waiting_or_nothing_to_do(
    production: Resources,
) -> None:
    watched = watched_by(production["NearTimeoutAlarm"])
    slow = {
        one["LogGroupName"].removesuffix("Logs") + "Function"
        for one in of_type(production, "AWS::Logs::MetricFilter").values()
        if one["MetricTransformations"][0]["MetricName"] == "SlowReplies"
    }
    assert not watched & slow
    rest = set(of_type(production, "AWS::Lambda::Function")) - watched - slow
    assert rest == {"FallbackFunction", "HeartbeatFunction"}


def test_what_an_alarm_adds_up_is_what_cloudwatch_takes(production: Resources) -> None:
    """As many as ten metrics, all of one period (CloudWatch user guide, "Alarms on math")."""
    for alarm in of_type(production, "AWS::CloudWatch::Alarm").values():
        asked = [one["MetricStat"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        assert len(asked) <= 10
        assert len({one["Period"] for one in asked}) <= 1


def test_the_topic_is_encrypted_with_a_key_that_alarms_may_use(production: Resources) -> None:
    assert production["AlarmTopic"]["Properties"]["KmsMasterKeyId"] == "AlarmKey.Arn"
    key = production["AlarmKey"]["Properties"]
    assert key["EnableKeyRotation"] is True
    (alarms,) = [
        one for one in key["KeyPolicy"]["Statement"] if one["Principal"] != {"AWS": _root()}
    ]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(alarms["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def _root() -> str:
    return "arn:aws:iam::123456789012:root"


def test_an_address_is_told_only_where_there_is_one(production: Resources) -> None:
    subscription = production["AlarmEmailSubscription"]["Properties"]
    assert subscription["Protocol"] == "email"
    assert "AlarmEmailSubscription" not in resources(**EVERYTHING | {"AlarmEmail": ""})


# The dashboard


def test_every_widget_shows_metrics_that_exist(production: Resources) -> None:
    metrics = list(shown(production))
    assert len(metrics) > 50
    assert [metric for metric in metrics if not exists(metric, production)] == []


def test_the_dashboard_begins_with_all_alarms_and_with_whether_callers_are_served(
    production: Resources,
) -> None:
    (alarms,) = widgets(production, "alarm")
    wanted = [f"{name}.Arn" for name in of_type(production, "AWS::CloudWatch::Alarm")]
    assert sorted(alarms["alarms"]) == sorted(wanted)
    first = widgets(production, "metric")[0]
    shown_first = [metric[1] for metric in first["metrics"]]
    assert shown_first == ["CallsAnswered", "Webhooks", "Invocations", "BeatsHeard"]


def test_the_dashboard_reads_log_groups_that_exist(production: Resources) -> None:
    (log,) = widgets(production, "log")
    groups = set(re.findall(r"SOURCE '(\w+)'", log["query"]))
    assert groups == set(of_type(production, "AWS::Logs::LogGroup")) - {"ApiLogs", "HeartbeatLogs"}


def test_no_widget_covers_another(production: Resources) -> None:
    body = json.loads(production["Dashboard"]["Properties"]["DashboardBody"])
    cells = [
        (x, y)
        for one in body["widgets"]
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_the_dashboard_does_without_the_heartbeat() -> None:
    without = resources(**EVERYTHING | {"Heartbeat": "never"})
    (alarms,) = widgets(without, "alarm")
    assert "CallersHearNothingAlarm.Arn" not in alarms["alarms"]
    assert "CallersHearNothingAlarm" not in without


# What is where


@pytest.mark.parametrize(("parameter", "made"), SWITCHES.items())
@pytest.mark.parametrize(
    ("value", "stage", "there"),
    [
        ("production", "production", True),
        ("production", "staging", False),
        ("production", "development", False),
        ("always", "development", True),
        ("never", "production", False),
    ],
)
def test_what_costs_something_is_in_production_or_where_it_is_asked_for(
    parameter: str, made: str, value: str, stage: str, there: bool
) -> None:
    stack = resources(**{"Stage": stage, parameter: value})
    assert (made in stack) is there


def test_a_stack_whose_parameters_nobody_set_has_nothing_of_this(development: Resources) -> None:
    kinds = {one["Type"].split("::")[1] for one in development.values()}
    assert not kinds & {"CloudWatch", "SNS", "KMS", "CodeDeploy", "Events"}
    assert not of_type(development, "AWS::Logs::MetricFilter")


# Deployment


def test_new_code_is_tried_by_some_and_rolled_back_by_alarms_that_name_functions(
    production: Resources,
) -> None:
    groups = of_type(production, "AWS::CodeDeploy::DeploymentGroup")
    functions = set(of_type(production, "AWS::Lambda::Function")) - {"HeartbeatFunction"}
    assert set(groups) == {f"{name}DeploymentGroup" for name in functions}
    for group in groups.values():
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        watching = [one["Name"] for one in group["AlarmConfiguration"]["Alarms"]]
        assert watching == ["FunctionErrorsAlarm", "UnforeseenErrorsAlarm", "ApologiesAlarm"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    for name in ("FunctionErrorsAlarm", "UnforeseenErrorsAlarm", "ApologiesAlarm"):
        metrics = metrics_of(production[name]["Properties"])
        assert {metric.namespace for metric in metrics} & {"AWS/ApiGateway"} == set()


def test_the_errors_of_every_function_that_is_deployed_so_are_watched(
    production: Resources,
) -> None:
    watched = watched_by(production["FunctionErrorsAlarm"])
    functions = set(of_type(production, "AWS::Lambda::Function"))
    assert watched == functions - {"HeartbeatFunction"}


def test_an_alarm_that_rolls_back_looks_at_no_more_than_the_five_minutes_of_the_trial(
    production: Resources,
) -> None:
    for name in ("FunctionErrorsAlarm", "UnforeseenErrorsAlarm", "ApologiesAlarm"):
        alarm = production[name]["Properties"]
        periods = {one["MetricStat"]["Period"] for one in alarm.get("Metrics", [])[1:]}
        assert (periods or {alarm["Period"]}) == {60}
        assert alarm["EvaluationPeriods"] <= 5
        assert alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) == 1


def test_without_alarms_new_code_still_comes_gradually() -> None:
    stack = resources(**EVERYTHING | {"Monitoring": "never"})
    group = stack["AnswerFunctionDeploymentGroup"]["Properties"]
    assert not group.get("AlarmConfiguration")


# A host name of one's own


def test_a_domain_leads_to_the_api_with_todays_tls(production: Resources) -> None:
    domain = production["Domain"]["Properties"]
    (configuration,) = domain["DomainNameConfigurations"]
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    assert configuration["CertificateArn"] == EVERYTHING["CertificateArn"]
    mapping = production["DomainMapping"]["Properties"]
    assert (mapping["ApiId"], mapping["Stage"]) == ("Api", "ApiApiGatewayDefaultStage")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, ""),
        ({"DomainName": "voice.example.com"}, "https://voice.example.com"),
        (
            {"DomainName": "voice.example.com", "PublicBaseUrl": "https://proxy.example.com/v"},
            "https://proxy.example.com/v",
        ),
    ],
)
def test_the_public_address_follows_the_domain_unless_another_is_given(
    given: dict[str, str], address: str
) -> None:
    stack = resources(Heartbeat="always", **given)
    answer = stack["AnswerFunction"]["Properties"]["Environment"]["Variables"]
    assert answer["PUBLIC_BASE_URL"] == address
    beats = stack["HeartbeatFunction"]["Properties"]["Environment"]["Variables"]
    assert beats["ANSWER_URL"] == (address or "Api.ApiEndpoint") + "/webhooks/answer"


def test_a_stack_without_a_domain_has_none(development: Resources) -> None:
    assert not {"Domain", "DomainMapping"} & set(development)


# What cannot go


@pytest.mark.parametrize(
    ("stage", "value", "protected"),
    [
        ("production", "production", True),
        ("production", "never", False),
        ("development", "production", False),
        ("development", "always", True),
    ],
)
def test_table_and_bucket_refuse_to_be_deleted_where_that_is_asked_for(
    stage: str, value: str, protected: bool
) -> None:
    stack = resources(Stage=stage, DeletionProtection=value)
    assert stack["EventsTable"]["Properties"]["DeletionProtectionEnabled"] is protected
    policy = stack["RecordingsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    denied = {one["Action"] for one in policy if one["Effect"] == "Deny"}
    assert ("s3:DeleteBucket" in denied) is protected


# The heartbeat


def test_a_beat_comes_each_minute_and_is_not_repeated(production: Resources) -> None:
    (rule,) = of_type(production, "AWS::Events::Rule").values()
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (config,) = of_type(production, "AWS::Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 0
