"""Publish stored events to the event bus: from the table's stream to a queue, and from there on.

The stream only fills the queue, so that a failing event bus or mail never holds it up. A message
that fails is received again, and ends in the dead-letter queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

from publish_events import message_queue
from publish_events.clients import clients
from publish_events.publish import publish
from publish_events.stream import messages_of, plain
from voicekit.redaction import error_fields
from voicekit.webhook_fields import json_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from publish_events.stream import QueueMessage

_SPARE = 12_000  # milliseconds for one more message: its requests have a time limit

logger = Logger(service="publish_events", level="INFO", location=None)
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


class TooLittleTime(Exception):
    """The invocation has too little time for another message, which is received again."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle a batch of the stream or of the queue, and report what failed."""
    if event["Records"][0]["eventSource"] == "aws:dynamodb":
        return _queue_records(event["Records"])
    response = process_partial_response(
        event=event, record_handler=_handle, processor=processor, context=context
    )
    return dict(response)


def _queue_records(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Queue the messages of a batch; the stream sends the rest again from the first failure."""
    for record in records:
        try:
            _queue_record(record["dynamodb"])
        except Exception as error:  # any failure: a lost record would be an event untold
            _log_outcome("failed", {"what": "stream"} | error_fields(error))
            return {"batchItemFailures": [{"itemIdentifier": _sequence(record)}]}
    return {"batchItemFailures": []}


def _sequence(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _queue_record(change: Mapping[str, Any]) -> None:
    settings = clients().settings
    try:
        found = messages_of(plain(change["NewImage"]))
    except Exception as error:  # whatever an item contains, the next records must be read
        keys = {"what": "item", **plain(change["Keys"])}
        message_queue.send(clients().sqs, settings.dead_letter_queue_url, [(keys, 0)])
        _log_outcome("not_understood", {"what": "stream"} | error_fields(error))
        return
    message_queue.send(
        clients().sqs, settings.queue_url, [(one.body, _delay(one)) for one in found]
    )


def _delay(message: QueueMessage) -> int:
    return clients().settings.settle_seconds if message.settles else 0


def _handle(record: SQSRecord, lambda_context: Any) -> None:
    """Handle one message. An exception leaves it on the queue."""
    what = None
    try:
        if lambda_context.get_remaining_time_in_millis() < _SPARE:
            raise TooLittleTime("too little time is left")
        message = json_object(record.body, "the message")
        what = message.get("what", "alarm")
        outcome = publish(clients(), message)
    except Exception as error:
        attempt = record.attributes.approximate_receive_count
        _log_outcome("failed", {"what": what, "attempt": attempt} | error_fields(error))
        raise
    _log_outcome(outcome, {"what": what})


def _log_outcome(outcome: str, log_fields: dict[str, Any]) -> None:
    level = {"failed": logger.warning, "not_understood": logger.error}.get(outcome, logger.info)
    level("publish", extra={"outcome": outcome, **log_fields})
