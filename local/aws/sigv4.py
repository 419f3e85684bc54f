"""Sign requests with Signature Version 4, and identify the signer, with botocore's signer."""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

from local.aws.constants import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from local.aws.credentials import LocalCredentials

_SKEW = 300  # seconds by which a signature's date may differ (IAM guide: SigV4)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<scope>[^,\s]+),\s*"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


def signed_headers(
    credentials: LocalCredentials,
    region: str,
    method: str,
    url: str,
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a signed request to the API, its own headers included.

    Parameters
    ----------
    credentials, region
        The signer and the region of the signature.
    method, url, content
        The request.
    headers
        Other headers of the request; they are signed too.
    """
    request = AWSRequest(method, url, dict(headers or {}), content)
    keys = Keys(
        credentials.aws_access_key_id,
        credentials.aws_secret_access_key,
        credentials.aws_session_token,
    )
    SigV4Auth(keys, "execute-api", region).add_auth(request)
    return dict(request.headers.items())


def identity(
    request: web.BaseRequest, body: bytes, credentials: LocalCredentials, region: str, now: float
) -> dict[str, Any] | None:
    """Return the signer, as in requestContext.authorizer.iam; None if the signature is invalid.

    Parameters
    ----------
    request, body
        The received request.
    credentials
        The only accepted credentials.
    region
        The required region of the signature.
    now
        Seconds since 1970.
    """
    lines = request.headers.getall("Authorization", [])
    found = _AUTHORIZATION.fullmatch(lines[0]) if len(lines) == 1 else None
    date = request.headers.get("X-Amz-Date", "")
    if found is None or not _is_fresh(date, now):
        return None
    if found["key"] != credentials.aws_access_key_id:
        return None
    if found["scope"] != f"{date[:8]}/{region}/execute-api/aws4_request":
        return None
    token = request.headers.get("X-Amz-Security-Token", credentials.aws_session_token)
    declared = request.headers.get("X-Amz-Content-SHA256", hashlib.sha256(body).hexdigest())
    if not hmac.compare_digest(token.encode(), credentials.aws_session_token.encode()):
        return None
    if declared != hashlib.sha256(body).hexdigest():
        return None
    signed = found["headers"].split(";")
    if not {"host", "x-amz-date"} <= set(signed):
        return None
    expected = _signature(request, body, signed, credentials, region)
    if not hmac.compare_digest(expected, found["signature"]):
        return None
    return {
        "accessKey": credentials.aws_access_key_id,
        "accountId": ACCOUNT,
        "callerId": "AIDALOCALUSER",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": f"arn:aws:iam::{ACCOUNT}:user/local",
        "userId": "AIDALOCALUSER",
    }


def _is_fresh(date: str, now: float) -> bool:
    try:
        signed = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return False
    return abs(now - signed) <= _SKEW


def _signature(
    request: web.BaseRequest,
    body: bytes,
    signed: list[str],
    credentials: LocalCredentials,
    region: str,
) -> str:
    headers = {name: ",".join(request.headers.getall(name, [])) for name in signed}
    received = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['Host']}{request.raw_path}",
        data=body,
        headers=headers,
    )
    received.context["timestamp"] = headers["x-amz-date"]
    keys = Keys(credentials.aws_access_key_id, credentials.aws_secret_access_key)
    auth = SigV4Auth(keys, "execute-api", region)
    canonical = auth.canonical_request(received)
    signature: str = auth.signature(auth.string_to_sign(received, canonical), received)
    return signature
