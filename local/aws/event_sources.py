"""Invoke functions with messages from SQS queues, as Lambda's event source mappings do.

Messages that a function handled are deleted. The others become visible again after their visibility
timeout, and move to the dead-letter queue after the queue's ``maxReceiveCount``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.lambda_service import PayloadTooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.aws.lambda_service import Result
    from local.aws.stack import EventSourceMapping

RECEIVE_LIMIT = 10  # messages per request (SQS quotas)
_LONG_POLL = 20  # seconds, the maximum of SQS
_PAUSE = 1.0  # seconds after a failed request to the queue

logger = logging.getLogger(__name__)


class EventSources:
    """The event source mappings of a stack.

    Parameters
    ----------
    sources
        The mappings.
    invoke
        Invokes a function by its logical id.
    client
        A boto3 client for SQS.
    region
        The region in the records.
    """

    def __init__(
        self,
        sources: Sequence[EventSourceMapping],
        invoke: Callable[[str, Any], Awaitable[Result]],
        client: Any,
        region: str,
    ) -> None:
        self._sources = sources
        self._invoke = invoke
        self._client = client
        self._region = region
        self._tasks: list[asyncio.Task[None]] = []
        pollers = sum(source.concurrency for source in sources)
        self._threads = ThreadPoolExecutor(max(1, 2 * pollers), "sqs")

    def start(self) -> None:
        """Start as many pollers for each mapping as its concurrency allows."""
        self._tasks = [
            asyncio.create_task(self._poll(source))
            for source in self._sources
            for _ in range(source.concurrency)
        ]

    async def stop(self) -> None:
        """Stop polling. Messages in flight become visible again after their visibility timeout.

        The threads end with their current long polls, which fail as soon as moto's server stops.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def join(self) -> None:
        """Wait for the threads to end, after moto's server has stopped."""
        await asyncio.to_thread(self._threads.shutdown, wait=True)

    async def _poll(self, source: EventSourceMapping) -> None:
        while True:
            try:
                messages = await self._batch(source)
                if messages:
                    await self._deliver(source, messages)
            except (BotoCoreError, ClientError) as error:
                await asyncio.sleep(_PAUSE)  # first, since the platform ends if moto has ended
                logger.warning("%s: %s", source.queue_url, error)

    async def _batch(self, source: EventSourceMapping) -> list[dict[str, Any]]:
        """Return the available messages, or collect a batch until it is full or its window ends."""
        messages = await self._receive(source, source.batch_size, _LONG_POLL)
        if not messages or not source.window:
            return messages
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(source.window):
                while len(messages) < source.batch_size:
                    missing = source.batch_size - len(messages)
                    # A short poll: messages of a poll cut off by the window would stay invisible.
                    messages += await asyncio.shield(self._receive(source, missing, 0))
                    await asyncio.sleep(0.1)
        return messages

    async def _receive(
        self, source: EventSourceMapping, count: int, wait: int
    ) -> list[dict[str, Any]]:
        response = await self._call(
            self._client.receive_message,
            QueueUrl=source.queue_url,
            MaxNumberOfMessages=min(count, RECEIVE_LIMIT),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = response.get("Messages", [])
        return messages

    async def _deliver(self, source: EventSourceMapping, messages: list[dict[str, Any]]) -> None:
        try:
            result = await self._invoke(source.function, self._event(source, messages))
        except PayloadTooLarge as error:
            logger.warning("%s: %s", source.function, error)
            return
        if result.error is not None:
            return
        ids = {message["MessageId"] for message in messages}
        failed = failures(result.payload, ids) if source.reports_failures else set()
        handled = [message for message in messages if message["MessageId"] not in failed]
        for start in range(0, len(handled), RECEIVE_LIMIT):
            await self._call(
                self._client.delete_message_batch,
                QueueUrl=source.queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(handled[start : start + RECEIVE_LIMIT])
                ],
            )

    async def _call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: method(**arguments))

    def _event(self, source: EventSourceMapping, messages: list[dict[str, Any]]) -> dict[str, Any]:
        return {"Records": [self._record(source, message) for message in messages]}

    def _record(self, source: EventSourceMapping, message: dict[str, Any]) -> dict[str, Any]:
        """Build the record of a message (Lambda guide: using Lambda with Amazon SQS)."""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: _attribute(value)
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": source.queue_arn,
            "awsRegion": self._region,
        }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = value["BinaryValue"].decode("latin-1")
    return {**attribute, "dataType": value["DataType"]}


def failures(result: Any, ids: set[str]) -> set[str]:
    """Return the ids of the messages that a function reports as failed.

    Lambda guide, reporting batch item failures:

    1. null, an empty object, or a null or empty list: none failed;
    2. a result of another shape, an empty or missing identifier, or one that is not in the batch:
       all failed.
    """
    if result is None:
        return set()
    if not isinstance(result, dict):
        return ids
    listed = result.get("batchItemFailures")
    if listed is None:
        return set()
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return ids
    named = [one.get("itemIdentifier") for one in listed]
    if not all(isinstance(one, str) and one in ids for one in named):
        return ids
    return set(named)
