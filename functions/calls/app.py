"""The admin API: place and control calls, and read back what happened."""

from __future__ import annotations

import functools
import os
import random
import time
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from calls.idempotency import IdempotencyStore
from calls.routes import Services, make_handler
from calls.settings import from_environment
from calls.switchboard_secret import SwitchboardSecret
from dispatch.flow_runner import flow_names
from records.reader import RecordReader
from records.s3_client import s3_client
from vonage_client import InvalidPrivateKey, TokenSource, VoiceClient, session

if TYPE_CHECKING:
    from collections.abc import Callable

_CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


def aws_client(service: str) -> Any:
    """Return a boto3 client with time limits."""
    return s3_client(_CONFIG) if service == "s3" else boto3.client(service, config=_CONFIG)


@functools.cache
def _services() -> Services:
    settings = from_environment(os.environ)
    stack = settings.stack
    dynamodb, s3, secrets = map(aws_client, ("dynamodb", "s3", "secretsmanager"))
    tokens = TokenSource(secret_of(secrets, settings.application_secret_id))
    return Services(
        settings=settings,
        switchboard=SwitchboardSecret(secrets, stack, flow_names),
        idempotency=IdempotencyStore(
            dynamodb,
            stack.table_name,
            settings.calls_per_day,
            stack.keep_events_days,
            now=time.time,
            sleep=time.sleep,
            chance=random.random,
        ),
        records=RecordReader(dynamodb, s3, stack.table_name, settings.bucket),
        vonage=VoiceClient(session(), tokens, base_url=settings.vonage_url),
        tokens=tokens,
        sleep=time.sleep,
    )


def secret_of(client: Any, secret_id: str) -> Callable[[], str]:
    """Return a function that reads the application secret; any failure is InvalidPrivateKey."""

    def fetch() -> str:
        try:
            text: str = client.get_secret_value(SecretId=secret_id)["SecretString"]
        except (BotoCoreError, ClientError, KeyError) as error:
            raise InvalidPrivateKey("the application secret cannot be read") from error
        return text

    return fetch


handler = make_handler(_services)
