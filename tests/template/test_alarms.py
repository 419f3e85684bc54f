"""Each fault fires exactly its alarm: real log lines, the template's filters, the alarms' sums."""

from __future__ import annotations

import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.support import fake_vonage, recording_stack, signing, webhooks
from tests.support.cloudwatch import Metric, Point, counted, metrics_of, state
from tests.support.fake_aws import FakeAws
from tests.support.function_process import FunctionProcesses, InvocationResult
from tests.support.gateway_events import http_event
from tests.support.signing import bearer
from tests.support.webhooks import get, post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Resources = dict[str, dict[str, Any]]

OF = "CON-4b8b1f0e-0d4c-4d4a-9a3e-1f2e3d4c5b6a"
OPERATOR = "arn:aws:iam::123456789012:user/operator"
PACKAGES = Path(boto3.__file__).parents[1]
JUST_NOW = -30.0  # seconds
TIMEOUTS = {"fetch_recording": 300.0, "publish_events": 30.0}  # seconds
LATE = 120.0  # seconds until a metric is published
HALF_AN_HOUR = range(30)  # minutes
_FAULTY = """
import time

def answer(call):
    if call.state["how"] == "slow":
        time.sleep(3.01)
        return [{"action": "talk", "text": "At last."}]
    raise ValueError("cannot serve")
"""


class Stack:
    """The functions of a production stack, and what CloudWatch knows about them.

    Attributes
    ----------
    points
        The values of all metrics; at first those of a stack without faults.
    functions_with
        Start the functions with another environment.
    """

    def __init__(
        self,
        resources: Resources,
        functions: FunctionProcesses,
        cloud: FakeAws,
        start: Callable[..., FunctionProcesses],
    ) -> None:
        self.functions_with = start
        self._resources = resources
        self._functions = functions
        self.cloud = cloud
        self.points: list[Point] = []
        self.log({"outcome": "heard"}, "HeartbeatFunction", minutes=HALF_AN_HOUR)
        for queue in self._of_type("AWS::SQS::Queue"):
            for name in ("Visible", "NotVisible"):
                self.gauge(queue, f"ApproximateNumberOfMessages{name}", 0)
            self.gauge(queue, "ApproximateAgeOfOldestMessage", 0)

    def _of_type(self, kind: str) -> Resources:
        return {name: one for name, one in self._resources.items() if one["Type"] == kind}

    def invoke(
        self,
        folder: str,
        event: dict[str, Any],
        times: int = 1,
        by: FunctionProcesses | None = None,
    ) -> InvocationResult:
        """Invoke a function once, and count its invocation and log lines ``times`` times."""
        done = (by or self._functions)(folder, event, seconds_left=TIMEOUTS.get(folder, 6.0))
        (function,) = [
            name
            for name, one in self._of_type("AWS::Lambda::Function").items()
            if one["Properties"]["Handler"] == f"{folder}.app.handler"
        ]
        for _ in range(times):
            self.measure(function, "Invocations", 1)
            self.measure(function, "Errors", 0 if done.raised is None else 1)
            for line in done.logs:
                self.log(line, function)
        return done

    def measure(self, function: str, name: str, value: float, at: float = JUST_NOW) -> None:
        """Publish a metric of a function, as Lambda does, with the time of the invocation."""
        metric = Metric("AWS/Lambda", name, frozenset({("FunctionName", function)}))
        self.points.append(Point(metric, at, value))

    def gauge(self, queue: str, name: str, value: float, minutes: range = HALF_AN_HOUR) -> None:
        """Publish a metric of a queue each minute, as SQS does."""
        dimension = ("QueueName", f"{queue}.QueueName")
        metric = Metric("AWS/SQS", name, frozenset({dimension}))
        self.points += [Point(metric, -60 * minute - 30, value) for minute in minutes]

    def log(
        self, line: dict[str, Any], function: str, minutes: range | tuple[int, ...] = (0,)
    ) -> None:
        """Write a line to the log group of a function."""
        logging = self._resources[function]["Properties"]["LoggingConfig"]
        for one in self._of_type("AWS::Logs::MetricFilter").values():
            if one["Properties"]["LogGroupName"] == logging["LogGroup"]:
                for minute in minutes:
                    at = -60.0 * minute + JUST_NOW
                    self.points += counted(one["Properties"], line, at)

    def stop_heartbeat(self, minutes: int = 30) -> None:
        """Remove the synthetic calls of the last minutes."""
        self.points = [
            one
            for one in self.points
            if one.metric.name != "BeatsHeard" or one.at < -60.0 * minutes
        ]

    def firing(self, late: float = 0.0) -> set[str]:
        """Return the alarms that fire if all metrics are this many seconds late."""
        alarms = self._of_type("AWS::CloudWatch::Alarm")
        points = [one._replace(at=one.at - late) for one in self.points]
        return {name for name, one in alarms.items() if state(one["Properties"], points) == "ALARM"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeAws]:
    with FakeAws(signing.account()) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def start(
    cloud: FakeAws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., FunctionProcesses]]:
    """Yield a function that starts the functions, with changes of their environment."""
    code = tmp_path_factory.mktemp("code") / "functions"
    shutil.copytree(Path(__file__).parents[2] / "functions", code)
    (code / "flows" / "faulty.py").write_text(_FAULTY)
    more = {
        "AWS_DEFAULT_REGION": "eu-west-2",
        "FLOW_TIME_LIMIT": "4000",
        "APPLICATION_SECRET_ID": cloud.secret(fake_vonage.secret()),
        "BUCKET_NAME": "recordings",
        "CALLS_PER_DAY": "0",
        "FOREIGN_ANSWER_URLS": "refuse",
        "ALLOWED_PREFIXES": "44",
        "ANSWER_URL": "http://127.0.0.1:9/webhooks/answer",
        "RECORDINGS_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-2.amazonaws.com/123456789012/dead",
        "KEEP_RECORDINGS_DAYS": "365",
        "MAX_RECORDING_MEGABYTES": "1024",
        "RETRY_SECONDS": "60",
        "CALL_EVENTS_QUEUE_URL": "https://sqs.eu-west-2.amazonaws.com/123456789012/events",
        "CALL_EVENTS_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-2.amazonaws.com/123456789012/poor",
        "EVENT_BUS_NAME": "voice",
        "NOTIFICATION_TOPIC_ARN": "",
        "SETTLE_SECONDS": "30",
        "BASE_URL": "https://voice.example.com",
    }
    with ExitStack() as running:
        yield lambda **changes: running.enter_context(
            FunctionProcesses(cloud.environment(**more | changes), PACKAGES, code=code)
        )


