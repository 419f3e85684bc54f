"""Store the events of the overflow queue, once the table accepts writes again."""

from __future__ import annotations

import functools
import json
import logging
import os

from records.writer import put_if_absent
from voicekit.aws_client import AwsClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

log = logging.getLogger("voice")
log.setLevel(logging.INFO)

_WRITE_SECONDS = 2.0  # for each item; the batch of ten fits into the timeout of the function


@functools.cache
def _aws() -> AwsClient:
    return AwsClient(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Store the item of each message; SQS delivers those that fail again."""
    failed = [message["messageId"] for message in event["Records"] if not _store(message)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _store(message: dict[str, Any]) -> bool:
    """Return whether the item of a message is stored."""
    try:
        item = json.loads(message["body"])
        written = put_if_absent(_aws(), os.environ["TABLE_NAME"], item, within=_WRITE_SECONDS)
    except Exception as error:  # any failure: the other messages of the batch must be stored
        log.error("overflow", extra={"outcome": "left", "error": type(error).__name__})
        return False
    log.info("overflow", extra={"outcome": "kept" if written else "repeat"})
    return True
