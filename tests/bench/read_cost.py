"""Measure the cost of reading records: it grows with what is shown, not with what is stored.

The table is a list in memory that implements queries as in DynamoDB's documentation, and counts
the items read. moto would read every item for any query. A client of botocore signs the requests
and parses the JSON of the responses; only the network and DynamoDB's own work are missing.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse

from records.event import event_item, parse_event
from records.reader import RecordReader
from records.timeline import build_timeline
from tests.bench.stats import Measurement, Spread, number, spread, table
from tests.support import webhooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest

EVENTS = (10, 100, 1000)
CALLS = (10, 1000, 100_000)
_SHOWN = 50  # entries on a page
_DAY = "2026-03-29"
_PAGE = 1024 * 1024  # maximum bytes per query


class _Table:
    """A table and its two indexes, each a list sorted by partition and sort key."""

    def __init__(self, items: list[dict[str, str | int]]) -> None:
        typed = [{name: _typed(value) for name, value in one.items()} for one in items]
        self.read = 0
        self._items = {(one["pk"]["S"], one["sk"]["S"]): one for one in typed}
        self._lists = {
            name: sorted(((one[name]["S"], one["sk"]["S"]), one) for one in typed if name in one)
            for name in ("pk", "leg", "day")
        }

    def query(
        self,
        *,
        ExpressionAttributeValues: dict[str, dict[str, str]],
        ProjectionExpression: str | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
        Limit: int | None = None,
        ExclusiveStartKey: dict[str, dict[str, str]] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """Return a page of a partition."""
        ((name, value),) = ExpressionAttributeValues.items()
        listed, partition = self._lists[name.lstrip(":")], value["S"]
        after = (partition, ExclusiveStartKey["sk"]["S"]) if ExclusiveStartKey else None
        start = (
            bisect_right(listed, after, key=lambda one: one[0])
            if after
            else bisect_left(listed, (partition, ""), key=lambda one: one[0])
        )
        found: list[dict[str, Any]] = []
        size = 0
        for (of, _sort), one in listed[start : start + (Limit or len(listed))]:
            if of != partition or size > _PAGE:
                break
            found.append(one)
            size += sum(len(str(it)) for it in one.values())
        self.read += len(found)
        more = start + len(found) < len(listed) and listed[start + len(found)][0][0] == partition
        last = {key: found[-1][key] for key in ("day", "pk", "sk") if key in found[-1]}
        if ProjectionExpression:
            names = ExpressionAttributeNames or {}
            asked = [names.get(one, one) for one in ProjectionExpression.split(", ")]
            found = [{name: one[name] for name in asked if name in one} for one in found]
        return {"Items": found, **({"LastEvaluatedKey": last} if more and found else {})}

    def batch_get_item(self, *, RequestItems: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Return items by their keys."""
        ((table_name, request),) = RequestItems.items()
        found = [self._items[key["pk"]["S"], key["sk"]["S"]] for key in request["Keys"]]
        self.read += len(found)
        return {"Responses": {table_name: found}}


class _Body:
    """The body of a response, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._content


class _Service:
    """DynamoDB's side of a client: JSON, prepared once for each request.

    Attributes
    ----------
    client
        A client of boto3 whose requests this answers.
    read
        The number of items read.
    """

    def __init__(self, queried: _Table) -> None:
        self.read = 0
        self._operations: dict[str, Callable[..., dict[str, Any]]] = {
            "Query": queried.query,
            "BatchGetItem": queried.batch_get_item,
        }
        self._queried = queried
        self._prepared: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        self.client = boto3.client(
            "dynamodb",
            region_name="eu-west-2",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-a-key",
        )
        self.client.meta.events.register("before-send.dynamodb", self._respond)

    def _respond(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        key = request.headers["X-Amz-Target"].decode().rpartition(".")[2], request.body
        if key not in self._prepared:
            self._prepared[key] = self._prepare(*key)
        content, read = self._prepared[key]
        self.read += read
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, 200, headers, _Body(content))

    def _prepare(self, operation: str, body: bytes) -> tuple[bytes, int]:
        """Return a response and the number of items read for it."""
        asked = json.loads(body)
        arguments = {"RequestItems": asked["RequestItems"]} if "RequestItems" in asked else asked
        before = self._queried.read
        response = self._operations[operation](**arguments)
        return json.dumps(response, separators=(",", ":")).encode(), self._queried.read - before


def reading(rounds: int, report_progress: Callable[[str], None]) -> Measurement:
    """Read timelines of conversations of each length, and a page of days of each size."""
    timelines = {}
    for count in EVENTS:
        report_progress(f"reading a timeline of {count:,} events")
        timelines[count] = _timeline(count, rounds)
    histories = {}
    for count in CALLS:
        report_progress(f"reading the history of {count:,} calls")
        histories[count] = _history(count, rounds)
    rows = [
        [f"timeline of {count:,} events", time_ms, read, number(1000 * time_ms.median / count)]
        for count, (time_ms, read) in timelines.items()
    ]
    rows += [
        [f"a page of {_SHOWN} of a day with {count:,} calls", time_ms, read, ""]
        for count, (time_ms, read) in histories.items()
    ]
    return Measurement(
        {
            "timeline": {str(count): _described(*one) for count, one in timelines.items()},
            "history": {str(count): _described(*one) for count, one in histories.items()},
        },
        table(["read", "ms", "items read", "µs an event"], rows),
    )


def _described(time_ms: Spread, read: int) -> dict[str, Any]:
    return {"milliseconds": time_ms.described(), "items_read": read}


def _timeline(count: int, rounds: int) -> tuple[Spread, int]:
    """Store a conversation among others, and read its leg."""
    items = [_item("CON-1", number_, leg=1) for number_ in range(count)]
    items += [_item(f"CON-{other}", 0, leg=other) for other in range(2, 1000)]
    service = _Service(_Table(items))
    reader = RecordReader(service.client, None, "events", "recordings")
    list(reader.events_of(f"{1:032x}"))  # the responses are prepared
    times = []
    for _ in range(rounds):
        service.read, start = 0, time.perf_counter()
        stored = reader.events_of(f"{1:032x}")
        events = build_timeline(one.event for one in stored).events
        times.append(1000 * (time.perf_counter() - start))
        if len(events) != count:
            raise RuntimeError(f"read {len(events)} events, expected {count}")
    return spread(times), service.read


def _history(count: int, rounds: int) -> tuple[Spread, int]:
    """Store calls of one day, and read its first page."""
    service = _Service(_Table([_item(f"CON-{call}", call, leg=call) for call in range(count)]))
    reader = RecordReader(service.client, None, "events", "recordings")
    reader.day(_DAY, _SHOWN, None)  # the responses are prepared
    times = []
    for _ in range(rounds):
        service.read, start = 0, time.perf_counter()
        page = reader.day(_DAY, _SHOWN, None)
        times.append(1000 * (time.perf_counter() - start))
        if len(page.entries) != min(count, _SHOWN):
            raise RuntimeError(f"read {len(page.entries)} entries, expected {min(count, _SHOWN)}")
    return spread(times), service.read


def _item(conversation: str, count: int, leg: int) -> dict[str, str | int]:
    """Return the item of one of many events on the day."""
    seconds, milliseconds = divmod(count, 1000)
    minutes, seconds = divmod(seconds, 60)
    when = f"{_DAY}T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{milliseconds:03}Z"
    fields = webhooks.status(conversation, uuid=f"{leg:032x}", timestamp=when, price=str(count))
    return event_item(parse_event(fields), json.dumps(fields), "POST", 1_800_000_000.0, 30)


def _typed(value: str | int) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
