"""Rings the application as Vonage would, once a minute, and tells whether a caller is answered."""

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
    return SigningSecretCache(
        AwsClient(os.environ), os.environ["SIGNING_SECRET_ID"], time.monotonic
    )


def handler(event: object, context: Any) -> None:
    """Ask for an NCCO through the public address, and write down what came of it."""
    started = time.monotonic()
    number = os.environ["VONAGE_NUMBER"]
    heard = probe(os.environ["ANSWER_URL"], number, _secrets(), send=send, now=time.time)
    log.log(
        logging.INFO if heard.outcome == "heard" else logging.ERROR,
        "heartbeat",
        extra={
            "outcome": heard.outcome,
            "status": heard.status,
            "detail": heard.detail,
            "ms": round((time.monotonic() - started) * 1000, 1),
            "version": getattr(context, "function_version", None),
        },
    )
