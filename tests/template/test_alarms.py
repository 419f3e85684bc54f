"""Each fault raises exactly its alarm: real log lines, the template's filters, the alarms' sums."""

from __future__ import annotations

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
from tests.support.webhooks import post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Resources = dict[str, dict[str, Any]]

OF = "CON-4b8b1f0e-0d4c-4d4a-9a3e-1f2e3d4c5b6a"
OWNER = "arn:aws:iam::123456789012:user/owner"
PACKAGES = Path(boto3.__file__).parents[1]
JUST_NOW = -30.0  # seconds
TIMEOUTS = {"fetch_recording": 300.0}  # seconds
LATE = 120.0  # seconds after which what is measured is published
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
    """The functions of a stack in production, and what CloudWatch has heard of them.

    Attributes
    ----------
    points
        The values of all metrics; at first those of a stack that is well.
    functions_with
        Starts the functions with another environment.
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
        self.hear({"outcome": "heard"}, "HeartbeatFunction", minutes=HALF_AN_HOUR)
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
        """Invoke a function; what it did once counts as often as is said."""
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
                self.hear(line, function)
        return done

    def measure(self, function: str, name: str, value: float, at: float = JUST_NOW) -> None:
        """Have Lambda publish a metric of a function, as of when it was invoked."""
        metric = Metric("AWS/Lambda", name, frozenset({("FunctionName", function)}))
        self.points.append(Point(metric, at, value))

    def gauge(self, queue: str, name: str, value: float, minutes: range = HALF_AN_HOUR) -> None:
        """Have SQS publish a metric of a queue, each minute."""
        dimension = ("QueueName", f"{queue}.QueueName")
        metric = Metric("AWS/SQS", name, frozenset({dimension}))
        self.points += [Point(metric, -60 * minute - 30, value) for minute in minutes]

    def hear(
        self, line: dict[str, Any], function: str, minutes: range | tuple[int, ...] = (0,)
    ) -> None:
        """Take a line into the log group of a function."""
        logging = self._resources[function]["Properties"]["LoggingConfig"]
        for one in self._of_type("AWS::Logs::MetricFilter").values():
            if one["Properties"]["LogGroupName"] == logging["LogGroup"]:
                for minute in minutes:
                    at = -60.0 * minute + JUST_NOW
                    self.points += counted(one["Properties"], line, at)

    def silence_the_heart(self, minutes: int = 30) -> None:
        """Forget the beats of the last minutes."""
        self.points = [
            one
            for one in self.points
            if one.metric.name != "BeatsHeard" or one.at < -60.0 * minutes
        ]

    def ringing(self, late: float = 0.0) -> set[str]:
        """Give the alarms that ring now, or would if all values came so many seconds late."""
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
    """Start the functions, with another environment where wanted."""
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


def forged(stack: Stack) -> dict[str, Any]:
    event = status(stack)
    event["headers"]["authorization"] = bearer(stack.cloud.account, b"", secret="not ours" * 4)
    return event


def recording_that_the_table_refuses(stack: Stack) -> dict[str, Any]:
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


# What raises no alarm


def ordinary_calls(stack: Stack) -> None:
    """A hundred calls that are served, with keys, notifications and a recording."""
    account = stack.cloud.account
    stack.invoke("answer", answered(stack), times=100)
    stack.invoke("event", status(stack), times=100)
    stack.invoke("event", status(stack), times=100)
    stack.invoke("dtmf", post(account, "dtmf", webhooks.keys(OF), "flow=dtmf_menu"), times=100)
    stack.invoke("recordings", post(account, "recordings", webhooks.recorded(OF)), times=100)


def webhooks_without_a_signature(stack: Stack) -> None:
    event = status(stack)
    del event["headers"]["authorization"]
    stack.invoke("event", event, times=100)


def a_stranger_who_tries_a_few_signatures(stack: Stack) -> None:
    stack.invoke("event", forged(stack), times=9)


def requests_that_are_no_webhooks(stack: Stack) -> None:
    body = b"[]"
    event = http_event(
        "POST",
        "/webhooks/event",
        body=body,
        authorization=bearer(stack.cloud.account, body),
    )
    stack.invoke("event", event, times=100)


def a_burst_that_the_table_throttled_for_a_moment(stack: Stack) -> None:
    stack.cloud.aws.faults["PutItem"] = "throttle"
    done = stack.invoke("event", status(stack), times=100)
    assert done.logs[0]["outcome"] == "overflowed"
    stack.gauge("OverflowQueue", "ApproximateNumberOfMessagesVisible", 100, range(5))


def a_webhook_that_aws_failed_once(stack: Stack) -> None:
    stack.cloud.aws.faults |= {"PutItem": "refuse", "SendMessage": "refuse"}
    stack.invoke("event", status(stack), times=4)


def one_slow_reply(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=faulty&how=slow"), times=2)


def a_beat_that_was_missed_twice(stack: Stack) -> None:
    heart = [one for one in stack.points if one.metric.name == "BeatsHeard"]
    stack.points = [one for one in stack.points if one not in heart[:2]]


def a_recording_that_was_fetched_in_the_fourth_attempt(stack: Stack) -> None:
    stack.invoke("fetch_recording", recording_that_the_table_refuses(stack), times=3)


def a_recording_that_took_long(stack: Stack) -> None:
    """It ends by itself when 45 of its 300 seconds are left."""
    stack.measure("FetchRecordingFunction", "Duration", 256_000, at=-256.0)


QUIET = [
    ordinary_calls,
    webhooks_without_a_signature,
    a_stranger_who_tries_a_few_signatures,
    requests_that_are_no_webhooks,
    a_burst_that_the_table_throttled_for_a_moment,
    a_webhook_that_aws_failed_once,
    one_slow_reply,
    a_beat_that_was_missed_twice,
    a_recording_that_was_fetched_in_the_fourth_attempt,
    a_recording_that_took_long,
]


@pytest.mark.parametrize("happening", QUIET, ids=lambda it: it.__name__)
def test_what_callers_do_not_suffer_from_raises_no_alarm(
    stack: Stack, happening: Callable[[Stack], None]
) -> None:
    happening(stack)
    assert stack.ringing() == stack.ringing(LATE) == set()


def test_a_stack_that_nobody_calls_raises_no_alarm(stack: Stack) -> None:
    assert stack.ringing() == set()


# What raises one


def a_flow_that_fails(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=faulty&how=raise"))


def a_flow_that_nobody_wrote(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=none_such"))


def a_request_that_nobody_foresaw(stack: Stack) -> None:
    stack.invoke("event", {"rawPath": "/webhooks/event", "headers": "none"})


def a_request_of_the_owners_that_nobody_foresaw(stack: Stack) -> None:
    event = http_event("GET", "/calls")
    event["requestContext"]["authorizer"] = {"iam": {"userArn": OWNER}}
    assert stack.invoke("calls", event | {"rawQueryString": 7}).status == 500


def a_table_and_a_queue_that_take_nothing(stack: Stack) -> None:
    stack.cloud.aws.faults |= {"PutItem": "refuse", "SendMessage": "refuse"}
    stack.invoke("event", status(stack), times=5)


def a_signature_secret_that_is_not_vonages(stack: Stack) -> None:
    stack.invoke("event", forged(stack), times=10)


def a_call_that_went_to_the_fallback(stack: Stack) -> None:
    stack.invoke("fallback", answered(stack))


def an_ncco_that_vonage_could_not_carry_out(stack: Stack) -> None:
    fields = {"reason": "Syntax error in NCCO.", "conversation_uuid": OF}
    stack.invoke("event", post(stack.cloud.account, "event", fields))


def callers_who_wait(stack: Stack) -> None:
    stack.invoke("answer", answered(stack, "flow=faulty&how=slow"), times=3)


def a_switchboard_that_somebody_broke(stack: Stack) -> None:
    broken = stack.functions_with(SWITCHBOARD_SECRET_ID=stack.cloud.secret("numbers: none"))
    done = stack.invoke("answer", answered(stack), by=broken)
    assert done.status == 200


def keys_that_nothing_keeps(stack: Stack) -> None:
    stack.cloud.aws.faults |= {"PutItem": "refuse", "SendMessage": "refuse"}
    keys = post(stack.cloud.account, "dtmf", webhooks.keys(OF), "flow=dtmf_menu")
    stack.invoke("dtmf", keys)


def a_table_that_takes_nothing_for_long(stack: Stack) -> None:
    stack.cloud.aws.faults["PutItem"] = "refuse"
    stack.invoke("event", status(stack, timestamp="2026-03-29T21:20:06.000Z"))
    waiting = len(stack.cloud.messages("overflow"))
    stack.gauge("OverflowQueue", "ApproximateNumberOfMessagesNotVisible", waiting)


def an_event_that_was_given_up(stack: Stack) -> None:
    stack.gauge("OverflowDeadLetterQueue", "ApproximateNumberOfMessagesVisible", 1)


def a_recording_that_was_given_up(stack: Stack) -> None:
    stack.gauge("RecordingsDeadLetterQueue", "ApproximateNumberOfMessagesVisible", 1)


def a_recording_that_fails_again_and_again(stack: Stack) -> None:
    event = recording_that_the_table_refuses(stack)
    done = stack.invoke("fetch_recording", event, times=5)
    assert done.logs[0]["outcome"] == "failed"


def recordings_that_nobody_fetches(stack: Stack) -> None:
    stack.gauge("RecordingsQueue", "ApproximateNumberOfMessagesVisible", 7)
    stack.gauge("RecordingsQueue", "ApproximateAgeOfOldestMessage", 3600)


def a_function_that_dies(stack: Stack) -> None:
    stack.measure("DtmfFunction", "Invocations", 1)
    stack.measure("DtmfFunction", "Errors", 1)


def a_function_that_took_nearly_all_its_time(stack: Stack) -> None:
    stack.measure("CallsFunction", "Duration", 25_200)


def a_recording_that_ran_out_of_time(stack: Stack) -> None:
    for name, value in {"Invocations": 1, "Errors": 1, "Duration": 300_000}.items():
        stack.measure("FetchRecordingFunction", name, value, at=-301.0)


def an_account_without_an_instance_left(stack: Stack) -> None:
    stack.measure("AnswerFunction", "Throttles", 1)


def a_day_whose_calls_are_spent(stack: Stack) -> None:
    body = b'{"to": [{"type": "phone", "number": "447700900123"}], "flow": "greet"}'
    event = http_event("POST", "/calls", body=body)
    event["headers"]["idempotency-key"] = "one"
    event["requestContext"]["authorizer"] = {"iam": {"userArn": OWNER}}
    assert stack.invoke("calls", event).status == 403


def a_heart_that_beats_against_a_closed_door(stack: Stack) -> None:
    """For three minutes, which its description promises to be enough."""
    stack.silence_the_heart(minutes=3)
    done = stack.invoke("heartbeat", {})
    assert done.logs[0]["outcome"] == "silent"
    stack.hear(done.logs[0], "HeartbeatFunction", minutes=(1, 2))


def a_heart_that_does_not_beat(stack: Stack) -> None:
    stack.silence_the_heart()


FAULTS: dict[Callable[[Stack], None], str] = {
    a_flow_that_fails: "ApologiesAlarm",
    a_flow_that_nobody_wrote: "ApologiesAlarm",
    a_request_that_nobody_foresaw: "UnforeseenErrorsAlarm",
    a_request_of_the_owners_that_nobody_foresaw: "UnforeseenErrorsAlarm",
    a_table_and_a_queue_that_take_nothing: "TransientFaultsAlarm",
    a_signature_secret_that_is_not_vonages: "RejectedSignaturesAlarm",
    a_call_that_went_to_the_fallback: "FallbackUsedAlarm",
    an_ncco_that_vonage_could_not_carry_out: "NccoErrorsAlarm",
    callers_who_wait: "SlowRepliesAlarm",
    a_switchboard_that_somebody_broke: "SwitchboardUnreadAlarm",
    keys_that_nothing_keeps: "LostInputsAlarm",
    a_table_that_takes_nothing_for_long: "OverflowDepthAlarm",
    an_event_that_was_given_up: "EventsDeadAlarm",
    a_recording_that_was_given_up: "RecordingsDeadAlarm",
    a_recording_that_fails_again_and_again: "FailingRecordingsAlarm",
    recordings_that_nobody_fetches: "OldestRecordingAlarm",
    a_function_that_dies: "FunctionErrorsAlarm",
    a_function_that_took_nearly_all_its_time: "NearTimeoutAlarm",
    a_recording_that_ran_out_of_time: "NearTimeoutAlarm",
    an_account_without_an_instance_left: "ThrottlesAlarm",
    a_day_whose_calls_are_spent: "DiallingCapAlarm",
    a_heart_that_beats_against_a_closed_door: "CallersHearNothingAlarm",
    a_heart_that_does_not_beat: "CallersHearNothingAlarm",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_fault_raises_its_alarm_and_no_other(
    stack: Stack, fault: Callable[[Stack], None]
) -> None:
    fault(stack)
    assert stack.ringing() == {FAULTS[fault]}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_fault_of_which_the_metrics_come_late_raises_its_alarm(
    stack: Stack, fault: Callable[[Stack], None]
) -> None:
    fault(stack)
    assert stack.ringing(LATE) == {FAULTS[fault]}


def test_there_is_a_fault_for_every_alarm(production: Resources) -> None:
    alarms = {n for n, one in production.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(FAULTS.values()) == alarms


def test_an_alarm_ends_when_all_is_well(stack: Stack, production: Resources) -> None:
    alarms = {n: one for n, one in production.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    for name, one in alarms.items():
        assert state(one["Properties"], stack.points, "ALARM") == "OK", name


@pytest.mark.parametrize(
    "alarm",
    ["EventsDeadAlarm", "RecordingsDeadAlarm", "OverflowDepthAlarm", "OldestRecordingAlarm"],
)
def test_a_queue_that_nobody_touched_for_hours_neither_ends_its_alarm_nor_begins_it(
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
def test_what_rings_above_a_rate_counts_over_all_the_time_that_is_said(
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
        ("FunctionErrorsAlarm", "Errors", 1, {"Heartbeat"}),
        # What SQS hands to them comes again, and a beat that is missed has its own alarm.
        ("ThrottlesAlarm", "Throttles", 1, {"Heartbeat", "Drain", "FetchRecording"}),
    ],
)
def test_each_function_that_is_watched_rings_alone(
    production: Resources, alarm: str, name: str, value: float, unwatched: set[str]
) -> None:
    functions = {n for n, one in production.items() if one["Type"] == "AWS::Lambda::Function"}
    for function in functions - {f"{one}Function" for one in unwatched}:
        metric = Metric("AWS/Lambda", name, frozenset({("FunctionName", function)}))
        points = [Point(metric, JUST_NOW, value)]
        assert state(production[alarm]["Properties"], points) == "ALARM", function


def test_each_function_rings_alone_when_it_is_near_its_timeout(production: Resources) -> None:
    alarm = production["NearTimeoutAlarm"]["Properties"]
    for metric in metrics_of(alarm):
        ((_, function),) = metric.dimensions
        nearly = production[function]["Properties"]["Timeout"] * 900
        assert state(alarm, [Point(metric, JUST_NOW, nearly)]) == "ALARM", function
        assert state(alarm, [Point(metric, JUST_NOW, nearly - 1)]) == "OK", function


def test_calls_are_counted_and_beats_are_none(stack: Stack) -> None:
    stack.invoke("answer", answered(stack), times=3)
    beat = webhooks.answer("00000000-0000-0000-0000-000000000000")
    done = stack.invoke("answer", post(stack.cloud.account, "answer", beat))
    assert done.logs[0]["outcome"] == "answered"
    stack.invoke("answer", answered(stack, "flow=faulty&how=raise"))
    assert sum(one.value for one in stack.points if one.metric.name == "CallsAnswered") == 3


def test_a_function_that_nobody_invoked_does_not_hide_the_error_of_another(
    production: Resources,
) -> None:
    failing = Metric("AWS/Lambda", "Errors", frozenset({("FunctionName", "AsrFunction")}))
    points = [Point(failing, JUST_NOW, 1)]
    assert state(production["FunctionErrorsAlarm"]["Properties"], points) == "ALARM"
