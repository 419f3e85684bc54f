"""Measure how fast the event function stores signed webhooks, compared with put_item."""

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
_SAMPLE = 10  # webhooks for which AWS requests are counted


def events(count: int, report_progress: Callable[[str], None]) -> Measurement:
    """Store events with the function, and the same number of items with boto3, in turn.

    For both, DynamoDB is moto's server in a separate process.
    """
    ours = account()
    with fake_aws() as aws, ExitStack() as running:
        environment = _create_stack(aws, ours.secret_string())
        ours_process = running.enter_context(FunctionProcesses(environment | credentials(aws.url)))
        region = {"AWS_DEFAULT_REGION": "eu-west-2"}
        boto3_process = running.enter_context(
            FunctionProcesses(
                environment | credentials(aws.url) | region,
                _PACKAGES,
                code=ROOT / "tests/bench/handlers",
            )
        )

        def store() -> float:
            event = webhooks.post(ours, "event", webhooks.status(webhooks.conversation()))
            return _timed(ours_process, "event", event)

        def put() -> float:
            return _timed(
                boto3_process, "put_item", {"item": item | {"pk": {"S": str(uuid.uuid4())}}}
            )

        store()
        client = aws.client("dynamodb")
        item = client.scan(TableName=environment["TABLE_NAME"])["Items"][0]
        put()
        operations = {"ours": store, "put_item": put}
        times: dict[str, list[float]] = {name: [] for name in operations}
        for turn, name in in_turn(list(operations), -(-count // _BLOCK)):
            report_progress(f"events {turn * _BLOCK}/{count} {name}")
            times[name] += [operations[name]() for _ in range(_BLOCK)]
    return _outcome(times, _calls())


def _create_stack(aws: BenchAws, secret: str) -> dict[str, str]:
    """Create the table and the secrets; return a function's environment with their names."""
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
    signing = secrets.create_secret(Name=f"s-{name}", SecretString=secret)
    switchboard = secrets.create_secret(Name=f"b-{name}", SecretString="{}")
    return stack(
        TABLE_NAME=name,
        SIGNING_SECRET_ID=signing["ARN"],
        SWITCHBOARD_SECRET_ID=switchboard["ARN"],
    )


def _calls() -> dict[str, float]:
    """Return the number of AWS requests for the first webhook, and the average for later ones."""
    ours = account()
    with FakeAws(ours) as fake, FunctionProcesses(fake.environment()) as functions:
        counts = []
        for _ in range(_SAMPLE):
            event = webhooks.post(ours, "event", webhooks.status(webhooks.conversation()))
            _timed(functions, "event", event)
            counts.append(fake.aws.asked.total())
            fake.aws.reset()
    return {"first": counts[0], "warm": sum(counts[1:]) / (len(counts) - 1)}


def _timed(functions: FunctionProcesses, name: str, event: dict[str, Any]) -> float:
    start = time.perf_counter()
    outcome = functions(name, event)
    seconds = time.perf_counter() - start
    if outcome.raised or outcome.status != 204:
        raise RuntimeError(f"{name} failed: {outcome}")
    return seconds


def _outcome(times: dict[str, list[float]], calls: dict[str, float]) -> Measurement:
    milliseconds = {name: spread([1000 * one for one in those]) for name, those in times.items()}
    rate = {name: len(those) / sum(those) for name, those in times.items()}
    rows = [[name, milliseconds[name], number(rate[name])] for name in times]
    text = table(["event stored", "ms", "per second, one environment"], rows)
    text += f"\nAWS requests: {calls['first']:.0f} for the first webhook, "
    text += f"{calls['warm']:g} for each later one"
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
