"""Fetch the recordings of the queue, log the outcomes, and retry failures.

After a failure, the visibility timeout of the message grows with each attempt. Permanent failures,
and messages that have failed seven times, go to the dead-letter queue with the reason. The redrive
policy of the queue is only for messages that crash the function.
"""

from __future__ import annotations

import functools
import os
import random
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from botocore.config import Config

from fetch_recording import job as jobs
from fetch_recording.backoff import pause
from fetch_recording.errors import PermanentFailure
from fetch_recording.fetch import FetchClients, fetch, store_lost
from fetch_recording.settings import from_environment
from voicekit.redaction import error_fields
from vonage_client import RateLimited, TokenSource, UrlAllowlist, session
from vonage_client.tokens import DOWNLOAD_LIFETIME

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from fetch_recording.job import Job

_ATTEMPTS = 7
_RECEIVES = 8  # maxReceiveCount of the queue

# Few attempts, for short failures only: SQS delivers the message again.
# Uploads to S3 go over TLS with a CRC32, so signing the payload would only hash it once more.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=10,
    retries={"total_max_attempts": 3, "mode": "standard"},
    s3={"payload_signing_enabled": False},
)

logger = Logger(service="fetch_recording", level="INFO", location=None)
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


@functools.cache
def _client(service: str) -> Any:
    return boto3.client(service, config=_CONFIG)


@functools.cache
def _clients() -> FetchClients:
    settings = from_environment(os.environ)

    def secret() -> str:
        response = _client("secretsmanager").get_secret_value(SecretId=settings.secret_id)
        return str(response["SecretString"])

    return FetchClients(
        settings=settings,
        dynamodb=_client("dynamodb"),
        s3=_client("s3"),
        http=session(),
        tokens=TokenSource(secret, lifetime=DOWNLOAD_LIFETIME),
        allowlist=UrlAllowlist(settings.local_host),
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Fetch the recordings of a batch; SQS delivers those that fail again."""
    response = process_partial_response(
        event=event, record_handler=_handle, processor=processor, context=context
    )
    return dict(response)


def _handle(record: SQSRecord, lambda_context: Any) -> None:
    """Handle one message. An exception leaves it on the queue."""
    attempt = int(record.attributes.approximate_receive_count)
    log_fields: dict[str, Any] = {"attempt": attempt}
    job = None
    try:
        clients = _clients()
        queued = jobs.parse(record.body, clients.settings.keep_events_days)
        job = queued.job
        if job is not None:
            log_fields |= job.key._asdict()
        result = fetch(
            clients, queued, lambda: lambda_context.get_remaining_time_in_millis() / 1000
        )
    except PermanentFailure as failure:
        _give_up(record, job, failure.reason, str(failure), log_fields)
        return
    except Exception as error:
        if attempt >= _ATTEMPTS:
            text = f"{type(error).__name__}: {error}"
            _give_up(record, job, "failed_too_often", text, log_fields)
            return
        seconds = _pause(attempt, error)
        _log_outcome("failed", log_fields | error_fields(error) | {"pause": round(seconds)})
        _retry_later(record, seconds)
        raise
    if result.file is not None:
        log_fields |= result.file._asdict() | {"event_size": job.size if job else None}
    _log_outcome(result.outcome, log_fields)


def _pause(attempt: int, error: Exception) -> float:
    """Return the seconds until the next attempt."""
    retry_after = error.retry_after if isinstance(error, RateLimited) else None
    share = random.random()  # noqa: S311 - no secret
    return pause(attempt, _clients().settings.retry_seconds, retry_after, share)


def _retry_later(record: SQSRecord, seconds: float) -> None:
    """Set the visibility timeout of a message; if that fails, the default of the queue applies."""
    try:
        _client("sqs").change_message_visibility(
            QueueUrl=_clients().settings.queue_url,
            ReceiptHandle=record.receipt_handle,
            VisibilityTimeout=round(seconds),
        )
    except Exception as error:
        _log_outcome("not_put_off", error_fields(error))


def _give_up(
    record: SQSRecord, job: Job | None, reason: str, text: str, log_fields: dict[str, Any]
) -> None:
    """Record that a recording is lost, then send its message to the dead-letter queue.

    If the table fails, SQS delivers the message again; the last time, the record is left out.
    """
    try:
        if job is not None:
            store_lost(_clients(), job, reason)
    except Exception as error:
        if log_fields["attempt"] < _RECEIVES:
            _log_outcome("failed", log_fields | error_fields(error))
            raise
    _send_to_dlq(record, reason, text, log_fields)


def _send_to_dlq(record: SQSRecord, reason: str, text: str, log_fields: dict[str, Any]) -> None:
    """Send a message to the dead-letter queue; if that fails, SQS delivers the message again."""
    attributes = {
        "reason": reason,
        "detail": text[:500],
        "attempts": str(log_fields["attempt"]),
        "message_id": record.message_id,
    }
    _client("sqs").send_message(
        QueueUrl=_clients().settings.dead_letter_queue_url,
        MessageBody=record.body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
    _log_outcome("dead", log_fields | {"reason": reason})


def _log_outcome(outcome: str, log_fields: dict[str, Any]) -> None:
    """Write the log line of a message; a metric filter counts its outcome."""
    level = logger.error if outcome == "dead" else logger.info
    if outcome in ("failed", "not_put_off"):
        level = logger.warning
    level("recording", extra={"outcome": outcome, **log_fields})
