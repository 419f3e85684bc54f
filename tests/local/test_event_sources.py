"""Event source mappings: batches, failures, receive counts and the dead-letter queue."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.event_sources import failures

if TYPE_CHECKING:
    from local.local_platform import LocalPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def send(platform: LocalPlatform, do: str, **options: Any) -> str:
    """Send a message to the queue, and return its id."""
    sent = await asyncio.to_thread(
        platform.moto.client("sqs").send_message,
        QueueUrl=platform.stack.names["Jobs"],
        MessageBody=json.dumps({"do": do}),
        **options,
    )
    return str(sent["MessageId"])


async def deliveries(platform: LocalPlatform, message_id: str, count: int) -> list[dict[str, Any]]:
    """Wait until the function has received a message ``count`` times, and return the records."""
    async with asyncio.timeout(15):
        while True:
            lines = [json.loads(line.text) for line in platform.lambdas.log("Consumer")]
            records = [record for line in lines for record in line.get("Records", [])]
            found = [record for record in records if record["messageId"] == message_id]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def queue_size(platform: LocalPlatform) -> int:
    """Return the number of messages in the queue, those in flight included."""
    response = await asyncio.to_thread(
        platform.moto.client("sqs").get_queue_attributes,
        QueueUrl=platform.stack.names["Jobs"],
        AttributeNames=["All"],
    )
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return sum(int(response["Attributes"][name]) for name in names)


async def dead_letter(platform: LocalPlatform, message_id: str) -> dict[str, Any]:
    """Wait until a message is in the dead-letter queue, and return it."""
    client = platform.moto.client("sqs")
    async with asyncio.timeout(20):
        while True:
            response = await asyncio.to_thread(
                client.receive_message,
                QueueUrl=platform.stack.names["Dead"],
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
            )
            for message in response.get("Messages", []):
                if message["MessageId"] == message_id:
                    return dict(message)
            await asyncio.sleep(0.1)


async def test_a_message_is_delivered_as_a_lambda_record(platform: LocalPlatform) -> None:
    attribute = {"kind": {"DataType": "String", "StringValue": "new"}}
    message_id = await send(platform, "ok", MessageAttributes=attribute)
    (record,) = await deliveries(platform, message_id, 1)
    assert record["body"] == '{"do": "ok"}'
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].startswith(
        "arn:aws:sqs:eu-west-1:123456789012:voice-local-Jobs"
    )
    assert record["awsRegion"] == "eu-west-1"
    assert record["messageAttributes"]["kind"] == {
        "stringListValues": [],
        "binaryListValues": [],
        "stringValue": "new",
        "dataType": "String",
    }
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert {"SenderId", "SentTimestamp", "ApproximateFirstReceiveTimestamp"} <= set(
        record["attributes"]
    )
    assert {"receiptHandle", "md5OfBody"} <= set(record)


async def test_a_handled_message_is_deleted(platform: LocalPlatform) -> None:
    message_id = await send(platform, "ok")
    async with asyncio.timeout(15):
        while await queue_size(platform):
            await asyncio.sleep(0.05)
    assert len(await deliveries(platform, message_id, 1)) == 1


@pytest.mark.parametrize("do", ["fail", "nonsense", "raise"])
async def test_a_message_that_always_fails_moves_to_the_dead_letter_queue(
    platform: LocalPlatform, do: str
) -> None:
    message_id = await send(platform, do)
    records = await deliveries(platform, message_id, 2)
    counts = [record["attributes"]["ApproximateReceiveCount"] for record in records]
    assert counts == ["1", "2"]
    assert (await dead_letter(platform, message_id))["Body"] == json.dumps({"do": do})
    assert len(await deliveries(platform, message_id, 2)) == 2


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "z"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"other": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ["a"]}]}, {"a", "b"}),
        ({"batchItemFailures": "a"}, {"a", "b"}),
        ("ok", {"a", "b"}),
    ],
)
async def test_the_result_names_the_failed_messages(result: Any, failed: set[str]) -> None:
    assert failures(result, {"a", "b"}) == failed
