"""records.writer, with the table and queue of the template in moto, and with failing services.

A service that is down is a port without a listener; one that hangs accepts connections and never
responds.
"""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from records.event import event_item, parse_event
from records.writer import put_if_absent, store_event
from voicekit.aws_client import AwsClient, AwsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
NOW = 1617052806.25
WITHIN = 5.0  # seconds; moto needs a few milliseconds


class CloudFormation(yaml.SafeLoader):
    """YAML with short functions (`!Ref`, `!Sub`) loaded as None; the table's keys have none."""


CloudFormation.add_multi_constructor("!", lambda *_: None)
RESOURCES = yaml.load(TEMPLATE.read_text(), CloudFormation)["Resources"]
TABLE: dict[str, Any] = RESOURCES["EventsTable"]["Properties"]
QUEUE: dict[str, Any] = RESOURCES["OverflowQueue"]["Properties"]


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def unreachable() -> Iterator[str]:
    """Return a URL without a listener."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def sdk(cloud: str) -> Iterator[Callable[[str], Any]]:
    with contextlib.ExitStack() as stack:

        def client(service: str) -> Any:
            boto = boto3.client(
                service,
                endpoint_url=cloud,
                region_name="eu-west-2",
                aws_access_key_id="AKIDEXAMPLE",
                aws_secret_access_key="secret",
            )
            return stack.enter_context(contextlib.closing(boto))

        yield client


@pytest.fixture
def table(sdk: Callable[[str], Any]) -> str:
    name = f"events-{uuid4()}"
    described = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    dynamodb = sdk("dynamodb")
    dynamodb.create_table(TableName=name, **{part: TABLE[part] for part in described})
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification=TABLE["TimeToLiveSpecification"]
    )
    return name


@pytest.fixture
def overflow(sdk: Callable[[str], Any]) -> str:
    size = {"MaximumMessageSize": str(QUEUE["MaximumMessageSize"])}
    url: str = sdk("sqs").create_queue(QueueName=f"overflow-{uuid4()}", Attributes=size)["QueueUrl"]
    return url


@pytest.fixture
def aws(cloud: str) -> Iterator[Callable[..., AwsClient]]:
    """Make AWS clients; `dynamodb` and `sqs` are endpoints other than moto."""
    with contextlib.ExitStack() as stack:

        def make(dynamodb: str = cloud, sqs: str = cloud) -> AwsClient:
            environment = {
                "AWS_REGION": "eu-west-2",
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
                "AWS_ENDPOINT_URL_SQS": sqs,
            }
            return stack.enter_context(
                contextlib.closing(AwsClient(environment, jitter=lambda: 0.0))
            )

        yield make


@pytest.fixture
def stored(sdk: Callable[[str], Any], table: str) -> Callable[[], list[dict[str, str]]]:
    def read() -> list[dict[str, str]]:
        items = sdk("dynamodb").scan(TableName=table)["Items"]
        return [{name: next(iter(value.values())) for name, value in i.items()} for i in items]

    return read


@pytest.fixture
def queued(sdk: Callable[[str], Any], overflow: str) -> Callable[[], list[Any]]:
    def read() -> list[Any]:
        messages = sdk("sqs").receive_message(QueueUrl=overflow, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]

    return read


def new_item(body: str | None = None, received_at: float = NOW, **fields: Any) -> dict[str, Any]:
    sent = {
        "from": "447700900000",
        "to": "442079460000",
        "uuid": "0779a56d-002f-1c7f-47f8-2ef5fe84ab79",
        "conversation_uuid": "CON-f972836a-550f-45fa-956c-12a2ab5b7d22",
        "status": "started",
        "direction": "inbound",
        "timestamp": "2021-03-29T21:20:05.582Z",
        **fields,
    }
    return event_item(
        parse_event(sent), json.dumps(sent) if body is None else body, "POST", received_at, 9
    )


def as_stored(item: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in item.items()}


def test_every_key_of_the_table_is_in_an_item() -> None:
    definitions = {part["AttributeName"] for part in TABLE["AttributeDefinitions"]}
    schemas = [TABLE["KeySchema"], *(i["KeySchema"] for i in TABLE["GlobalSecondaryIndexes"])]
    keys = {part["AttributeName"] for schema in schemas for part in schema}

    assert definitions == keys
    assert keys | {TABLE["TimeToLiveSpecification"]["AttributeName"]} <= new_item().keys()


def test_every_projected_attribute_of_by_day_is_in_an_item() -> None:
    (by_day,) = (i for i in TABLE["GlobalSecondaryIndexes"] if i["IndexName"] == "by-day")

    assert set(by_day["Projection"]["NonKeyAttributes"]) <= new_item(duration="6").keys()


def test_an_event_is_stored_unchanged(
    aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    item = new_item()

    assert store_event(aws(), table, overflow, item, within=WITHIN) == "kept"
    assert stored() == [as_stored(item)]


def test_a_repeated_event_leaves_the_stored_one_unchanged(
    aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    first, repeated = new_item(), new_item(body="another body", received_at=NOW + 60)
    client = aws()
    store_event(client, table, overflow, first, within=WITHIN)

    assert store_event(client, table, overflow, repeated, within=WITHIN) == "repeat"
    assert stored() == [as_stored(first)]


def test_a_stored_event_is_not_sent_to_the_queue(
    aws: Callable[..., AwsClient], table: str, overflow: str, queued: Callable[[], Any]
) -> None:
    for _ in range(2):
        store_event(aws(), table, overflow, new_item(), within=WITHIN)

    assert queued() == []


def test_events_with_equal_times_are_separate_items(
    aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    for status in ("started", "ringing"):
        store_event(aws(), table, overflow, new_item(status=status), within=WITHIN)

    assert {i["status"] for i in stored()} == {"started", "ringing"}


@pytest.mark.parametrize(
    "body",
    ["", "\x00\x7f", "{}" * 131_072, "\u00e9" * 131_072, "\U0001f642" * 65_536, '"\\' * 131_072],
    ids=["empty", "control", "braces", "two bytes", "four bytes", "quotes"],
)
def test_any_body_up_to_256_kib_is_stored(
    body: str, aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    assert store_event(aws(), table, overflow, new_item(body), within=WITHIN) == "kept"
    assert [i["body"] for i in stored()] == [body]


@pytest.mark.parametrize(
    "body",
    ["", "\x00\x7f", "{}" * 131_072, "\u00e9" * 131_072, "\U0001f642" * 65_536, '"\\' * 131_072],
    ids=["empty", "control", "braces", "two bytes", "four bytes", "quotes"],
)
def test_any_body_up_to_256_kib_fits_in_the_queue(
    body: str,
    unreachable: str,
    aws: Callable[..., AwsClient],
    table: str,
    overflow: str,
    queued: Callable[[], Any],
) -> None:
    item = new_item(body)

    assert (
        store_event(aws(dynamodb=unreachable), table, overflow, item, within=WITHIN) == "overflowed"
    )
    assert queued() == [item]


def test_an_event_that_the_table_rejects_goes_to_the_queue(
    aws: Callable[..., AwsClient], overflow: str, queued: Callable[[], Any]
) -> None:
    item = new_item()

    assert store_event(aws(), "no-such-table", overflow, item, within=WITHIN) == "overflowed"
    assert queued() == [item]


def test_an_event_goes_to_the_queue_if_the_table_is_too_slow(
    aws: Callable[..., AwsClient], table: str, overflow: str, queued: Callable[[], Any]
) -> None:
    item = new_item()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = aws(dynamodb=f"http://127.0.0.1:{silent.getsockname()[1]}")

        assert store_event(client, table, overflow, item, within=0.3) == "overflowed"
    assert queued() == [item]


def test_a_queued_event_is_stored_once(
    unreachable: str,
    aws: Callable[..., AwsClient],
    table: str,
    overflow: str,
    stored: Callable[[], Any],
    queued: Callable[[], Any],
) -> None:
    item = new_item()
    store_event(aws(dynamodb=unreachable), table, overflow, item, within=WITHIN)
    (drained,) = queued()

    assert [put_if_absent(aws(), table, drained, within=WITHIN) for _ in range(2)] == [True, False]
    assert stored() == [as_stored(item)]


def test_an_event_that_is_stored_and_queued_is_one_item(
    unreachable: str,
    aws: Callable[..., AwsClient],
    table: str,
    overflow: str,
    stored: Callable[[], Any],
    queued: Callable[[], Any],
) -> None:
    store_event(aws(dynamodb=unreachable), table, overflow, new_item(), within=WITHIN)
    store_event(aws(), table, overflow, new_item(received_at=NOW + 1), within=WITHIN)
    (drained,) = queued()

    assert put_if_absent(aws(), table, drained, within=WITHIN) is False
    assert len(stored()) == 1


def test_an_event_that_neither_accepts_raises_an_error(
    unreachable: str, aws: Callable[..., AwsClient], table: str, overflow: str
) -> None:
    with pytest.raises(AwsError, match="SendMessage"):
        store_event(
            aws(dynamodb=unreachable, sqs=unreachable), table, overflow, new_item(), within=WITHIN
        )


def test_an_unreachable_queue_does_not_matter_if_the_table_works(
    unreachable: str, aws: Callable[..., AwsClient], table: str, overflow: str
) -> None:
    assert store_event(aws(sqs=unreachable), table, overflow, new_item(), within=WITHIN) == "kept"
