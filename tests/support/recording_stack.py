"""The AWS side of fetching recordings: a table, a bucket, queues, a secret, and faults."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import boto3
from moto.server import ThreadedMotoServer

from tests.support.environment import credentials, stack
from tests.support.fake_vonage import secret
from tests.support.faulty_proxy import FaultyAws

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from tests.support.vonage_files import VonageFiles


class StoredObject(NamedTuple):
    """An object in the bucket."""

    body: bytes
    content_type: str
    metadata: dict[str, str]


class DeadLetter(NamedTuple):
    """A message in the dead-letter queue."""

    reason: str
    attempts: str
    body: str


class RecordingStack:
    """The storage of a stack, with unique names.

    Parameters
    ----------
    files
        The source of recordings, whose TLS certificate the proxy has too.

    Attributes
    ----------
    aws
        The proxy that the function uses; the methods of this class bypass it.
    """

    aws: FaultyAws

    def __init__(self, files: VonageFiles) -> None:
        self._files = files
        self._open = ExitStack()

    def __enter__(self) -> Self:
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        self._open.callback(server.stop)
        host, port = server.get_host_and_port()
        self._endpoint = f"http://{host}:{port}"
        self.aws = self._open.enter_context(FaultyAws(self._endpoint, self._files.tls))
        self.clients = {
            name: self._client(name) for name in ("dynamodb", "s3", "sqs", "secretsmanager")
        }
        suffix = uuid.uuid4()
        self.table, self.bucket = f"events-{suffix}", f"recordings-{suffix}"
        self.clients["dynamodb"].create_table(
            TableName=self.table,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        region = {"LocationConstraint": "eu-west-2"}
        self.clients["s3"].create_bucket(Bucket=self.bucket, CreateBucketConfiguration=region)
        sqs = self.clients["sqs"]
        self.queue, self.dead_queue = (
            sqs.create_queue(QueueName=f"{name}-{suffix}")["QueueUrl"] for name in ("jobs", "dead")
        )
        self.secret = f"application-{suffix}"
        self.clients["secretsmanager"].create_secret(Name=self.secret, SecretString=secret())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of the function."""
        own = {
            "TABLE_NAME": self.table,
            "BUCKET_NAME": self.bucket,
            "RECORDINGS_QUEUE_URL": self.queue,
            "RECORDINGS_DEAD_LETTER_QUEUE_URL": self.dead_queue,
            "APPLICATION_SECRET_ID": self.secret,
            "KEEP_RECORDINGS_DAYS": "30",
            "MAX_RECORDING_MEGABYTES": "32",
            "RETRY_SECONDS": "1",
            "VONAGE_LOCAL_HOST": self._files.host,
            "REQUESTS_CA_BUNDLE": str(self._files.ca_file),
            "AWS_DEFAULT_REGION": "eu-west-2",
        }
        return stack(**own) | credentials(self.aws.url) | changes

    def record(self, body: str, attempt: int = 1) -> dict[str, Any]:
        """Send and receive a message, and return it as the record in Lambda's event."""
        sqs = self.clients["sqs"]
        sqs.send_message(QueueUrl=self.queue, MessageBody=body)
        (message,) = sqs.receive_message(QueueUrl=self.queue, VisibilityTimeout=600)["Messages"]
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(attempt)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-2:123456789012:recordings",
            "awsRegion": "eu-west-2",
        }

    def objects(self, recording: str) -> dict[str, StoredObject]:
        """Return the objects of a recording, by key."""
        s3 = self.clients["s3"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        found = {}
        for key in keys:
            if recording in key:
                response = s3.get_object(Bucket=self.bucket, Key=key)
                body = response["Body"].read()
                found[key] = StoredObject(body, response["ContentType"], response["Metadata"])
        return found

    def uploads(self) -> list[str]:
        """Return the keys of unfinished multipart uploads."""
        response = self.clients["s3"].list_multipart_uploads(Bucket=self.bucket)
        return [one["Key"] for one in response.get("Uploads", [])]

    def items(self, partition: str) -> list[dict[str, str]]:
        """Return the items of a partition."""
        response = self.clients["dynamodb"].query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )
        return [{k: next(iter(v.values())) for k, v in one.items()} for one in response["Items"]]

    def dead(self) -> list[DeadLetter]:
        """Receive and delete all messages of the dead-letter queue."""
        sqs = self.clients["sqs"]
        found = []
        while messages := sqs.receive_message(
            QueueUrl=self.dead_queue, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                values = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
                found.append(DeadLetter(values["reason"], values["attempts"], message["Body"]))
                sqs.delete_message(QueueUrl=self.dead_queue, ReceiptHandle=message["ReceiptHandle"])
        return found

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


def message(
    fields: dict[str, Any],
    received_at: float = 1_800_000_000.0,
    state: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the message that the webhook function sends for an event.

    ``state`` are the parameters of the URL that a flow gave the recording.
    """
    job = {"method": "POST", "body": json.dumps(fields), "received_at": received_at}
    return json.dumps(job | {"own": sorted(state), "state": dict(state)})
