"""Takes events from the overflow queue and keeps them, once the table takes writes again."""

from __future__ import annotations

import functools
import json
import logging
import os
from typing import Any

from records.writer import put_if_absent
from voicekit.aws_client import AwsClient

log = logging.getLogger("voice")
log.setLevel(logging.INFO)

_WRITE = 2.0  # seconds an item; ten of them fit well into the function's timeout


@functools.cache
def _aws() -> AwsClient:
    return AwsClient(os.environ)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Keep each message's item; those that fail are left on the queue and come again."""
    failed = [message["messageId"] for message in event["Records"] if not _kept(message)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _kept(message: dict[str, Any]) -> bool:
    try:
        item = json.loads(message["body"])
        written = put_if_absent(_aws(), os.environ["TABLE_NAME"], item, within=_WRITE)
    except Exception as error:  # whatever it is, the other messages are not to wait for it
        log.error("overflow", extra={"outcome": "left", "error": type(error).__name__})
        return False
    log.info("overflow", extra={"outcome": "kept" if written else "repeat"})
    return True
