"""What `doctor` says about the stream, the event bus, and the addresses of mails in AWS."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from voicectl import call_event_checks
from voicectl.stack import DeployedStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicectl.check_result import CheckResult

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/events"
STREAM = f"{TABLE}/stream/2026-01-31T00:00:00.000"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:publish:live"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"
CONFIRMED = f"{TOPIC}:1c9a2f0e-0000-4000-8000-000000000000"
ADDRESS = "owner@example.com"
UUID = "b2b1c0de-0000-4000-8000-000000000000"
NOW = 1_800_000_000.0


class StubbedAws:
    """A boto3 session whose clients return what `expect` says, and nothing else."""

    def __init__(self) -> None:
        self._session = boto3.Session("AKIDEXAMPLE", "not-a-key", region_name="eu-west-1")
        self._clients: dict[str, Any] = {}
        self._stubs: dict[str, Stubber] = {}
        outputs = {"TableName": "events", "EventBusName": "own", "NotificationTopicArn": TOPIC}
        parameters = {"NotifyEmail": ADDRESS}
        self.stack = DeployedStack("own", "eu-west-1", outputs, parameters, session=self)

    def client(self, service: str, **_: Any) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
            self._stubs[service] = Stubber(self._clients[service])
            self._stubs[service].activate()
        return self._clients[service]

    def expect(self, service: str, operation: str, response: dict[str, Any], **asked: Any) -> None:
        self.client(service)
        self._stubs[service].add_response(operation, response, asked)

    def refuse(self, service: str, operation: str, code: str) -> None:
        self.client(service)
        self._stubs[service].add_client_error(operation, code)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@pytest.fixture
def aws() -> Iterator[StubbedAws]:
    made = StubbedAws()
    yield made
    made.close()


def states(results: Iterator[CheckResult]) -> list[str]:
    return [one.state for one in results]


def read_by(aws: StubbedAws, *mappings: dict[str, str], late: float | None = None) -> str:
    """Return the state and the text of the check for a stream that these mappings read."""
    table = {"LatestStreamArn": STREAM, "StreamSpecification": {"StreamEnabled": True}}
    aws.expect("dynamodb", "describe_table", {"Table": table}, TableName="events")
    common = {"UUID": UUID, "FunctionArn": FUNCTION}
    found = {"EventSourceMappings": [common | one for one in mappings]}
    aws.expect("lambda", "list_event_source_mappings", found, EventSourceArn=STREAM)
    points = [] if late is None else [{"Maximum": late, "Timestamp": datetime.now(UTC)}]
    asked = dict.fromkeys(("StartTime", "EndTime", "Period", "Statistics"), ANY)
    asked |= {"Namespace": "AWS/Lambda", "MetricName": "IteratorAge"}
    asked["Dimensions"] = [{"Name": "FunctionName", "Value": "publish"}]
    aws.expect("cloudwatch", "get_metric_statistics", {"Datapoints": points}, **asked)
    (result,) = call_event_checks.stream(aws.stack, NOW)
    return f"{result.state} {result.text}"


@pytest.mark.parametrize(
    ("mapping", "late", "said"),
    [
        ({"State": "Enabled", "LastProcessingResult": "OK"}, None, "ok its event source"),
        ({"State": "Enabled", "LastProcessingResult": "OK"}, 60_000.0, "ok its event source"),
        ({"State": "Enabled"}, 90_000.0, "warn events were published up to 90 s late"),
        ({"State": "Updating"}, 0.0, "ok"),
        ({"State": "Disabled"}, None, "fail its event source mapping is Disabled"),
        ({"State": "Disabling"}, None, "fail"),
        (
            {"State": "Enabled", "LastProcessingResult": "PROBLEM: Function call failed"},
            0.0,
            "fail",
        ),
    ],
)
def test_a_stream_is_read_without_errors_and_in_time(
    aws: StubbedAws, mapping: dict[str, str], late: float | None, said: str
) -> None:
    assert read_by(aws, mapping, late=late).startswith(said)


def test_a_disabled_mapping_comes_with_the_command_that_enables_it(aws: StubbedAws) -> None:
    assert f"update-event-source-mapping --enabled --uuid {UUID}" in read_by(
        aws, {"State": "Disabled"}
    )


def test_a_stream_that_no_function_reads_fails(aws: StubbedAws) -> None:
    assert read_by(aws).startswith("fail no function reads it. Deploy this checkout")


def test_a_table_without_a_stream_fails(aws: StubbedAws) -> None:
    aws.expect("dynamodb", "describe_table", {"Table": {}}, TableName="events")
    (result,) = call_event_checks.stream(aws.stack, NOW)
    assert (result.state, "Deploy this checkout" in result.text) == ("fail", True)


def test_an_event_bus_that_was_deleted_fails(aws: StubbedAws) -> None:
    aws.refuse("events", "describe_event_bus", "ResourceNotFoundException")
    assert states(call_event_checks.event_bus(aws.stack)) == ["fail"]


def mailed(aws: StubbedAws, **addresses: str) -> list[tuple[str, str]]:
    """Return states and texts of the check; `owner` is the address of NotifyEmail."""
    subscriptions = [
        {"Endpoint": f"{name}@example.com", "Protocol": "email", "SubscriptionArn": arn}
        for name, arn in addresses.items()
    ]
    queue = {"Endpoint": "arn:queue", "Protocol": "sqs", "SubscriptionArn": CONFIRMED}
    found = {"Subscriptions": [queue, *subscriptions]}
    aws.expect("sns", "list_subscriptions_by_topic", found, TopicArn=TOPIC)
    return [(one.state, one.text) for one in call_event_checks.mail(aws.stack)]


def test_confirmed_addresses_are_counted(aws: StubbedAws) -> None:
    assert mailed(aws, owner=CONFIRMED, other=CONFIRMED) == [
        ("ok", "2 confirmed: voicemails and missed calls")
    ]


def test_an_address_that_is_not_confirmed_fails(aws: StubbedAws) -> None:
    ((state, text),) = mailed(aws, owner="PendingConfirmation")
    assert state == "fail"
    assert "owner@example.com has not confirmed" in text
    assert f"--topic-arn {TOPIC} --protocol email --notification-endpoint {ADDRESS}`" in text


@pytest.mark.parametrize("addresses", [{}, {"owner": "Deleted"}], ids=["gone", "deleted"])
def test_an_address_that_has_unsubscribed_fails(aws: StubbedAws, addresses: dict[str, str]) -> None:
    ((state, text),) = mailed(aws, **addresses)
    assert (state, "owner@example.com has unsubscribed" in text) == ("fail", True)


def test_another_address_that_has_unsubscribed_is_a_warning(aws: StubbedAws) -> None:
    found = mailed(aws, owner=CONFIRMED, other="Deleted")
    assert [state for state, _ in found] == ["warn", "ok"]
    assert "other@example.com has unsubscribed" in found[0][1]


def test_without_an_address_mail_is_off(aws: StubbedAws) -> None:
    aws.stack.parameters["NotifyEmail"] = ""  # type: ignore[index]
    (result,) = call_event_checks.mail(aws.stack)
    assert (result.state, result.text.startswith("off")) == ("ok", True)
