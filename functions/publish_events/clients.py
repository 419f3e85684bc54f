"""The clients of AWS, the settings, and the switchboard that this function uses."""

from __future__ import annotations

import functools
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from dispatch.flow_runner import flow_names, select_flow
from publish_events.settings import from_environment
from records.reader import RecordReader
from voicekit.aws_client import AwsClient
from voicekit.lines import read_line
from voicekit.signing_secrets import SigningSecretCache
from voicekit.switchboard import LINE_FLOW, SwitchboardCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from publish_events.settings import PublishSettings
    from voicekit.lines import Line

_READ_SECONDS = 3.0  # for the switchboard

# Few attempts, for short failures only: the stream and the queue try again.
_CONFIG = Config(
    connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"}
)


class PublishClients(NamedTuple):
    """The settings, the clients of boto3, the stored records, the switchboard, and the secrets."""

    settings: PublishSettings
    sqs: Any
    events: Any
    sns: Any
    records: RecordReader
    switchboard: SwitchboardCache
    secrets: SigningSecretCache
    sleep: Callable[[float], None] = time.sleep

    def has_line(self, number: str | None) -> bool:
        """Return whether a called number is a business line, as one that people answer."""
        if not number:
            return False
        board = self.switchboard.get(_READ_SECONDS)
        return select_flow(number, board, self.settings.stack) == LINE_FLOW

    def line(self, number: str | None) -> Line:
        """Return the business line of a number, without what is invalid in its document."""
        document = self.switchboard.get(_READ_SECONDS).lines.get(number or "")
        return read_line(number, document, self.settings.stack)[0]


@functools.cache
def clients() -> PublishClients:
    """Return the clients of this execution environment."""
    settings = from_environment(os.environ)
    dynamodb, sqs, events, sns, s3 = (
        boto3.client(service, config=_CONFIG)
        for service in ("dynamodb", "sqs", "events", "sns", "s3")
    )
    aws, stack = AwsClient(os.environ), settings.stack
    return PublishClients(
        settings=settings,
        sqs=sqs,
        events=events,
        sns=sns,
        records=RecordReader(dynamodb, s3, stack.table_name, settings.bucket),
        switchboard=SwitchboardCache(aws, stack.switchboard_secret_id, time.time, flow_names),
        secrets=SigningSecretCache(aws, stack.signing_secret_id, time.time),
    )
