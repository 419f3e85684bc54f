"""Redirect the link in a mail to its recording, for as long as its token is valid.

A presigned link would be valid for as long as this function's credentials only, so mails contain a
signed token instead. Everything but the real thing gets 404.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from records.reader import LINK_LIFETIME
from records.recording_item import FOLDERS
from records.s3_client import s3_client
from voicekit.aws_client import AwsClient
from voicekit.signed_token import InvalidToken, read_token
from voicekit.signing_secrets import SigningSecretCache

_SECRET_SECONDS = 1.5  # twice at most: with two requests to S3, within the timeout of 10 s
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_NOT_FOUND = "This link is not valid, or no longer."
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"total_max_attempts": 2, "mode": "standard"},
)

log = logging.getLogger("voice")
log.setLevel(logging.INFO)


@functools.cache
def _secrets() -> SigningSecretCache:
    return SigningSecretCache(AwsClient(os.environ), os.environ["SIGNING_SECRET_ID"], time.time)


@functools.cache
def s3() -> Any:
    """Return the client of this execution environment."""
    return s3_client(_CONFIG)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Redirect to the recording that the token in the path names."""
    link = _link(event["pathParameters"]["token"])
    log.info("listen", extra={"outcome": "linked" if link else "not_found"})
    if link is None:
        headers = _HEADERS | {"Content-Type": "text/plain; charset=utf-8"}
        return {"statusCode": 404, "headers": headers, "body": _NOT_FOUND}
    return {"statusCode": 302, "headers": _HEADERS | {"Location": link}}


def _link(token: str) -> str | None:
    """Return a presigned link to the recording of a token, None without a valid one."""
    key = _key(token)
    if key is None or not key.startswith(f"{FOLDERS['record']}/"):
        return None
    place = {"Bucket": os.environ["BUCKET_NAME"], "Key": key}
    try:
        s3().head_object(**place)
    except ClientError as error:
        # Without ListBucket, S3 answers 403 instead of 404 for a missing object.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return None
        raise
    link: str = s3().generate_presigned_url("get_object", Params=place, ExpiresIn=LINK_LIFETIME)
    return link


def _key(token: str) -> str | None:
    """Return the key in the bucket that a token is for, None without a valid one.

    After a rotation, the copy of the secrets may be older than the token, so it is read again, at
    most once a minute.
    """
    cache = _secrets()
    for read in (cache.get, cache.refresh):
        secrets = read(_SECRET_SECONDS)
        try:
            if secrets is not None:
                return read_token(token, secrets.for_tokens, "listen", None, time.time()).subject
        except InvalidToken:
            continue
    return None
