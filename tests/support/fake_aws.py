"""The AWS side of a stack on loopback: moto's server behind a proxy that injects faults."""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import boto3
from moto.server import ThreadedMotoServer

from tests.support.environment import credentials, stack
from tests.support.faulty_proxy import FaultyAws

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.signing import VonageSignature

# moto's server would print a line for each request.
logging.getLogger("werkzeug").setLevel(logging.WARNING)


class FakeAws:
    """A table, the queues `overflow` and `recordings`, an account's secret, and a switchboard.

    The names are unique, because all moto servers of a process share their data.

    Attributes
    ----------
    aws
        The proxy that functions use; the methods of this class bypass it.
    account
        The Vonage account whose signature secret is stored.
    """

    aws: FaultyAws

    def __init__(self, account: VonageSignature) -> None:
        self.account = account
        self._open = ExitStack()
        self._queues: dict[str, str] = {}
        self._table = f"events-{uuid.uuid4()}"

    def __enter__(self) -> Self:
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        self._open.callback(server.stop)
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        self.aws = self._open.enter_context(FaultyAws(endpoint))
        self._dynamodb, self._sqs, self._secrets = (
            self._client(name, endpoint) for name in ("dynamodb", "sqs", "secretsmanager")
        )
        self._dynamodb.create_table(
            TableName=self._table,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        for name in ("overflow", "recordings"):
            queue = self._sqs.create_queue(QueueName=f"{name}-{uuid.uuid4()}")
            self._queues[name] = queue["QueueUrl"]
        self._signing = self.secret(self.account.secret_string())
        self._switchboard = self.secret("{}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the environment of a function of this stack."""
        own = {f"{name.upper()}_QUEUE_URL": url for name, url in self._queues.items()}
        own |= {"TABLE_NAME": self._table, "SIGNING_SECRET_ID": self._signing}
        own |= {"SWITCHBOARD_SECRET_ID": self._switchboard}
        return stack(**own) | credentials(self.aws.url) | changes

    def reset(self) -> None:
        """Remove all faults and messages; keep the table."""
        self.aws.reset()
        for name in self._queues:
            self.messages(name)

    def secret(self, text: str) -> str:
        """Create another secret and return its name."""
        name = f"signing-{uuid.uuid4()}"
        self._secrets.create_secret(Name=name, SecretString=text)
        return name

    def items(self, conversation: str) -> list[dict[str, str]]:
        """Return the items of a conversation."""
        found = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": conversation}},
        )["Items"]
        return [{name: next(iter(v.values())) for name, v in item.items()} for item in found]

    def messages(self, queue: str) -> list[Any]:
        """Receive and delete all messages of a queue."""
        bodies: list[Any] = []
        url = self._queues[queue]
        while batch := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in batch:
                bodies.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def _client(self, service: str, endpoint: str) -> Any:
        client = boto3.client(
            service,
            endpoint_url=endpoint,
            region_name="eu-west-2",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-a-key",
        )
        self._open.callback(client.close)
        return client
