"""The one write, against moto's DynamoDB and SQS as the template describes them, and against none.

A service that is down is a port on which nobody listens; one that hangs takes connections and never
answers.
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
    """YAML whose short functions (`!Ref`, `!Sub`) are read as nothing: no key of ours has any."""


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
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def sdk(cloud: str) -> Iterator[Callable[[str], Any]]:
    with contextlib.ExitStack() as stack:

        def client(service: str) -> Any:
            made = boto3.client(
                service,
                endpoint_url=cloud,
                region_name="eu-west-2",
                aws_access_key_id="AKIDEXAMPLE",
                aws_secret_access_key="secret",
            )
            return stack.enter_context(contextlib.closing(made))

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
    """Make the caller; `dynamodb` and `sqs` say where these are, if not at moto's."""
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
def waiting(sdk: Callable[[str], Any], overflow: str) -> Callable[[], list[Any]]:
    def read() -> list[Any]:
        messages = sdk("sqs").receive_message(QueueUrl=overflow, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]

    return read


def an_item(body: str | None = None, received_at: float = NOW, **fields: Any) -> dict[str, Any]:
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


def as_stored(made: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in made.items()}


def test_the_table_has_the_keys_that_items_have() -> None:
    definitions = {part["AttributeName"] for part in TABLE["AttributeDefinitions"]}
    schemas = [TABLE["KeySchema"], *(i["KeySchema"] for i in TABLE["GlobalSecondaryIndexes"])]
    keys = {part["AttributeName"] for schema in schemas for part in schema}

    assert definitions == keys
    assert keys | {TABLE["TimeToLiveSpecification"]["AttributeName"]} <= an_item().keys()


def test_the_list_of_a_day_shows_only_what_items_have() -> None:
    (by_day,) = (i for i in TABLE["GlobalSecondaryIndexes"] if i["IndexName"] == "by-day")

    assert set(by_day["Projection"]["NonKeyAttributes"]) <= an_item(duration="6").keys()


def test_an_event_is_kept_as_it_came(
    aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    made = an_item()

    assert store_event(aws(), table, overflow, made, within=WITHIN) == "kept"
    assert stored() == [as_stored(made)]


def test_a_repeat_leaves_what_was_kept_first(
    aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    first, again = an_item(), an_item(body="the same in other words", received_at=NOW + 60)
    caller = aws()
    store_event(caller, table, overflow, first, within=WITHIN)

    assert store_event(caller, table, overflow, again, within=WITHIN) == "repeat"
    assert stored() == [as_stored(first)]


def test_a_kept_event_waits_on_no_queue(
    aws: Callable[..., AwsClient], table: str, overflow: str, waiting: Callable[[], Any]
) -> None:
    for _ in range(2):
        store_event(aws(), table, overflow, an_item(), within=WITHIN)

    assert waiting() == []


def test_events_of_one_moment_are_kept_side_by_side(
    aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    for status in ("started", "ringing"):
        store_event(aws(), table, overflow, an_item(status=status), within=WITHIN)

    assert {i["status"] for i in stored()} == {"started", "ringing"}


@pytest.mark.parametrize(
    "body",
    ["", "\x00\x7f", "{}" * 131_072, "\u00e9" * 131_072, "\U0001f642" * 65_536, '"\\' * 131_072],
    ids=["empty", "control", "braces", "two bytes", "four bytes", "quotes"],
)
def test_a_body_of_any_kind_up_to_256_kib_is_kept(
    body: str, aws: Callable[..., AwsClient], table: str, overflow: str, stored: Callable[[], Any]
) -> None:
    assert store_event(aws(), table, overflow, an_item(body), within=WITHIN) == "kept"
    assert [i["body"] for i in stored()] == [body]


@pytest.mark.parametrize(
    "body",
    ["", "\x00\x7f", "{}" * 131_072, "\u00e9" * 131_072, "\U0001f642" * 65_536, '"\\' * 131_072],
    ids=["empty", "control", "braces", "two bytes", "four bytes", "quotes"],
)
def test_a_body_of_any_kind_up_to_256_kib_overflows(
    body: str,
    nobody: str,
    aws: Callable[..., AwsClient],
    table: str,
    overflow: str,
    waiting: Callable[[], Any],
) -> None:
    made = an_item(body)

    assert store_event(aws(dynamodb=nobody), table, overflow, made, within=WITHIN) == "overflowed"
    assert waiting() == [made]


def test_an_event_that_the_table_refuses_overflows(
    aws: Callable[..., AwsClient], overflow: str, waiting: Callable[[], Any]
) -> None:
    made = an_item()

    assert store_event(aws(), "no-such-table", overflow, made, within=WITHIN) == "overflowed"
    assert waiting() == [made]


def test_an_event_for_which_the_table_takes_too_long_overflows(
    aws: Callable[..., AwsClient], table: str, overflow: str, waiting: Callable[[], Any]
) -> None:
    made = an_item()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        caller = aws(dynamodb=f"http://127.0.0.1:{silent.getsockname()[1]}")

        assert store_event(caller, table, overflow, made, within=0.3) == "overflowed"
    assert waiting() == [made]


def test_what_overflowed_is_kept_once_by_the_same_write(
    nobody: str,
    aws: Callable[..., AwsClient],
    table: str,
    overflow: str,
    stored: Callable[[], Any],
    waiting: Callable[[], Any],
) -> None:
    made = an_item()
    store_event(aws(dynamodb=nobody), table, overflow, made, within=WITHIN)
    (drained,) = waiting()

    assert [put_if_absent(aws(), table, drained, within=WITHIN) for _ in range(2)] == [True, False]
    assert stored() == [as_stored(made)]


def test_an_event_that_came_again_after_it_overflowed_is_one_item(
    nobody: str,
    aws: Callable[..., AwsClient],
    table: str,
    overflow: str,
    stored: Callable[[], Any],
    waiting: Callable[[], Any],
) -> None:
    store_event(aws(dynamodb=nobody), table, overflow, an_item(), within=WITHIN)
    store_event(aws(), table, overflow, an_item(received_at=NOW + 1), within=WITHIN)
    (drained,) = waiting()

    assert put_if_absent(aws(), table, drained, within=WITHIN) is False
    assert len(stored()) == 1


def test_an_event_that_neither_takes_is_not_said_to_be_kept(
    nobody: str, aws: Callable[..., AwsClient], table: str, overflow: str
) -> None:
    with pytest.raises(AwsError, match="SendMessage"):
        store_event(aws(dynamodb=nobody, sqs=nobody), table, overflow, an_item(), within=WITHIN)


def test_a_queue_that_is_down_does_not_matter_while_the_table_takes_events(
    nobody: str, aws: Callable[..., AwsClient], table: str, overflow: str
) -> None:
    assert store_event(aws(sqs=nobody), table, overflow, an_item(), within=WITHIN) == "kept"