@pytest.fixture(scope="module")
def functions(start: Callable[..., FunctionProcesses]) -> FunctionProcesses:
    return start()


@pytest.fixture
def stack(
    production: Resources,
    functions: FunctionProcesses,
    cloud: FakeAws,
    start: Callable[..., FunctionProcesses],
) -> Stack:
    cloud.reset()
    return Stack(production, functions, cloud, start)


def answered(stack: Stack, query: str = "") -> dict[str, Any]:
    return post(stack.cloud.account, "answer", webhooks.answer(OF), query)


def status(stack: Stack, **changes: Any) -> dict[str, Any]:
    return post(stack.cloud.account, "event", webhooks.status(OF, **changes))


def badly_signed(stack: Stack) -> dict[str, Any]:
    event = status(stack)
    event["headers"]["authorization"] = bearer(stack.cloud.account, b"", secret="not ours" * 4)
    return event


def recording_that_cannot_be_written(stack: Stack) -> dict[str, Any]:
    stack.cloud.aws.faults["PutItem"] = "refuse"
    message = {
        "messageId": "0",
        "receiptHandle": "none",
        "body": recording_stack.message(webhooks.recorded(OF)),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-2:123456789012:recordings",
        "awsRegion": "eu-west-2",
    }
    return {"Records": [message]}


# Faults that fire no alarm


