"""The AWS side of publishing events: what is stored, the queues, an event bus, and a topic."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import boto3
from moto.server import ThreadedMotoServer

from records.event import event_item, parse_event
from records.recording_item import ArchiveKey, FileInfo, lost_item, recording_item
from tests.support.environment import credentials, stack
from tests.support.faulty_proxy import FaultyAws

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.signing import VonageSignature

_SERVICES = ("dynamodb", "s3", "sqs", "sns", "events", "secretsmanager")
_KEEP_DAYS = 30


class SentMail(NamedTuple):
    """A mail that the topic got, and the number of its line."""

    subject: str
    text: str
    line: str | None


class PublishStack:
    """What publish_events reads and writes, with unique names.

    Attributes
    ----------
    aws
        The proxy that the function uses; the methods of this class bypass it.
    """

    aws: FaultyAws

    def __init__(self, account: VonageSignature) -> None:
        self.account = account
        self._open = ExitStack()

    def __enter__(self) -> Self:
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        self._open.callback(server.stop)
        host, port = server.get_host_and_port()
        self._endpoint = f"http://{host}:{port}"
        self.aws = self._open.enter_context(FaultyAws(self._endpoint))
        self.clients = {name: self._client(name) for name in _SERVICES}
        suffix = uuid.uuid4()
        self.table, self.bucket, self.bus = (f"{name}-{suffix}" for name in ("e", "r", "bus"))
        self._create_table()
        region = {"LocationConstraint": "eu-west-2"}
        self.clients["s3"].create_bucket(Bucket=self.bucket, CreateBucketConfiguration=region)
        create = self.clients["sqs"].create_queue
        self.queue, self.dead_queue, self._carried, self._mailed = (
            create(QueueName=f"{name}-{suffix}")["QueueUrl"]
            for name in ("queue", "dead", "carried", "mailed")
        )
        self._listen_to_bus()
        topic = self.clients["sns"].create_topic(Name=f"mails-{suffix}")
        self.topic = topic["TopicArn"]
        self.clients["sns"].subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=self._arn(self._mailed)
        )
        self.signing, self.switchboard = f"signing-{suffix}", f"switchboard-{suffix}"
        create_secret = self.clients["secretsmanager"].create_secret
        create_secret(Name=self.signing, SecretString=self.account.secret_string())
        create_secret(Name=self.switchboard, SecretString="{}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of the functions."""
        own = {
            "STAGE": "development",
            "TABLE_NAME": self.table,
            "BUCKET_NAME": self.bucket,
            "CALL_EVENTS_QUEUE_URL": self.queue,
            "CALL_EVENTS_DEAD_LETTER_QUEUE_URL": self.dead_queue,
            "EVENT_BUS_NAME": self.bus,
            "NOTIFICATION_TOPIC_ARN": self.topic,
            "SETTLE_SECONDS": "0",
            "BASE_URL": "https://voice.example.com",
            "SIGNING_SECRET_ID": self.signing,
            "SWITCHBOARD_SECRET_ID": self.switchboard,
            "AWS_DEFAULT_REGION": "eu-west-2",
        }
        return stack(**own) | credentials(self.aws.url) | changes

    def reset(self) -> None:
        """Remove all faults, messages, events and mails; keep what is stored."""
        self.aws.reset()
        # Messages that wait cannot be received. Only SQS itself purges once a minute at most.
        sqs = self.clients["sqs"]
        sqs.delete_queue(QueueUrl=self.queue)
        sqs.create_queue(QueueName=self.queue.rpartition("/")[2])
        for url in (self.queue, self.dead_queue, self._carried, self._mailed):
            self._receive(url)

    def set_switchboard(self, document: dict[str, Any]) -> str:
        """Store a switchboard under a new name, and return the name."""
        name = f"switchboard-{uuid.uuid4()}"
        text = json.dumps(document)
        self.clients["secretsmanager"].create_secret(Name=name, SecretString=text)
        return name

    def put(self, item: dict[str, Any]) -> dict[str, Any]:
        """Store an item, and return its record in the stream."""
        image = {
            name: {"S": value} if isinstance(value, str) else {"N": str(value)}
            for name, value in item.items()
        }
        self.clients["dynamodb"].put_item(TableName=self.table, Item=image)
        return stream_record(image)

    def event(self, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Store an event of Vonage, and return its record in the stream."""
        item = event_item(parse_event(fields), json.dumps(fields), "POST", 1e9, _KEEP_DAYS)
        return self.put({**item, **more})

    def hide_from_index(self, record: dict[str, Any]) -> None:
        """Hide an item from the index of legs, which is eventually consistent."""
        self.clients["dynamodb"].update_item(
            TableName=self.table, Key=record["dynamodb"]["Keys"], UpdateExpression="REMOVE leg"
        )

    def recording(
        self,
        conversation: str,
        recording: str,
        stored_at: float,
        *,
        kind: str = "record",
        seconds: float | None = 23.4,
        **labels: str | int,
    ) -> dict[str, Any]:
        """Store the item of a recording or transcript, and return its record in the stream."""
        key = ArchiveKey(kind, conversation, recording)
        file = FileInfo(1000, "ab", "cd", "audio/mpeg", seconds, 1)
        return self.put(recording_item(key, file, labels, stored_at, _KEEP_DAYS))

    def lost(self, conversation: str, recording: str, **labels: str | int) -> dict[str, Any]:
        """Store the item of a lost recording, and return its record in the stream."""
        key = ArchiveKey("record", conversation, recording)
        return self.put(lost_item(key, "gone", labels, 1e9, _KEEP_DAYS))

    def store_object(self, key: str, content: bytes) -> None:
        """Store an object in the bucket."""
        self.clients["s3"].put_object(Bucket=self.bucket, Key=key, Body=content)

    def queued(self) -> list[Any]:
        """Receive and delete the messages of the queue."""
        return self._receive(self.queue)

    def waiting(self) -> int:
        """Return how many messages of the queue cannot be received yet."""
        response = self.clients["sqs"].get_queue_attributes(
            QueueUrl=self.queue, AttributeNames=["All"]
        )
        return int(response["Attributes"]["ApproximateNumberOfMessagesDelayed"])

    def dead(self) -> list[Any]:
        """Receive and delete the messages of the dead-letter queue."""
        return self._receive(self.dead_queue)

    def events(self) -> list[dict[str, Any]]:
        """Return the events that the bus carried since the last time."""
        return self._receive(self._carried)

    def mails(self) -> list[SentMail]:
        """Return the mails that the topic got since the last time."""
        return [
            SentMail(
                one["Subject"],
                one["Message"],
                one.get("MessageAttributes", {}).get("line", {}).get("Value"),
            )
            for one in self._receive(self._mailed)
        ]

    def _create_table(self) -> None:
        keys = {"by-leg": "leg", "by-day": "day"}
        self.clients["dynamodb"].create_table(
            TableName=self.table,
            KeySchema=_key_schema("pk"),
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "leg", "day")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": name,
                    "KeySchema": _key_schema(key),
                    "Projection": {"ProjectionType": "ALL"},
                }
                for name, key in keys.items()
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def _listen_to_bus(self) -> None:
        events = self.clients["events"]
        events.create_event_bus(Name=self.bus)
        pattern = json.dumps({"source": [{"prefix": "voice"}]})
        events.put_rule(Name="all", EventBusName=self.bus, EventPattern=pattern)
        target = {"Id": "carried", "Arn": self._arn(self._carried)}
        events.put_targets(Rule="all", EventBusName=self.bus, Targets=[target])

    def _arn(self, url: str) -> str:
        response = self.clients["sqs"].get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )
        return str(response["Attributes"]["QueueArn"])

    def _receive(self, url: str) -> list[Any]:
        sqs, bodies = self.clients["sqs"], []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def _client(self, service: str) -> Any:
        client = boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name="eu-west-2",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-a-key",
        )
        self._open.callback(client.close)
        return client


def stream_record(image: dict[str, Any], sequence: str = "1") -> dict[str, Any]:
    """Return the record of a new item in the stream, as Lambda gets it."""
    return {
        "eventID": sequence,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {name: image[name] for name in ("pk", "sk") if name in image},
            "NewImage": image,
            "SequenceNumber": sequence,
            "StreamViewType": "NEW_IMAGE",
        },
    }


def queue_record(body: object, identifier: str = "0") -> dict[str, Any]:
    """Return a message of the queue, as Lambda gets it."""
    return {
        "messageId": identifier,
        "receiptHandle": "none",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-2:123456789012:queue",
        "awsRegion": "eu-west-2",
    }


def seconds(text: str) -> float:
    """Return an ISO 8601 time in UTC in seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _key_schema(key: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": key, "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
