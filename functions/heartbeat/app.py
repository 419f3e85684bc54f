"""Make a synthetic call every minute, and log whether a caller would hear something."""

from __future__ import annotations

import functools
import logging
import os
import time
from typing import Any

from heartbeat.probe import probe, send
from voicekit.aws_client import AwsClient
from voicekit.signing_secrets import SigningSecretCache

log = logging.getLogger("voice")
log.setLevel(logging.INFO)


@functools.cache
def _secrets() -> SigningSecretCache:
    return SigningSecretCache(AwsClient(os.environ), os.environ["SIGNING_SECRET_ID"], time.time)


def handler(event: object, context: Any) -> None:
    """Request an NCCO from the public URL, and log the result."""
    started = time.monotonic()
    number = os.environ["VONAGE_NUMBER"]
    result = probe(os.environ["ANSWER_URL"], number, _secrets(), send=send, now=time.time)
    log.log(
        logging.INFO if result.outcome == "heard" else logging.ERROR,
        "heartbeat",
        extra={
            "outcome": result.outcome,
            "status": result.status,
            "detail": result.detail,
            "ms": round((time.monotonic() - started) * 1000, 1),
            "version": getattr(context, "function_version", None),
        },
    )
