"""How many signed webhooks the event function keeps in a second, beside a bare put_item."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from tests.bench.lambda_containers import ROOT
from tests.bench.moto_server import fake_aws
from tests.bench.stats import Measurement, in_turn, number, spread, table
from tests.support import webhooks
from tests.support.environment import credentials, stack
from tests.support.fake_aws import FakeAws
from tests.support.function_process import FunctionProcesses
from tests.support.signing import account

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.moto_server import BenchAws

_BLOCK = 25
_PACKAGES = Path(boto3.__file__).parents[1]
_SAMPLE = 10  # webhooks through which AWS calls are counted


def events(count: int, say: Callable[[str], None]) -> Measurement:
    """Keep so many events by the function, and as many items by boto3 alone, in turn.

    DynamoDB is moto's server, in a process of its own, for both.
    """
    ours = account()
    with fake_aws() as aws, ExitStack() as running:
        environment = _made(aws, ours.secret_string())
        keeping = running.enter_context(FunctionProcesses(environment | credentials(aws.url)))
        region = {"AWS_DEFAULT_REGION": "eu-west-2"}
        bare = running.enter_context(
            FunctionProcesses(
                environment | credentials(aws.url) | region,
                _PACKAGES,
                code=ROOT / "tests/bench/handlers",
            )
        )

        def keep() -> float:
            event = webhooks.post(ours, "event", webhooks.status(webhooks.conversation()))
            return _timed(keeping, "event", event)

        def put() -> float:
            return _timed(bare, "put_item", {"item": item | {"pk": {"S": str(uuid.uuid4())}}})

        keep()
        client = aws.client("dynamodb")
        item = client.scan(TableName=environment["TABLE_NAME"])["Items"][0]
        put()
        ways = {"ours": keep, "put_item": put}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn, name in in_turn(list(ways), -(-count // _BLOCK)):
            say(f"events {turn * _BLOCK}/{count} {name}")
            times[name] += [ways[name]() for _ in range(_BLOCK)]
    return _outcome(times, _calls())


def _made(aws: BenchAws, secret: str) -> dict[str, str]:
    """Make the table and the secret, and give a function's environment that names them."""
    name = f"events-{uuid.uuid4()}"
    aws.client("dynamodb").create_table(
        TableName=name,
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
    secrets = aws.client("secretsmanager")
    made = secrets.create_secret(Name=f"s-{name}", SecretString=secret)
    board = secrets.create_secret(Name=f"b-{name}", SecretString="{}")
    return stack(TABLE_NAME=name, SIGNING_SECRET_ID=made["ARN"], SWITCHBOARD_SECRET_ID=board["ARN"])


def _calls() -> dict[str, float]:
    """Count what the function asks AWS for, with its first webhook and with each one after it."""
    ours = account()
    with FakeAws(ours) as cloud, FunctionProcesses(cloud.environment()) as functions:
        counts = []
        for _ in range(_SAMPLE):
            event = webhooks.post(ours, "event", webhooks.status(webhooks.conversation()))
            _timed(functions, "event", event)
            counts.append(cloud.aws.asked.total())
            cloud.aws.reset()
    return {"first": counts[0], "warm": sum(counts[1:]) / (len(counts) - 1)}


def _timed(functions: FunctionProcesses, name: str, event: dict[str, Any]) -> float:
    begun = time.perf_counter()
    outcome = functions(name, event)
    took = time.perf_counter() - begun
    if outcome.raised or outcome.status != 204:
        raise RuntimeError(f"{name} failed: {outcome}")
    return took


def _outcome(times: dict[str, list[float]], calls: dict[str, float]) -> Measurement:
    milliseconds = {name: spread([1000 * one for one in those]) for name, those in times.items()}
    rate = {name: len(those) / sum(those) for name, those in times.items()}
    rows = [[name, milliseconds[name], number(rate[name])] for name in times]
    text = table(["event kept", "ms", "a second, one environment"], rows)
    text += f"\nAWS calls: {calls['first']:.0f} with the first webhook, {calls['warm']:g} after it"
    return Measurement(
        {
            "milliseconds": {name: one.described() for name, one in milliseconds.items()},
            "a_second": {name: round(one, 1) for name, one in rate.items()},
            "ours_to_put_item": round(
                milliseconds["ours"].median / milliseconds["put_item"].median, 3
            ),
            "aws_calls": calls,
        },
        text,
    )
