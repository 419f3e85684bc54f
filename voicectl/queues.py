"""Looking into queues without losing from them: messages are held, and given back or taken out.

SQS has no way to look. Whoever looks receives a message, which then is hidden from all others for a
while; what this process does not take out comes back, at the latest when that while is over.
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
"""Seconds that messages are hidden from others while somebody looks at them."""
_BATCH = 10  # what SQS takes and gives at once
WAIT = 1
"""Seconds of a long poll, which asks all of SQS's servers; a short one asks some of them."""
# Deleted meanwhile; back in the queue; received by somebody else.
_NOT_HELD = ("InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid")
_SOURCES = {"recordings": "RecordingsQueueUrl", "overflow": "OverflowQueueUrl"}


class Queue(NamedTuple):
    """A queue that a function takes from, and where what failed too often goes.

    ``dead_url`` is None where the queue has no dead-letter queue.
    """

    name: str
    url: str
    dead_url: str | None


class Counts(NamedTuple):
    """About how many messages a queue has: to be received, and hidden for now."""

    waiting: int
    hidden: int


class Message(NamedTuple):
    """A message that is held.

    ``told`` are its attributes as texts, ``received`` how often it was received from this queue,
    ``sent_at`` when it was sent, in seconds since 1970.
    """

    url: str
    identifier: str
    receipt: str
    body: str
    attributes: dict[str, str]
    received: int
    sent_at: float


def queues(stack: DeployedStack, sqs: Any) -> list[Queue]:
    """Give the queues of a stack that functions take from, each with its dead-letter queue.

    Parameters
    ----------
    stack
        The stack.
    sqs
        boto3's client.
    """
    return [
        Queue(name, stack.outputs[output], _dead_url(sqs, stack.outputs[output]))
        for name, output in _SOURCES.items()
        if output in stack.outputs
    ]


def count(sqs: Any, url: str) -> Counts:
    """Say about how many messages a queue has."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    delayed = "ApproximateNumberOfMessagesDelayed"
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*names, delayed])["Attributes"]
    waiting, hidden, later = (int(told.get(name, 0)) for name in (*names, delayed))
    return Counts(waiting, hidden + later)


def receive(sqs: Any, url: str, most: int, wait: int = WAIT) -> list[Message]:
    """Hold what a queue has, up to so many messages, for `HELD` seconds.

    A message that SQS gives twice is held once, by the receipt that came last. The queue counts as
    empty when nothing comes within ``wait`` seconds.
    """
    held: dict[str, Message] = {}
    while len(held) < most:
        got = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(_BATCH, most - len(held)),
            WaitTimeSeconds=wait,
            VisibilityTimeout=HELD,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        ).get("Messages")
        if not got:
            break
        held |= {message.identifier: message for message in (_message(url, one) for one in got)}
    return list(held.values())


def extend_visibility(sqs: Any, message: Message) -> bool:
    """Hold a message for another `HELD` seconds; False if it is held no more."""
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
    """Put a message on a queue. Whatever it was told before, its attempts begin anew."""
    sqs.send_message(QueueUrl=url, MessageBody=body)


def delete(sqs: Any, message: Message) -> None:
    """Delete a message that is held; one that is there no more stays so."""
    sqs.delete_message(QueueUrl=message.url, ReceiptHandle=message.receipt)


def release(sqs: Any, messages: Iterable[Message]) -> None:
    """Let others receive messages again at once; where that fails it happens by itself later."""
    by_queue: dict[str, list[Message]] = {}
    for message in messages:
        by_queue.setdefault(message.url, []).append(message)
    for url, held in by_queue.items():
        for batch in _batches(held):
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
    """Ask a queue for its dead-letter queue, which the stack's outputs need not name."""
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    policy = told.get("Attributes", {}).get("RedrivePolicy")
    if policy is None:
        return None
    name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
    found: str = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return found


def _message(url: str, got: dict[str, Any]) -> Message:
    attributes = got.get("MessageAttributes", {})
    return Message(
        url=url,
        identifier=got["MessageId"],
        receipt=got["ReceiptHandle"],
        body=got["Body"],
        attributes={name: str(value.get("StringValue", "")) for name, value in attributes.items()},
        received=int(got["Attributes"]["ApproximateReceiveCount"]),
        sent_at=int(got["Attributes"]["SentTimestamp"]) / 1000,
    )
