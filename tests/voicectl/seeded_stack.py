"""A stack's table, bucket and queues in a fake AWS, with data as functions store it."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from records.event import event_item, parse_event
from records.recording_item import ArchiveKey, FileInfo, recording_item
from voicectl.stack import DeployedStack
from voicectl.stored_data import DataEraser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_REGION = "eu-west-1"
_AT = 1_800_000_000.0
_CONTENT = FileInfo(3, "0" * 64, "0" * 8, "audio/mpeg", 1.0, 1)


class SeededStack:
    """The storage of a stack.

    Attributes
    ----------
    fails
        Called with each operation of boto3's clients; returns whether it fails.
    unprocessed
        How many of the next batch deletions DynamoDB leaves unprocessed.
    """

    def __init__(self) -> None:
        self.fails: Callable[[str], bool] = lambda _operation: False
        self.unprocessed = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        self._open.callback(server.stop)
        host, port = server.get_host_and_port()
        self._endpoint = f"http://{host}:{port}"
        self._session = boto3.Session("AKIDEXAMPLE", "not-a-key", region_name=_REGION)
        own = uuid.uuid4()
        self.dynamodb, self.s3, self.sqs = (
            self._plain_client(name) for name in ("dynamodb", "s3", "sqs")
        )
        self.table, self.bucket = f"events-{own}", f"recordings-{own}"
        self._make_table()
        place = {"LocationConstraint": _REGION}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=place)
        versioning = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration=versioning)
        self.urls: dict[str, str] = {}
        for name in ("recordings", "overflow", "call-events"):
            self._make_queues(name, f"{name}-{own}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def eraser(self) -> DataEraser:
        """Return the class under test, with clients that can fail."""
        outputs = {
            "TableName": self.table,
            "BucketName": self.bucket,
            "RecordingsQueueUrl": self.urls["recordings"],
            "OverflowQueueUrl": self.urls["overflow"],
            "CallEventsQueueUrl": self.urls["call-events"],
        }
        stack = DeployedStack("own", _REGION, outputs, {}, session=self)
        return DataEraser(stack, lambda _line: None, lambda _seconds: None, wait=0)

    def client(self, service: str, **_: Any) -> Any:
        """Return a client that can fail, as boto3's session returns one."""
        return _Failing(self, self._plain_client(service))

    # Seeding

    def store(self, fields: dict[str, Any] | str) -> tuple[str, str]:
        """Store an event as the webhook functions do, and return its key; a text is a query."""
        item = stored_item(fields)
        self._put(item)
        return str(item["pk"]), str(item["sk"])

    def emit(self, fields: dict[str, Any], data: dict[str, Any]) -> tuple[str, str]:
        """Store an event at which a flow emitted an event with this data, and return its key."""
        emits = json.dumps([{"id": "e", "name": "order.placed", "data": data, "flow": "shop"}])
        item = stored_item(fields) | {"emits": emits}
        self._put(item)
        return str(item["pk"]), str(item["sk"])

    def lose(self, conversation: str, recording: str) -> None:
        """Store a recording that could not be fetched, with its event."""
        fields = {"conversation_uuid": conversation, "recording_uuid": recording}
        self.store(fields | {"recording_url": "https", "timestamp": "2026-01-31T12:00:09Z"})
        item = {"pk": f"recording#{recording}", "sk": "lost", "kind": "lost", "reason": "gone"}
        self._put(item | {"conversation": conversation})

    def record(self, conversation: str, recording: str) -> None:
        """Store a recording and its transcript, with their events."""
        for kind, url in (("record", "recording_url"), ("transcription", "transcription_url")):
            fields = {"conversation_uuid": conversation, "recording_uuid": recording, url: "https"}
            self.store(fields | {"timestamp": "2026-01-31T12:00:09Z"})
            key = ArchiveKey(kind, conversation, recording)
            self.s3.put_object(Bucket=self.bucket, Key=key.object_key, Body=b"abc")
            self._put(recording_item(key, _CONTENT, {}, _AT, 30))

    def claim(self, key: str, status: int, body: dict[str, Any]) -> None:
        """Store the idempotency record of a call that was placed."""
        item = {"pk": f"idempotency#{key}", "sk": "claim", "state": "placed", "request": "0" * 64}
        self._put(item | {"answer": json.dumps([status, body])})

    def send(self, queue: str, body: Any) -> None:
        """Send a message to a queue."""
        self.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=json.dumps(body))

    def _put(self, item: Mapping[str, str | int | float]) -> None:
        attributes = {
            name: {"S": value} if isinstance(value, str) else {"N": str(value)}
            for name, value in item.items()
        }
        self.dynamodb.put_item(TableName=self.table, Item=attributes)

    # Reading

    def items(self) -> set[tuple[str, str]]:
        """Return the keys of all items."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        return {(one["pk"]["S"], one["sk"]["S"]) for page in pages for one in page["Items"]}

    def partitions(self) -> set[str]:
        """Return the partition keys of all items."""
        return {pk for pk, _ in self.items()}

    def versions(self) -> set[str]:
        """Return the keys with any version, delete marker or upload in the bucket."""
        listed = self.s3.list_object_versions(Bucket=self.bucket)
        found = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        found += self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return {one["Key"] for one in found}

    def messages(self, queue: str) -> list[Any]:
        """Receive the visible messages of a queue."""
        bodies = []
        url = self.urls[queue]
        while got := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [json.loads(message["Body"]) for message in got]
        return bodies

    # Setup

    def _plain_client(self, service: str) -> Any:
        made = self._session.client(service, endpoint_url=self._endpoint)
        self._open.callback(made.close)
        return made

    def _make_table(self) -> None:
        def key(first: str) -> list[dict[str, str]]:
            return [
                {"AttributeName": first, "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ]

        index = {"IndexName": "by-leg", "KeySchema": key("leg")}
        self.dynamodb.create_table(
            TableName=self.table,
            KeySchema=key("pk"),
            GlobalSecondaryIndexes=[index | {"Projection": {"ProjectionType": "ALL"}}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "leg")
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def _make_queues(self, name: str, called: str) -> None:
        dead = self.sqs.create_queue(QueueName=f"{called}-dead")["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": 100}
        own = self.sqs.create_queue(
            QueueName=called, Attributes={"RedrivePolicy": json.dumps(policy)}
        )
        self.urls |= {name: own["QueueUrl"], f"{name} dead": dead}


class _Failing:
    """A boto3 client with the faults of a stack."""

    def __init__(self, stack: SeededStack, client: Any) -> None:
        self._stack = stack
        self._client = client

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._client, name)
        if name == "get_paginator":
            return called

        def call(**arguments: Any) -> Any:
            if self._stack.fails(name):
                raise ClientError({"Error": {"Code": "InternalServerError"}}, name)
            if name == "batch_write_item" and self._stack.unprocessed > 0:
                return self._process_some(called, arguments["RequestItems"])
            return called(**arguments)

        return call

    def _process_some(self, called: Any, items: dict[str, list[Any]]) -> dict[str, Any]:
        """Leave some of a batch unprocessed, as DynamoDB does when it throttles."""
        ((table, requests),) = items.items()
        left = min(self._stack.unprocessed, len(requests))
        self._stack.unprocessed -= left
        if requests[left:]:
            called(RequestItems={table: requests[left:]})
        return {"UnprocessedItems": {table: requests[:left]}}


def stored_item(fields: dict[str, Any] | str) -> dict[str, str | int]:
    """Return the item of an event; a text is the query string of a GET request."""
    if isinstance(fields, str):
        pairs = dict(pair.split("=", 1) for pair in fields.split("&"))
        return event_item(parse_event(pairs), fields, "GET", _AT, 30)
    return event_item(parse_event(fields), json.dumps(fields), "POST", _AT, 30)
