"""The AWS side of a stack on loopback: moto's server behind a proxy that can fail."""

from __future__ import annotations

import json
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


class FakeAws:
    """A table, the queues `overflow` and `recordings`, an account's secret, and a switchboard.

    Their names are this stack's own, since all of moto's servers in a process share what they hold.

    Attributes
    ----------
    aws
        The proxy through which functions reach it; the methods here go past it.
    account
        The Vonage account whose secret it holds.
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
            made = self._sqs.create_queue(QueueName=f"{name}-{uuid.uuid4()}")
            self._queues[name] = made["QueueUrl"]
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
        """Give the environment of a function of this stack."""
        own = {f"{name.upper()}_QUEUE_URL": url for name, url in self._queues.items()}
        own |= {"TABLE_NAME": self._table, "SIGNING_SECRET_ID": self._signing}
        own |= {"SWITCHBOARD_SECRET_ID": self._switchboard}
        return stack(**own) | credentials(self.aws.url) | changes

    def reset(self) -> None:
        """Let AWS be honest again, and empty the queues. What the table holds stays."""
        self.aws.reset()
        for name in self._queues:
            self.messages(name)

    def secret(self, text: str) -> str:
        """Make another secret, and give its name."""
        name = f"signing-{uuid.uuid4()}"
        self._secrets.create_secret(Name=name, SecretString=text)
        return name

    def items(self, conversation: str) -> list[dict[str, str]]:
        """Give what the table holds of a conversation."""
        found = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": conversation}},
        )["Items"]
        return [{name: next(iter(v.values())) for name, v in item.items()} for item in found]

    def messages(self, queue: str) -> list[Any]:
        """Take all messages from a queue."""
        bodies: list[Any] = []
        url = self._queues[queue]
        while got := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in got:
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
