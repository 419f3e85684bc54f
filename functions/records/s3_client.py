"""The S3 client that signs links to recordings, for every function that makes one."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config

# By default, boto3 signs links with Signature Version 2 in the oldest regions. Elsewhere it uses
# the global host, which redirects for hours to a new bucket; the signature of a link does not
# survive that.
_SIGNATURE = Config(signature_version="s3v4")
_REGIONAL_HOST = Config(
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)


def s3_client(config: Config) -> Any:
    """Return a client of boto3 whose links work in every region.

    Parameters
    ----------
    config
        Its time limits and retries.
    """
    # An emulated S3 has no host name for each bucket.
    emulated = not os.environ.keys().isdisjoint(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"))
    signed = config.merge(_SIGNATURE)
    return boto3.client("s3", config=signed if emulated else signed.merge(_REGIONAL_HOST))
