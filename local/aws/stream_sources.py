"""Invoke functions with records of DynamoDB streams, as Lambda's event source mappings do.

Records arrive in order. A batch that fails is invoked again until the function has handled it, and
the records behind it wait (Lambda guide: using Lambda with DynamoDB streams).
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.event_pattern import matches
from local.aws.event_sources import failures
from local.aws.lambda_service import PayloadTooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from local.aws.lambda_service import Result
    from local.aws.stack import StreamMapping

_INTERVAL = 0.25  # seconds between looks at a stream; Lambda looks four times a second
_MAX_PAUSE = 10.0  # seconds before a retry

logger = logging.getLogger(__name__)


class StreamSources:
    """The event source mappings of a stack's DynamoDB streams.

    Parameters
    ----------
    mappings
        The mappings.
    invoke
        Invokes a function by its logical id.
    client
        A boto3 client for DynamoDB streams.
    region
        The region in the records.
    """

    def __init__(
        self,
        mappings: Sequence[StreamMapping],
        invoke: Callable[[str, Any], Awaitable[Result]],
        client: Any,
        region: str,
    ) -> None:
        self._running = asyncio.Event()
        self._running.set()
        self._followers = [
            _Follower(one, invoke, client, region, self._running) for one in mappings
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start to follow each stream from its first record."""
        self._tasks = [asyncio.create_task(one.follow()) for one in self._followers]

    async def stop(self) -> None:
        """Stop following. Records in flight are lost with the stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def pause(self) -> None:
        """Leave new records in the streams."""
        self._running.clear()

    def resume(self) -> None:
        """Read the streams again."""
        self._running.set()

    async def wait_until_read(self) -> None:
        """Wait until the functions have handled every record that is in the streams now.

        While the streams are paused, there is nothing to wait for.
        """
        if not self._running.is_set():
            return
        # A look that is under way may have begun before now; the one after it has not.
        goals = [(one, one.empty_looks + 2) for one in self._followers]
        while any(one.empty_looks < goal for one, goal in goals):
            await asyncio.sleep(_INTERVAL / 5)


class _Follower:
    """The position in one stream, and the invocations with its records."""

    def __init__(
        self,
        mapping: StreamMapping,
        invoke: Callable[[str, Any], Awaitable[Result]],
        client: Any,
        region: str,
        running: asyncio.Event,
    ) -> None:
        self.empty_looks = 0
        self._mapping = mapping
        self._invoke = invoke
        self._client = client
        self._region = region
        self._running = running
        self._shard: str | None = None
        self._position: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}

    async def follow(self) -> None:
        while True:
            await self._running.wait()
            try:
                records = await self._batch()
            except (BotoCoreError, ClientError) as error:
                await asyncio.sleep(1)  # first, since the platform ends if moto has ended
                logger.warning("%s: %s", self._mapping.stream_arn, error)
                continue
            if records:
                await self._handle([one for one in records if self._is_wanted(one)])
            else:
                self.empty_looks += 1
                await asyncio.sleep(_INTERVAL)

    async def _batch(self) -> list[dict[str, Any]]:
        """Return the available records, or collect a batch until it is full or its window ends."""
        records = await self._look(self._mapping.batch_size)
        end = asyncio.get_running_loop().time() + self._mapping.window
        while records and len(records) < self._mapping.batch_size:
            pause = min(_INTERVAL, end - asyncio.get_running_loop().time())
            if pause <= 0:
                break
            await asyncio.sleep(pause)
            records += await self._look(self._mapping.batch_size - len(records))
        return records

    async def _look(self, limit: int) -> list[dict[str, Any]]:
        found = await asyncio.to_thread(self._read, limit)
        if found:
            self._position = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": found[-1]["dynamodb"]["SequenceNumber"],
            }
        return [_json_form({**one, "awsRegion": self._region}) for one in found]

    def _read(self, limit: int) -> list[dict[str, Any]]:
        """Read with a new iterator: after a rollback, moto's old ones read the replaced table."""
        arn = self._mapping.stream_arn
        if self._shard is None:
            stream = self._client.describe_stream(StreamArn=arn)["StreamDescription"]
            self._shard = stream["Shards"][0]["ShardId"]
        iterator = self._client.get_shard_iterator(
            StreamArn=arn, ShardId=self._shard, **self._position
        )
        response = self._client.get_records(ShardIterator=iterator["ShardIterator"], Limit=limit)
        records: list[dict[str, Any]] = response["Records"]
        return records

    def _is_wanted(self, record: dict[str, Any]) -> bool:
        patterns = self._mapping.patterns
        return not patterns or any(matches(one, record) for one in patterns)

    async def _handle(self, records: list[dict[str, Any]]) -> None:
        """Invoke the function until it has handled all records, or the retries are used up."""
        retries = 0
        while records:
            handled = await self._invoke_with(records)
            if handled is None and self._mapping.bisects and len(records) > 1:
                middle = len(records) // 2  # a split does not count as a retry
                await self._handle(records[:middle])
                records = records[middle:]
                continue
            records = records[handled or 0 :]
            retries = 0 if handled else retries + 1
            if records and self._mapping.retries is not None and retries > self._mapping.retries:
                logger.warning("%s: dropped %s records", self._mapping.function, len(records))
                return
            if records:
                await asyncio.sleep(min(_INTERVAL * 2**retries, _MAX_PAUSE))

    async def _invoke_with(self, records: list[dict[str, Any]]) -> int | None:
        """Return the number of records before the first that failed; None if the batch failed."""
        arn = self._mapping.stream_arn
        event = {"Records": [{**one, "eventSourceARN": arn} for one in records]}
        try:
            result = await self._invoke(self._mapping.function, event)
        except PayloadTooLarge as error:
            logger.warning("%s: %s", self._mapping.function, error)
            return None
        if result.error is not None:
            return None
        if not self._mapping.reports_failures:
            return len(records)
        numbers = [one["dynamodb"]["SequenceNumber"] for one in records]
        failed = failures(result.payload, set(numbers))
        return min((numbers.index(one) for one in failed), default=len(records))


def _json_form(value: Any) -> Any:
    """Convert a record of boto3 to the JSON of Lambda's event."""
    if isinstance(value, dict):
        return {name: _json_form(one) for name, one in value.items()}
    if isinstance(value, (list, set)):
        return [_json_form(one) for one in value]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
