"""Triggered by the queue of recordings: fetches each, says what came of it, and puts off failures.

What fails is hidden on the queue for a while that grows with each attempt. What cannot get better,
and what has failed seven times, goes to the dead-letter queue with its reason; the queue's own
redrive is for messages that end the function.
"""

from __future__ import annotations

import functools
import os
import random
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from botocore.config import Config

from fetch_recording import job as jobs
from fetch_recording import settings as settings_module
from fetch_recording.errors import OutOfTime, PermanentFailure
from fetch_recording.fetch import FetchClients, fetch
from voicekit.webhook import error_fields
from vonage_client import RateLimited, TokenSource, UrlAllowlist, session
from vonage_client.tokens import DOWNLOAD_LIFETIME

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

_ATTEMPTS = 7
_LONGEST_PAUSE = 12 * 3600  # seconds, the longest that SQS hides a message

# Repeats of ours come with the next attempt; these are for what is over in a moment.
# What is sent to S3 goes over TLS with its CRC32; botocore would hash it once more to sign it.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=10,
    retries={"total_max_attempts": 3, "mode": "standard"},
    s3={"payload_signing_enabled": False},
)

logger = Logger(service="fetch_recording", level="INFO", location=None)
metrics = Metrics(namespace="VonageVoice", service="fetch_recording")
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@functools.cache
def _client(service: str) -> Any:
    return boto3.client(service, config=_CONFIG)


@functools.cache
def _tools() -> FetchClients:
    settings = settings_module.from_environment(os.environ)

    def secret() -> str:
        answer = _client("secretsmanager").get_secret_value(SecretId=settings.secret_id)
        return str(answer["SecretString"])

    return FetchClients(
        settings=settings,
        dynamodb=_client("dynamodb"),
        s3=_client("s3"),
        http=session(),
        tokens=TokenSource(secret, lifetime=DOWNLOAD_LIFETIME),
        guard=UrlAllowlist(settings.local_host),
    )


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Fetch the recordings of a batch; those that fail come again, the others are done."""
    answer = process_partial_response(
        event=event, record_handler=_handle, processor=processor, context=context
    )
    return dict(answer)


def _handle(record: SQSRecord, lambda_context: Any) -> None:
    """Handle one message. What is raised leaves it on the queue."""
    attempt = int(record.attributes.approximate_receive_count)
    log_fields: dict[str, Any] = {"attempt": attempt}
    try:
        tools = _tools()
        job = jobs.read(record.body, tools.settings.keep_events_days)
        log_fields |= job.place._asdict()
        fetched = fetch(
            tools, job, attempt, lambda: lambda_context.get_remaining_time_in_millis() / 1000
        )
    except OutOfTime:
        _retry_later(record, random.uniform(0, 30))  # noqa: S311 - no secret
        _log_outcome("put_off", log_fields)
        raise
    except PermanentFailure as fault:
        _send_to_dlq(record, fault.reason, str(fault), log_fields)
        return
    except Exception as error:
        if attempt >= _ATTEMPTS:
            _send_to_dlq(record, "failed_too_often", f"{type(error).__name__}: {error}", log_fields)
            return
        pause = _pause(attempt, error)
        _log_outcome("failed", log_fields | error_fields(error) | {"pause": round(pause)})
        _retry_later(record, pause)
        raise
    if fetched.content is not None:
        log_fields |= fetched.content._asdict()
        log_fields["size_differs"] = job.size not in (None, fetched.content.size)
        metrics.add_metric("RecordingBytes", MetricUnit.Bytes, fetched.content.size)
    _log_outcome(fetched.outcome, log_fields)


def _pause(attempt: int, error: Exception) -> float:
    """Give seconds until the next attempt: full jitter below a limit that grows fourfold."""
    limit = min(_LONGEST_PAUSE, _tools().settings.retry_seconds * 4 ** (attempt - 1))
    asked = error.retry_after if isinstance(error, RateLimited) else None
    return min(_LONGEST_PAUSE, (asked or 0) + random.uniform(0, limit))  # noqa: S311 - no secret


def _retry_later(record: SQSRecord, pause: float) -> None:
    """Hide a message for some seconds; where that fails it comes after the queue's own time."""
    try:
        _client("sqs").change_message_visibility(
            QueueUrl=_tools().settings.queue_url,
            ReceiptHandle=record.receipt_handle,
            VisibilityTimeout=round(pause),
        )
    except Exception as error:
        _log_outcome("not_put_off", error_fields(error))


def _send_to_dlq(record: SQSRecord, reason: str, text: str, log_fields: dict[str, Any]) -> None:
    """Send a message to the dead-letter queue. If that fails it comes again."""
    attributes = {
        "reason": reason,
        "detail": text[:500],
        "attempts": str(log_fields["attempt"]),
        "message_id": record.message_id,
    }
    _client("sqs").send_message(
        QueueUrl=_tools().settings.dead_letter_queue_url,
        MessageBody=record.body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
    _log_outcome("dead", log_fields | {"reason": reason})


_NAMES = {
    "stored": "RecordingStored",
    "repeat": "RecordingRepeated",
    "failed": "RecordingFailed",
    "dead": "RecordingDead",
    "put_off": "RecordingPutOff",
}


def _log_outcome(outcome: str, log_fields: dict[str, Any]) -> None:
    """Write the one line of a message, and count it."""
    level = logger.error if outcome == "dead" else logger.info
    if outcome in ("failed", "not_put_off"):
        level = logger.warning
    level("recording", extra={"outcome": outcome, **log_fields})
    if outcome in _NAMES:
        metrics.add_metric(_NAMES[outcome], MetricUnit.Count, 1)