def ordinary_calls(stack: Stack) -> None:
    """A hundred calls with events, digits and a recording."""
    account = stack.cloud.account
    stack.invoke("answer", answered(stack), times=100)
    stack.invoke("answer", get(account, "answer", webhooks.answer(OF)), times=100)
    stack.invoke("event", status(stack), times=100)
    stack.invoke("event", status(stack), times=100)
    stack.invoke("dtmf", post(account, "dtmf", webhooks.keys(OF), "flow=dtmf_menu"), times=100)
    stack.invoke("recordings", post(account, "recordings", webhooks.recorded(OF)), times=100)


def unsigned_webhooks(stack: Stack) -> None:
    event = status(stack)
    del event["headers"]["authorization"]
    stack.invoke("event", event, times=100)


def nine_invalid_signatures(stack: Stack) -> None:
    stack.invoke("event", badly_signed(stack), times=9)


def invalid_requests(stack: Stack) -> None:
    body = b"[]"
    event = http_event(
        "POST",
        "/webhooks/event",
        body=body,
        authorization=bearer(stack.cloud.account, body),
    )
    stack.invoke("event", event, times=100)


def a_burst_that_the_table_throttles_briefly(stack: Stack) -> None:
    stack.cloud.aws.faults["PutItem"] = "throttle"
    done = stack.invoke("event", status(stack), times=100)
    assert done.logs[0]["outcome"] == "overflowed"
    stack.gauge("OverflowQueue", "ApproximateNumberOfMessagesVisible", 100, range(5))


def four_webhooks_that_aws_fails(stack: Stack) -> None:
    stack.cloud.aws.faults |= {"PutItem": "refuse", "SendMessage": "refuse"}
    stack.invoke("event", status(stack), times=4)


