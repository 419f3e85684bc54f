"""Alarms, the dashboard, deployments, the domain, deletion protection and the heartbeat."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cloudwatch import Metric, matches, metrics_of
from tests.support.transformed_template import EVERYTHING, TEMPLATE, outputs, resources

if TYPE_CHECKING:
    from collections.abc import Iterator

    Resources = dict[str, dict[str, Any]]

FUNCTIONS = TEMPLATE.parent / "functions"
# Metrics that AWS publishes, and their dimension: user guides of Lambda, SQS, DynamoDB, and API
# Gateway ("HTTP API metrics").
AWS = {
    "AWS/Lambda": (
        "FunctionName",
        "AWS::Lambda::Function",
        {"Invocations", "Errors", "Throttles", "Duration", "IteratorAge"},
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
# The resources that a parameter switches on and off.
SWITCHES = {
    "Monitoring": {"ApologiesAlarm", "Dashboard", "WebhookOutcomes", "HeartbeatFunction"},
    "GradualDeployment": {"AnswerFunctionDeploymentGroup"},
}
# New code gets all requests at once: nobody on the phone waits for these.
AT_ONCE = {"HeartbeatFunction", "PublishEventsFunction", "ListenFunction"}
WAITED_FOR = {"AnswerFunction", "DtmfFunction", "AsrFunction", "NotificationFunction"}
SERVED = ["CallsAnswered", "Webhooks apology", "Invocations FallbackFunction", "BeatsHeard"]


def each(metric: str, values: str) -> list[str]:
    return [f"{metric} {value}" for value in values.split()]


FUNCTIONS_IN_ORDER = (
    "AnswerFunction DtmfFunction AsrFunction NotificationFunction EventFunction"
    " RecordingsFunction FallbackFunction CallsFunction"
)
# The dashboard's graphs: title, statistic, period in seconds (None: of the whole time), metrics.
GRAPHS: list[tuple[str, str, int | None, list[str]]] = [
    ("The last three hours", "Sum", None, SERVED),
    ("Calls answered and not answered", "Sum", 60, SERVED),
    (
        "Webhooks refused or failed",
        "Sum",
        60,
        each("Webhooks", "rejected unsigned invalid too_large transient error"),
    ),
    (
        "How long callers wait (maximum, ms; Vonage times out after 5,000)",
        "Maximum",
        60,
        each("Duration", "AnswerFunction DtmfFunction AsrFunction NotificationFunction"),
    ),
    (
        "Slow responses, and NCCOs that Vonage could not execute",
        "Sum",
        60,
        ["SlowReplies", "NccoErrors"],
    ),
    (
        "Failed invocations",
        "Sum",
        60,
        each(
            "Errors",
            f"{FUNCTIONS_IN_ORDER} DrainFunction FetchRecordingFunction"
            " PublishEventsFunction ListenFunction",
        ),
    ),
    ("Throttled requests", "Sum", 60, each("Throttles", f"{FUNCTIONS_IN_ORDER} ListenFunction")),
    ("API", "Sum", 60, ["Count Api", "4xx Api", "5xx Api"]),
    (
        "Events",
        "Sum",
        60,
        [
            *each("Webhooks", "kept repeat queued overflowed not_stored"),
            "WriteThrottleEvents EventsTable",
        ],
    ),
    (
        "Waiting messages",
        "Maximum",
        300,
        each(
            "ApproximateNumberOfMessagesVisible",
            "OverflowQueue.QueueName RecordingsQueue.QueueName CallEventsQueue.QueueName"
            " OverflowDeadLetterQueue.QueueName RecordingsDeadLetterQueue.QueueName"
            " CallEventsDeadLetterQueue.QueueName",
        ),
    ),
    (
        "Age of the oldest waiting recording (s)",
        "Maximum",
        300,
        ["ApproximateAgeOfOldestMessage RecordingsQueue.QueueName"],
    ),
    (
        "Recordings",
        "Sum",
        60,
        each("Recordings", "stored repeat not_put_off failed dead"),
    ),
    (
        "Calls placed by the admin API",
        "Sum",
        60,
        each(
            "Requests",
            "placed repeated not_allowed cap_spent switched_off limited unknown undecided"
            " vonage_refused unauthorized key_unusable unavailable error",
        ),
    ),
    (
        "How long the other functions take (maximum, ms)",
        "Maximum",
        300,
        each(
            "Duration",
            "EventFunction RecordingsFunction CallsFunction DrainFunction FetchRecordingFunction"
            " PublishEventsFunction ListenFunction",
        ),
    ),
    (
        "Age of the oldest unread record of the stream (ms)",
        "Maximum",
        300,
        ["IteratorAge PublishEventsFunction"],
    ),
    ("Failed attempts to publish events and send mails", "Sum", 300, ["PublishFailures"]),
]


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}


def watched_by(alarm: dict[str, Any]) -> set[str]:
    """Return the functions whose metrics an alarm adds up."""
    metrics = metrics_of(alarm["Properties"])
    return {function for metric in metrics for _, function in metric.dimensions}


def exists(metric: Metric, resources: Resources) -> bool:
    """Return whether AWS or a metric filter of this template publishes a metric."""
    if metric.namespace in AWS:
        dimension, kind, names = AWS[metric.namespace]
        called = {name.removesuffix(".QueueName") for _, name in metric.dimensions}
        keys = {key for key, _ in metric.dimensions}
        known = set(of_type(resources, kind))
        return metric.name in names and keys == {dimension} and called <= known
    for one in of_type(resources, "AWS::Logs::MetricFilter").values():
        (transformation,) = one["MetricTransformations"]
        keys = {dimension["Key"] for dimension in transformation.get("Dimensions", [])}
        if (transformation["MetricNamespace"], transformation["MetricName"]) == metric[:2]:
            return keys == {key for key, _ in metric.dimensions}
    return False


def shown(graph: dict[str, Any]) -> Iterator[Metric]:
    """Yield the metrics of a graph, written out as CloudWatch reads the short forms.

    ``...`` repeats all values of the metric before except the last ones, and ``.`` repeats one.
    """
    before: list[str] = []
    for entry in graph["metrics"]:
        words = [word for word in entry if not isinstance(word, dict)]
        if words[0] == "...":
            words = [*before[: len(before) - len(words) + 1], *words[1:]]
        words = [before[index] if word == "." else word for index, word in enumerate(words)]
        namespace, name, *pairs = before = words
        yield Metric(namespace, name, frozenset(zip(pairs[::2], pairs[1::2], strict=True)))


def widgets(resources: Resources, kind: str) -> list[dict[str, Any]]:
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"])
    return [one["properties"] for one in body["widgets"] if one["type"] == kind]


# Alarms


def test_every_alarms_metrics_exist(production: Resources) -> None:
    alarms = of_type(production, "AWS::CloudWatch::Alarm")
    metrics = {metric for alarm in alarms.values() for metric in metrics_of(alarm)}
    assert [metric for metric in metrics if not exists(metric, production)] == []


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
def test_a_metric_that_nothing_publishes_is_found(production: Resources, metric: Metric) -> None:
    assert not exists(metric, production)


def test_every_alarm_notifies_the_topic_when_it_fires_and_clears_and_links_its_runbook(
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


def test_every_alarm_has_a_section_in_the_runbook(production: Resources) -> None:
    alarms = of_type(production, "AWS::CloudWatch::Alarm").values()
    names = {alarm["AlarmName"].removeprefix("voice-local-") for alarm in alarms}
    text = (TEMPLATE.parent / "docs" / "operate.md").read_text()
    sections = dict(re.findall(r"^### ([a-z-]+)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == names
    for section in sections.values():
        assert "**Means**" in section
        assert "**Do**" in section
        assert "```console\n$ " in section


def test_every_outcome_of_an_alarm_or_graph_is_in_the_code(production: Resources) -> None:
    code = "".join(path.read_text() for path in FUNCTIONS.rglob("*.py"))
    alarms = of_type(production, "AWS::CloudWatch::Alarm")
    metrics = [metric for alarm in alarms.values() for metric in metrics_of(alarm)]
    for graph in widgets(production, "metric"):
        metrics += shown(graph)
    outcomes = {value for metric in metrics for key, value in metric.dimensions if key == "outcome"}
    assert outcomes
    assert {outcome for outcome in outcomes if f'"{outcome}"' not in code} == set()


def test_every_metric_that_a_filter_publishes_is_read(production: Resources) -> None:
    """Each costs 0.30 dollars a month."""
    alarms = of_type(production, "AWS::CloudWatch::Alarm").values()
    read = {metric for alarm in alarms for metric in metrics_of(alarm)}
    for graph in widgets(production, "metric"):
        read |= set(shown(graph))
    published = set()
    for one in of_type(production, "AWS::Logs::MetricFilter").values():
        (transformation,) = one["MetricTransformations"]
        name = Metric(transformation["MetricNamespace"], transformation["MetricName"])
        outcomes = re.findall(r'\$\.outcome = "([\w*]+)"', one["FilterPattern"])
        published |= (
            {name._replace(dimensions=frozenset({("outcome", outcome)})) for outcome in outcomes}
            if "Dimensions" in transformation
            else {name}
        )
        assert len(one["FilterPattern"]) <= 1024  # the limit of PutMetricFilter
    assert published == {metric for metric in read if metric.namespace not in AWS}


def test_functions_publish_no_metrics_themselves() -> None:
    code = "".join(path.read_text() for path in FUNCTIONS.rglob("*.py"))
    for name in ("import Metrics", "powertools.metrics", "put_metric_data", "CloudWatchMetrics"):
        assert name not in code, name


def filter_of(resources: Resources, metric: str) -> dict[str, Any]:
    """Return the one filter that publishes a metric."""
    (found,) = [
        one
        for one in of_type(resources, "AWS::Logs::MetricFilter").values()
        if one["MetricTransformations"][0]["MetricName"] == metric
    ]
    return found


@pytest.mark.parametrize(
    ("metric", "logs"),
    [
        ("Webhooks", "WebhookLogs"),
        ("SwitchboardUnread", "WebhookLogs"),
        ("NoAgent", "WebhookLogs"),
        ("SlowReplies", "WebhookLogs"),
        ("GetHashMismatches", "WebhookLogs"),
        ("NccoErrors", "WebhookLogs"),
        ("CallsAnswered", "WebhookLogs"),
        ("Recordings", "FetchRecordingLogs"),
        ("PublishFailures", "PublishEventsLogs"),
        ("Requests", "CallsLogs"),
        ("BeatsHeard", "HeartbeatLogs"),
    ],
)
def test_a_metric_has_one_filter_on_the_lines_of_its_functions(
    production: Resources, metric: str, logs: str
) -> None:
    found = filter_of(production, metric)
    assert found["LogGroupName"] == logs
    (transformation,) = found["MetricTransformations"]
    assert (transformation["MetricValue"], transformation["Unit"]) == ("1", "Count")


def test_there_are_eleven_filters(production: Resources) -> None:
    assert len(of_type(production, "AWS::Logs::MetricFilter")) == 11


def slow(resources: Resources) -> set[str]:
    """Return the functions whose slow responses are counted."""
    pattern = filter_of(resources, "SlowReplies")["FilterPattern"]
    return {
        f"{route.capitalize()}Function" for route in re.findall(r'\$\.route = "(\w+)"', pattern)
    }


def test_slow_responses_are_counted_where_a_caller_waits(production: Resources) -> None:
    assert slow(production) == WAITED_FOR
    pattern = filter_of(production, "SlowReplies")["FilterPattern"]
    for route in ("answer", "dtmf", "asr", "notification"):
        assert matches(pattern, {"route": route, "ms": 3000})
        assert not matches(pattern, {"route": route, "ms": 2999.9})
    for line in ({"route": "event", "ms": 9000}, {"ms": 9000}):
        assert not matches(pattern, line)


def test_near_the_timeout_means_nine_tenths_of_it(production: Resources) -> None:
    alarm = production["NearTimeoutAlarm"]["Properties"]
    (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    limits = {
        name: int(least) for name, least in re.findall(r"FILL\((\w+), 0\) >= (\d+)", expression)
    }
    queries = {one["Id"]: one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one}
    assert set(limits) == set(queries)
    for name, one in queries.items():
        assert (one["Metric"]["MetricName"], one["Stat"]) == ("Duration", "Maximum")
        function = production[one["Metric"]["Dimensions"][0]["Value"]]["Properties"]
        assert limits[name] == function["Timeout"] * 900  # milliseconds


def test_only_these_functions_have_neither_a_timeout_alarm_nor_one_for_slow_responses(
    production: Resources,
) -> None:
    watched = watched_by(production["NearTimeoutAlarm"])
    assert not watched & slow(production)
    rest = set(of_type(production, "AWS::Lambda::Function")) - watched - slow(production)
    assert rest == {"FallbackFunction", "HeartbeatFunction"}


def test_an_alarm_adds_up_at_most_ten_metrics_of_one_period(production: Resources) -> None:
    """CloudWatch user guide, "Alarms on math"."""
    for alarm in of_type(production, "AWS::CloudWatch::Alarm").values():
        queries = [one["MetricStat"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        assert len(queries) <= 10
        assert len({one["Period"] for one in queries}) <= 1


def test_the_topic_is_encrypted_with_a_rotated_key(production: Resources) -> None:
    # tests/template/test_rights.py has the statements that let alarms use both.
    assert production["AlarmTopic"]["Properties"]["KmsMasterKeyId"] == "AlarmKey.Arn"
    assert production["AlarmKey"]["Properties"]["EnableKeyRotation"] is True


def test_the_topic_has_an_email_subscription_only_with_an_address(
    production: Resources,
) -> None:
    assert production["AlarmEmailSubscription"]["Properties"] == {
        "TopicArn": "AlarmTopic",
        "Protocol": "email",
        "Endpoint": EVERYTHING["AlarmEmail"],
    }
    assert "AlarmEmailSubscription" not in resources(**EVERYTHING | {"AlarmEmail": ""})


# The dashboard


def test_the_dashboard_has_these_graphs_of_metrics_that_exist(production: Resources) -> None:
    graphs = widgets(production, "metric")
    assert [
        (
            graph["title"],
            graph["stat"],
            graph.get("period"),
            [" ".join([metric.name, *dict(metric.dimensions).values()]) for metric in shown(graph)],
        )
        for graph in graphs
    ] == GRAPHS
    for graph in graphs:
        assert [metric for metric in shown(graph) if not exists(metric, production)] == []
        assert graph["region"] == "eu-west-1"


def test_the_first_graph_shows_numbers_and_the_others_time_series(production: Resources) -> None:
    first, *others = widgets(production, "metric")
    assert first["view"] == "singleValue"
    assert first["setPeriodToTimeRange"] is True
    assert not [one for one in others if {"view", "setPeriodToTimeRange"} & set(one)]


def test_the_short_forms_of_metrics_are_written_out() -> None:
    graph = {"metrics": [["N", "A", "k", "1", {"label": "a"}], ["...", "2"], [".", "B", ".", "3"]]}
    assert list(shown(graph)) == [
        Metric("N", "A", frozenset({("k", "1")})),
        Metric("N", "A", frozenset({("k", "2")})),
        Metric("N", "B", frozenset({("k", "3")})),
    ]


def test_the_dashboard_begins_with_all_alarms(production: Resources) -> None:
    (alarms,) = widgets(production, "alarm")
    expected = [f"{name}.Arn" for name in of_type(production, "AWS::CloudWatch::Alarm")]
    assert sorted(alarms["alarms"]) == sorted(expected)
    assert alarms["alarms"][0] == "CallersHearNothingAlarm.Arn"


def test_the_dashboard_queries_the_log_groups_of_all_functions_but_the_heartbeat(
    production: Resources,
) -> None:
    (log,) = widgets(production, "log")
    *sources, fields, level, sort, limit = log["query"].split(" | ")
    groups = {re.fullmatch(r"SOURCE '(\w+)'", source)[1] for source in sources}  # type: ignore[index]
    assert groups == set(of_type(production, "AWS::Logs::LogGroup")) - {"ApiLogs", "HeartbeatLogs"}
    assert fields == "fields @timestamp, message, route, outcome, detail"
    assert (level, sort) == ("filter level = 'ERROR'", "sort @timestamp desc")
    assert limit == "limit 20"


def test_the_widgets_fill_rows_of_the_dashboards_24_columns(production: Resources) -> None:
    """Without positions, CloudWatch places widgets from left to right."""
    body = json.loads(production["Dashboard"]["Properties"]["DashboardBody"])
    assert body["start"] == "-PT3H"
    column = 0
    heights: set[int] = set()
    for one in body["widgets"]:
        assert not {"x", "y"} & set(one)
        column += one["width"]
        heights.add(one["height"])
        assert column <= 24
        if column == 24:
            assert len(heights) == 1
            column, heights = 0, set()
    assert column == 0
    kinds = [one["type"] for one in body["widgets"]]
    assert kinds == ["alarm", "metric", "metric", "text", *["metric"] * 14, "log"]


# Stages


@pytest.mark.parametrize("parameter", SWITCHES)
@pytest.mark.parametrize(
    ("value", "stage", "present"),
    [
        ("production", "production", True),
        ("production", "staging", False),
        ("production", "development", False),
        ("always", "development", True),
        ("never", "production", False),
    ],
)
def test_a_parameter_adds_its_resources_in_production_or_in_every_stage(
    parameter: str, value: str, stage: str, present: bool
) -> None:
    stack = resources(**{"Stage": stage, parameter: value})
    assert SWITCHES[parameter] & set(stack) == (SWITCHES[parameter] if present else set())


def test_a_stack_with_default_parameters_has_none_of_these(development: Resources) -> None:
    kinds = {one["Type"].split("::")[1] for one in development.values()}
    assert not kinds & {"CloudWatch", "SNS", "KMS", "CodeDeploy"}
    assert not of_type(development, "AWS::Logs::MetricFilter")
    assert not of_type(development, "AWS::Events::Rule")
    assert list(of_type(development, "AWS::Events::EventBus")) == ["EventBus"]


def test_an_address_for_mails_adds_only_what_sends_them(development: Resources) -> None:
    added = resources(NotifyEmail="owner@example.com")
    assert {name: added[name]["Type"] for name in added.keys() - development.keys()} == {
        "ApologiesAlarm": "AWS::CloudWatch::Alarm",
        "WebhookOutcomes": "AWS::Logs::MetricFilter",
        "FlowFailedRule": "AWS::Events::Rule",
        "NotificationTopic": "AWS::SNS::Topic",
        "NotificationTopicPolicy": "AWS::SNS::TopicPolicy",
        "NotificationSubscription": "AWS::SNS::Subscription",
    }
    # Without alarms, nobody is notified of the alarm, and no other outcome costs a metric.
    assert not {"AlarmActions", "OKActions"} & set(added["ApologiesAlarm"]["Properties"])
    pattern = added["WebhookOutcomes"]["Properties"]["FilterPattern"]
    assert matches(pattern, {"outcome": "apology"})
    assert not matches(pattern, {"outcome": "kept"})


def test_the_alarm_of_failed_flows_sends_a_message_when_it_fires(production: Resources) -> None:
    rule = production["FlowFailedRule"]["Properties"]
    assert rule["EventPattern"] == {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "resources": ["ApologiesAlarm.Arn"],
        "detail": {"state": {"value": ["ALARM"]}},
    }
    assert [one["Arn"] for one in rule["Targets"]] == ["CallEventsQueue.Arn"]
    assert "EventBusName" not in rule  # AWS services publish to the default bus


# Deployment


def test_new_code_gets_a_tenth_of_the_requests_and_three_alarms_roll_it_back(
    production: Resources,
) -> None:
    groups = of_type(production, "AWS::CodeDeploy::DeploymentGroup")
    functions = set(of_type(production, "AWS::Lambda::Function")) - AT_ONCE
    assert set(groups) == {f"{name}DeploymentGroup" for name in functions}
    for group in groups.values():
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        watching = [one["Name"] for one in group["AlarmConfiguration"]["Alarms"]]
        assert watching == ["FunctionErrorsAlarm", "UnforeseenErrorsAlarm", "ApologiesAlarm"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    for name in ("FunctionErrorsAlarm", "UnforeseenErrorsAlarm", "ApologiesAlarm"):
        metrics = metrics_of(production[name]["Properties"])
        assert {metric.namespace for metric in metrics} & {"AWS/ApiGateway"} == set()


def test_the_errors_of_every_gradually_deployed_function_are_watched(
    production: Resources,
) -> None:
    watched = watched_by(production["FunctionErrorsAlarm"])
    functions = set(of_type(production, "AWS::Lambda::Function"))
    assert watched == functions - AT_ONCE
    assert watched_by(production["PublishFailingAlarm"]) == AT_ONCE - {"HeartbeatFunction"}


def test_an_alarm_that_rolls_back_evaluates_at_most_the_five_minutes_of_the_canary(
    production: Resources,
) -> None:
    for name in ("FunctionErrorsAlarm", "UnforeseenErrorsAlarm", "ApologiesAlarm"):
        alarm = production[name]["Properties"]
        periods = {one["MetricStat"]["Period"] for one in alarm.get("Metrics", [])[1:]}
        assert (periods or {alarm["Period"]}) == {60}
        assert alarm["EvaluationPeriods"] <= 5
        assert alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) == 1


def test_without_alarms_new_code_is_still_deployed_gradually() -> None:
    stack = resources(**EVERYTHING | {"Monitoring": "never"})
    group = stack["AnswerFunctionDeploymentGroup"]["Properties"]
    assert not group.get("AlarmConfiguration")


# Domain


def test_a_domain_maps_to_the_api_with_tls_1_2(production: Resources) -> None:
    domain = production["Domain"]["Properties"]
    (configuration,) = domain["DomainNameConfigurations"]
    assert configuration["SecurityPolicy"] == "TLS_1_2"
    assert configuration["CertificateArn"] == EVERYTHING["CertificateArn"]
    mapping = production["DomainMapping"]["Properties"]
    assert (mapping["ApiId"], mapping["Stage"]) == ("Api", "ApiApiGatewayDefaultStage")


@pytest.mark.parametrize(
    ("parameters", "url"),
    [
        ({}, ""),
        ({"DomainName": "voice.example.com"}, "https://voice.example.com"),
        (
            {"DomainName": "voice.example.com", "PublicBaseUrl": "https://proxy.example.com/v"},
            "https://proxy.example.com/v",
        ),
    ],
)
def test_the_public_url_is_the_domains_unless_another_is_set(
    parameters: dict[str, str], url: str
) -> None:
    stack = resources(Monitoring="always", **parameters)
    answer = stack["AnswerFunction"]["Properties"]["Environment"]["Variables"]
    assert answer["PUBLIC_BASE_URL"] == url
    heartbeat = stack["HeartbeatFunction"]["Properties"]["Environment"]["Variables"]
    assert heartbeat["ANSWER_URL"] == (url or "Api.ApiEndpoint") + "/webhooks/answer"
    assert outputs(**parameters)["BaseUrl"] == (url or "Api.ApiEndpoint")
    assert outputs(**parameters)["ApiUrl"] == "Api.ApiEndpoint"


def test_a_domain_can_wait_for_its_dns_record_while_the_apis_own_url_is_used() -> None:
    """docs/operate.md, "Use your own domain"."""
    own = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
    stack = EVERYTHING | {"PublicBaseUrl": own}
    assert outputs(**stack)["BaseUrl"] == own
    assert outputs(**stack)["DomainTarget"] == "Domain.RegionalDomainName"
    assert {"Domain", "DomainMapping"} <= set(resources(**stack))
    assert outputs(**stack | {"PublicBaseUrl": ""})["BaseUrl"] == "https://voice.example.com"


def test_a_stack_without_a_domain_has_none(development: Resources) -> None:
    assert not {"Domain", "DomainMapping"} & set(development)


# Deletion protection


@pytest.mark.parametrize(
    ("stage", "value", "protected"),
    [
        ("production", "production", True),
        ("production", "never", False),
        ("development", "production", False),
        ("development", "always", True),
    ],
)
def test_table_and_bucket_refuse_deletion_in_production_or_in_every_stage(
    stage: str, value: str, protected: bool
) -> None:
    stack = resources(Stage=stage, DeletionProtection=value)
    assert stack["EventsTable"]["Properties"]["DeletionProtectionEnabled"] is protected
    policy = stack["RecordingsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    denied = {one["Action"] for one in policy if one["Effect"] == "Deny"}
    assert ("s3:DeleteBucket" in denied) is protected


# Heartbeat


def test_a_synthetic_call_comes_every_minute_and_is_not_retried(production: Resources) -> None:
    rules = of_type(production, "AWS::Events::Rule").values()
    (rule,) = [one for one in rules if "ScheduleExpression" in one]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (config,) = of_type(production, "AWS::Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 0


def test_a_delayed_synthetic_call_is_dropped_after_a_minute(production: Resources) -> None:
    """The default is six hours for a throttled one, and a day for one that is not delivered."""
    (config,) = of_type(production, "AWS::Lambda::EventInvokeConfig").values()
    assert config["MaximumEventAgeInSeconds"] == 60
    rules = of_type(production, "AWS::Events::Rule").values()
    (target,) = [one["Targets"][0] for one in rules if "ScheduleExpression" in one]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60}


def test_no_other_function_is_invoked_asynchronously(production: Resources) -> None:
    """One that is needs a maximum age too."""
    permissions = of_type(production, "AWS::Lambda::Permission").values()
    asynchronous = [one for one in permissions if one["Principal"] != "apigateway.amazonaws.com"]
    functions = [one["FunctionName"] for one in asynchronous]
    assert functions == ["HeartbeatFunctionAliaslive"]
