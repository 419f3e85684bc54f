"""The owner's API: places calls, steers them, and reads back what happened."""

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
from vonage_client import InvalidPrivateKey, TokenSource, VoiceClient, session

if TYPE_CHECKING:
    from collections.abc import Callable

_CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


@functools.cache
def _services() -> Services:
    given = from_environment(os.environ)
    stack = given.stack
    dynamodb, s3, secrets = (
        boto3.client(name, config=_CONFIG) for name in ("dynamodb", "s3", "secretsmanager")
    )
    tokens = TokenSource(secret_of(secrets, given.application_secret_id))
    board = SwitchboardSecret(secrets, stack.switchboard_secret_id, flow_names)
    claims = IdempotencyStore(
        dynamodb,
        stack.table_name,
        given.calls_per_day,
        stack.keep_events_days,
        now=time.time,
        sleep=time.sleep,
        chance=random.random,
    )
    archive = RecordReader(dynamodb, s3, stack.table_name, given.bucket)
    vonage = VoiceClient(session(), tokens, base_url=given.vonage_url)
    return Services(given, board, claims, archive, vonage, tokens, time.sleep)


def secret_of(client: Any, secret_id: str) -> Callable[[], str]:
    """Give what fetches the secret that places calls; whatever goes wrong is `KeyUnusable`."""

    def fetch() -> str:
        try:
            text: str = client.get_secret_value(SecretId=secret_id)["SecretString"]
        except (BotoCoreError, ClientError, KeyError) as error:
            raise InvalidPrivateKey("the application secret cannot be read") from error
        return text

    return fetch


handler = make_handler(_services)
