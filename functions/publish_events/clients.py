"""The clients of AWS and the settings that this function uses."""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from publish_events.settings import from_environment
from records.reader import RecordReader
from voicekit.aws_client import AwsClient
from voicekit.signing_secrets import SigningSecretCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from publish_events.settings import PublishSettings

# Few attempts, for short failures only: the stream and the queue try again.
_CONFIG = Config(
    connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"}
)


class PublishClients(NamedTuple):
    """The settings, the clients of boto3, the stored records, and the signature secrets."""

    settings: PublishSettings
    sqs: Any
    events: Any
    sns: Any
    s3: Any
    records: RecordReader
    secrets: SigningSecretCache
    sleep: Callable[[float], None] = time.sleep


@functools.cache
def clients() -> PublishClients:
    """Return the clients of this execution environment."""
    settings = from_environment(os.environ)
    dynamodb, sqs, events, sns, s3 = (
        boto3.client(service, config=_CONFIG)
        for service in ("dynamodb", "sqs", "events", "sns", "s3")
    )
    return PublishClients(
        settings=settings,
        sqs=sqs,
        events=events,
        sns=sns,
        s3=s3,
        records=RecordReader(dynamodb, s3, settings.table, settings.bucket),
        secrets=SigningSecretCache(AwsClient(os.environ), settings.signing_secret_id, time.time),
    )
