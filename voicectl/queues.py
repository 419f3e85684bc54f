"""Inspect queues without losing messages: receive them, then delete or release them.

SQS cannot show a message without receiving it, which hides it from other consumers for the
visibility timeout. Messages that this process does not delete become visible again after that.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from voicectl.stack import DeployedStack

HELD = 600
"""Visibility timeout in seconds of messages that are being inspected."""
_BATCH = 10  # the maximum of one SQS request
WAIT = 1
"""Seconds of a long poll, which queries all of SQS's servers; a short poll queries only some."""
# Deleted by another consumer; visible again; received by another consumer.
_NOT_HELD = ("InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid")
SOURCES = {
    "recordings": "RecordingsQueueUrl",
    "overflow": "OverflowQueueUrl",
    "call-events": "CallEventsQueueUrl",
}
"""The output of each queue that functions consume; stacks of earlier versions lack the last."""


class Queue(NamedTuple):
    """A queue that a function consumes; ``dead_url`` is its dead-letter queue, or None."""

    name: str
    url: str
    dead_url: str | None


class Counts(NamedTuple):
    """Approximate numbers of messages in a queue: visible, and hidden."""

    waiting: int
    hidden: int


class Message(NamedTuple):
    """A received message.

    ``attributes`` are texts, ``received`` is the receive count of this queue, ``sent_at`` is in
    seconds since 1970.
    """

    url: str
    identifier: str
    receipt: str
    body: str
    attributes: dict[str, str]
    received: int
    sent_at: float


def queues(stack: DeployedStack, sqs: Any) -> list[Queue]:
    """Return the queues of a stack that functions consume, each with its dead-letter queue.

    Parameters
    ----------
    stack
        The stack.
    sqs
        boto3's client.
    """
    return [
        Queue(name, stack.outputs[output], _dead_url(sqs, stack.outputs[output]))
        for name, output in SOURCES.items()
        if output in stack.outputs
    ]


def count(sqs: Any, url: str) -> Counts:
    """Return the approximate numbers of messages in a queue."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    delayed = "ApproximateNumberOfMessagesDelayed"
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*names, delayed])["Attributes"]
    waiting, hidden, later = (int(found.get(name, 0)) for name in (*names, delayed))
    return Counts(waiting, hidden + later)


def receive(sqs: Any, url: str, most: int, wait: int = WAIT) -> list[Message]:
    """Receive up to ``most`` messages, and hide them for `HELD` seconds.

    A message that SQS delivers twice is returned once, with its latest receipt. The queue counts as
    empty if nothing arrives within ``wait`` seconds.
    """
    received: dict[str, Message] = {}
    while len(received) < most:
        batch = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(_BATCH, most - len(received)),
            WaitTimeSeconds=wait,
            VisibilityTimeout=HELD,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        ).get("Messages")
        if not batch:
            break
        messages = [_message(url, one) for one in batch]
        received |= {message.identifier: message for message in messages}
    return list(received.values())


def extend_visibility(sqs: Any, message: Message) -> bool:
    """Hide a message for another `HELD` seconds; return False if it is visible again."""
    try:
        sqs.change_message_visibility(
            QueueUrl=message.url, ReceiptHandle=message.receipt, VisibilityTimeout=HELD
        )
    except ClientError as error:
        if error.response["Error"]["Code"].rpartition(".")[2] not in _NOT_HELD:
            raise
        return False
    return True


def send(sqs: Any, url: str, body: str) -> None:
    """Send a message without attributes; its receive count starts from zero."""
    sqs.send_message(QueueUrl=url, MessageBody=body)


def delete(sqs: Any, message: Message) -> None:
    """Delete a received message; deleting it twice is not an error."""
    sqs.delete_message(QueueUrl=message.url, ReceiptHandle=message.receipt)


def release(sqs: Any, messages: Iterable[Message]) -> None:
    """Make messages visible again now; on failure, the visibility timeout does it later."""
    by_queue: dict[str, list[Message]] = {}
    for message in messages:
        by_queue.setdefault(message.url, []).append(message)
    for url, received in by_queue.items():
        for batch in _batches(received):
            entries = [
                {"Id": str(n), "ReceiptHandle": one.receipt, "VisibilityTimeout": 0}
                for n, one in enumerate(batch)
            ]
            with contextlib.suppress(BotoCoreError, ClientError):
                sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _batches(messages: list[Message]) -> Iterator[list[Message]]:
    for start in range(0, len(messages), _BATCH):
        yield messages[start : start + _BATCH]


def _dead_url(sqs: Any, url: str) -> str | None:
    """Return the dead-letter queue from a queue's redrive policy."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    policy = found.get("Attributes", {}).get("RedrivePolicy")
    if policy is None:
        return None
    name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
    dead_url: str = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return dead_url


def _message(url: str, fields: dict[str, Any]) -> Message:
    attributes = fields.get("MessageAttributes", {})
    return Message(
        url=url,
        identifier=fields["MessageId"],
        receipt=fields["ReceiptHandle"],
        body=fields["Body"],
        attributes={name: str(value.get("StringValue", "")) for name, value in attributes.items()},
        received=int(fields["Attributes"]["ApproximateReceiveCount"]),
        sent_at=int(fields["Attributes"]["SentTimestamp"]) / 1000,
    )