def two_slow_responses(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=faulty&how=slow"), times=2)


def two_missing_synthetic_calls(stack: Stack) -> None:
    beats = [one for one in stack.points if one.metric.name == "BeatsHeard"]
    stack.points = [one for one in stack.points if one not in beats[:2]]


def a_recording_that_fails_three_times(stack: Stack) -> None:
    stack.invoke("fetch_recording", recording_that_cannot_be_written(stack), times=3)


def a_recording_that_uses_its_time(stack: Stack) -> None:
    """The function ends by itself when 45 of its 300 seconds are left."""
    stack.measure("FetchRecordingFunction", "Duration", 256_000, at=-256.0)


HARMLESS = [
    ordinary_calls,
    unsigned_webhooks,
    nine_invalid_signatures,
    invalid_requests,
    a_burst_that_the_table_throttles_briefly,
    four_webhooks_that_aws_fails,
    two_slow_responses,
    two_missing_synthetic_calls,
    a_recording_that_fails_three_times,
    a_recording_that_uses_its_time,
]


@pytest.mark.parametrize("harmless", HARMLESS, ids=lambda it: it.__name__)
def test_what_does_not_harm_callers_fires_no_alarm(
    stack: Stack, harmless: Callable[[Stack], None]
) -> None:
    harmless(stack)
    assert stack.firing() == stack.firing(LATE) == set()


def test_a_stack_without_calls_fires_no_alarm(stack: Stack) -> None:
    assert stack.firing() == set()


# Faults that fire an alarm


def a_flow_that_fails(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=faulty&how=raise"))


def a_flow_that_does_not_exist(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=none_such"))


def a_malformed_webhook_event(stack: Stack) -> None:
    stack.invoke("event", {"rawPath": "/webhooks/event", "headers": "none"})


def a_malformed_admin_event(stack: Stack) -> None:
    event = http_event("GET", "/calls")
    event["requestContext"]["authorizer"] = {"iam": {"userArn": OPERATOR}}
    assert stack.invoke("calls", event | {"rawQueryString": 7}).status == 500


def a_table_and_a_queue_that_fail(stack: Stack) -> None:
    stack.cloud.aws.faults |= {"PutItem": "refuse", "SendMessage": "refuse"}
    stack.invoke("event", status(stack), times=5)


def a_wrong_signature_secret(stack: Stack) -> None:
    stack.invoke("event", badly_signed(stack), times=10)


def an_invented_caller_with_the_token_of_an_event(stack: Stack) -> None:
    request = get(stack.cloud.account, "answer", webhooks.answer(OF))
    request["headers"]["authorization"] = status(stack)["headers"]["authorization"]
    assert stack.invoke("answer", request).status == 200


def a_request_for_the_fallback(stack: Stack) -> None:
    stack.invoke("fallback", answered(stack))


def an_ncco_that_vonage_cannot_execute(stack: Stack) -> None:
    fields = {"reason": "Syntax error in NCCO.", "conversation_uuid": OF}
    stack.invoke("event", post(stack.cloud.account, "event", fields))


def three_slow_responses(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=faulty&how=slow"), times=3)


def an_invalid_switchboard(stack: Stack) -> None:
    broken = stack.functions_with(SWITCHBOARD_SECRET_ID=stack.cloud.secret("numbers: none"))
    done = stack.invoke("answer", answered(stack), by=broken)
    assert done.status == 200


def a_call_for_an_agent_that_is_not_set(stack: Stack) -> None:
    done = stack.invoke("answer", answered(stack, "flow=agent"))
    assert done.status == 200


def digits_that_cannot_be_stored(stack: Stack) -> None:
    stack.cloud.aws.faults |= {"PutItem": "refuse", "SendMessage": "refuse"}
    keys = post(stack.cloud.account, "dtmf", webhooks.keys(OF), "flow=dtmf_menu")
    stack.invoke("dtmf", keys)


def a_table_that_fails_for_long(stack: Stack) -> None:
    stack.cloud.aws.faults["PutItem"] = "refuse"
    stack.invoke("event", status(stack, timestamp="2026-03-29T21:20:06.000Z"))
    waiting = len(stack.cloud.messages("overflow"))
    stack.gauge("OverflowQueue", "ApproximateNumberOfMessagesNotVisible", waiting)


def an_event_in_the_dead_letter_queue(stack: Stack) -> None:
    stack.gauge("OverflowDeadLetterQueue", "ApproximateNumberOfMessagesVisible", 1)


def a_recording_in_the_dead_letter_queue(stack: Stack) -> None:
    stack.gauge("RecordingsDeadLetterQueue", "ApproximateNumberOfMessagesVisible", 1)


def a_recording_that_keeps_failing(stack: Stack) -> None:
    event = recording_that_cannot_be_written(stack)
    done = stack.invoke("fetch_recording", event, times=5)
    assert done.logs[0]["outcome"] == "failed"


def recordings_that_nothing_receives(stack: Stack) -> None:
    stack.gauge("RecordingsQueue", "ApproximateNumberOfMessagesVisible", 7)
    stack.gauge("RecordingsQueue", "ApproximateAgeOfOldestMessage", 3600)


def a_function_that_crashes(stack: Stack) -> None:
    stack.measure("DtmfFunction", "Invocations", 1)
    stack.measure("DtmfFunction", "Errors", 1)


def a_function_near_its_timeout(stack: Stack) -> None:
    stack.measure("CallsFunction", "Duration", 25_200)


def a_recording_that_times_out(stack: Stack) -> None:
    for name, value in {"Invocations": 1, "Errors": 1, "Duration": 300_000}.items():
        stack.measure("FetchRecordingFunction", name, value, at=-301.0)


def an_event_that_cannot_be_published(stack: Stack) -> None:
    stack.gauge("CallEventsDeadLetterQueue", "ApproximateNumberOfMessagesVisible", 1)


def a_stream_that_is_not_read(stack: Stack) -> None:
    stack.measure("PublishEventsFunction", "IteratorAge", 900_000)


def messages_that_keep_failing(stack: Stack) -> None:
    body = {"messageId": "0", "body": "not JSON", "eventSource": "aws:sqs"}
    record = body | {"attributes": {"ApproximateReceiveCount": "1"}, "receiptHandle": "none"}
    done = stack.invoke("publish_events", {"Records": [record]}, times=5)
    assert done.logs[0]["outcome"] == "failed"


def links_that_crash(stack: Stack) -> None:
    for _ in range(5):
        stack.measure("ListenFunction", "Errors", 1)


def a_used_up_concurrency_limit(stack: Stack) -> None:
    stack.measure("AnswerFunction", "Throttles", 1)


def a_reached_daily_call_limit(stack: Stack) -> None:
    body = b'{"to": [{"type": "phone", "number": "447700900123"}], "flow": "greet"}'
    event = http_event("POST", "/calls", body=body)
    event["headers"]["idempotency-key"] = "one"
    event["requestContext"]["authorizer"] = {"iam": {"userArn": OPERATOR}}
    assert stack.invoke("calls", event).status == 403


def a_public_url_that_does_not_respond(stack: Stack) -> None:
    """It fails for three minutes, which suffices according to the alarm's description."""
    stack.stop_heartbeat(minutes=3)
    done = stack.invoke("heartbeat", {})
    assert done.logs[0]["outcome"] == "silent"
    stack.log(done.logs[0], "HeartbeatFunction", minutes=(1, 2))


def a_heartbeat_that_does_not_run(stack: Stack) -> None:
    stack.stop_heartbeat()


FAULTS: dict[Callable[[Stack], None], str] = {
    a_flow_that_fails: "ApologiesAlarm",
    a_flow_that_does_not_exist: "ApologiesAlarm",
    a_malformed_webhook_event: "UnforeseenErrorsAlarm",
    a_malformed_admin_event: "UnforeseenErrorsAlarm",
    a_table_and_a_queue_that_fail: "TransientFaultsAlarm",
    a_wrong_signature_secret: "RejectedSignaturesAlarm",
    an_invented_caller_with_the_token_of_an_event: "GetHashMismatchAlarm",
    a_request_for_the_fallback: "FallbackUsedAlarm",
    an_ncco_that_vonage_cannot_execute: "NccoErrorsAlarm",
    three_slow_responses: "SlowRepliesAlarm",
    an_invalid_switchboard: "SwitchboardUnreadAlarm",
    a_call_for_an_agent_that_is_not_set: "NoAgentAlarm",
    digits_that_cannot_be_stored: "LostInputsAlarm",
    a_table_that_fails_for_long: "OverflowDepthAlarm",
    an_event_in_the_dead_letter_queue: "EventsDeadAlarm",
    a_recording_in_the_dead_letter_queue: "RecordingsDeadAlarm",
    a_recording_that_keeps_failing: "FailingRecordingsAlarm",
    recordings_that_nothing_receives: "OldestRecordingAlarm",
    a_function_that_crashes: "FunctionErrorsAlarm",
    a_function_near_its_timeout: "NearTimeoutAlarm",
    a_recording_that_times_out: "NearTimeoutAlarm",
    an_event_that_cannot_be_published: "PublishDeadAlarm",
    a_stream_that_is_not_read: "StreamBehindAlarm",
    messages_that_keep_failing: "PublishFailingAlarm",
    links_that_crash: "PublishFailingAlarm",
    a_used_up_concurrency_limit: "ThrottlesAlarm",
    a_reached_daily_call_limit: "DiallingCapAlarm",
    a_public_url_that_does_not_respond: "CallersHearNothingAlarm",
    a_heartbeat_that_does_not_run: "CallersHearNothingAlarm",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_fault_fires_its_alarm_and_no_other(stack: Stack, fault: Callable[[Stack], None]) -> None:
    fault(stack)
    assert stack.firing() == {FAULTS[fault]}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_fault_with_late_metrics_fires_its_alarm(
    stack: Stack, fault: Callable[[Stack], None]
) -> None:
    fault(stack)
    assert stack.firing(LATE) == {FAULTS[fault]}


def test_there_is_a_fault_for_every_alarm(production: Resources) -> None:
    alarms = {n for n, one in production.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(FAULTS.values()) == alarms


def test_an_alarm_clears_when_all_is_well(stack: Stack, production: Resources) -> None:
    alarms = {n: one for n, one in production.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    for name, one in alarms.items():
        assert state(one["Properties"], stack.points, "ALARM") == "OK", name


@pytest.mark.parametrize(
    "alarm",
    [
        "EventsDeadAlarm",
        "RecordingsDeadAlarm",
        "PublishDeadAlarm",
        "OverflowDepthAlarm",
        "OldestRecordingAlarm",
    ],
)
def test_a_queue_without_data_keeps_the_state_of_its_alarm(
    production: Resources, alarm: str
) -> None:
    for before in ("ALARM", "OK"):
        assert state(production[alarm]["Properties"], [], before) == before


@pytest.mark.parametrize(
    ("alarm", "times", "seconds"),
    [
        ("TransientFaultsAlarm", 5, 300),
        ("RejectedSignaturesAlarm", 10, 300),
        ("SlowRepliesAlarm", 3, 300),
        ("FailingRecordingsAlarm", 5, 3600),
    ],
)
def test_an_alarm_on_a_rate_counts_over_the_whole_period(
    production: Resources, alarm: str, times: int, seconds: int
) -> None:
    properties = production[alarm]["Properties"]
    (metric,) = metrics_of(properties)
    apart = seconds / times
    points = [Point(metric, -apart * (index + 0.5), 1) for index in range(times * 2)]
    assert state(properties, points[:times]) == "ALARM"
    assert state(properties, points[: times - 1]) == "OK"
    assert state(properties, points[::2]) == "OK"


@pytest.mark.parametrize(
    ("alarm", "name", "value", "unwatched"),
    [
        ("FunctionErrorsAlarm", "Errors", 1, {"Heartbeat", "PublishEvents", "Listen"}),
        # SQS delivers a message again, and a failed synthetic call has an alarm of its own.
        (
            "ThrottlesAlarm",
            "Throttles",
            1,
            {"Heartbeat", "Drain", "FetchRecording", "PublishEvents"},
        ),
    ],
)
def test_each_watched_function_fires_the_alarm_by_itself(
    production: Resources, alarm: str, name: str, value: float, unwatched: set[str]
) -> None:
    functions = {n for n, one in production.items() if one["Type"] == "AWS::Lambda::Function"}
    for function in functions - {f"{one}Function" for one in unwatched}:
        metric = Metric("AWS/Lambda", name, frozenset({("FunctionName", function)}))
        points = [Point(metric, JUST_NOW, value)]
        assert state(production[alarm]["Properties"], points) == "ALARM", function


def test_each_function_near_its_timeout_fires_the_alarm_by_itself(production: Resources) -> None:
    alarm = production["NearTimeoutAlarm"]["Properties"]
    for metric in metrics_of(alarm):
        ((_, function),) = metric.dimensions
        nearly = production[function]["Properties"]["Timeout"] * 900
        assert state(alarm, [Point(metric, JUST_NOW, nearly)]) == "ALARM", function
        assert state(alarm, [Point(metric, JUST_NOW, nearly - 1)]) == "OK", function


def test_every_metric_of_an_expression_is_filled_where_it_can_lack_data(
    production: Resources,
) -> None:
    """SQS publishes both metrics of a queue or neither, so their sum needs no FILL."""
    for name, one in production.items():
        for query in one["Properties"].get("Metrics", []):
            if "Expression" in query and name != "OverflowDepthAlarm":
                bare = re.sub(r"FILL\([^()]*(\(\))?, 0\)", "", query["Expression"])
                assert re.findall(r"[A-Za-z]\w*", bare) in (["SUM"], ["SUM", *["IF"] * 7]), name


def test_calls_are_counted_but_synthetic_calls_are_not(stack: Stack) -> None:
    stack.invoke("answer", answered(stack), times=3)
    beat = webhooks.answer("00000000-0000-0000-0000-000000000000")
    done = stack.invoke("answer", post(stack.cloud.account, "answer", beat))
    assert done.logs[0]["outcome"] == "answered"
    stack.invoke("answer", answered(stack, "flow=faulty&how=raise"))
    assert sum(one.value for one in stack.points if one.metric.name == "CallsAnswered") == 3


def test_a_function_without_invocations_does_not_hide_the_error_of_another(
    production: Resources,
) -> None:
    failing = Metric("AWS/Lambda", "Errors", frozenset({("FunctionName", "AsrFunction")}))
    points = [Point(failing, JUST_NOW, 1)]
    assert state(production["FunctionErrorsAlarm"]["Properties"], points) == "ALARM"
