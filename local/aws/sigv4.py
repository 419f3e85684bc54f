"""Requests signed with Signature Version 4, by botocore's own signer: signing, and who signed."""

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

_SKEW = 300  # seconds that a signature's date may be off (IAM guide: SigV4)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<scope>[^,\s]+),\s*"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


def signed(
    credentials: LocalCredentials,
    region: str,
    method: str,
    url: str,
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give the headers of a request to the API that the owner of the AWS account signs.

    Parameters
    ----------
    credentials, region
        Who signs, and for which region.
    method, url, content
        The request.
    headers
        What it bears besides; it is signed too.
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
    """Give what requestContext.authorizer.iam says of the signer, or None if the signature is bad.

    Parameters
    ----------
    request, body
        The request as it came.
    credentials
        The only ones that there are.
    region
        The region that the signature must name.
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
    again = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['Host']}{request.raw_path}",
        data=body,
        headers=headers,
    )
    again.context["timestamp"] = headers["x-amz-date"]
    keys = Keys(credentials.aws_access_key_id, credentials.aws_secret_access_key)
    auth = SigV4Auth(keys, "execute-api", region)
    canonical = auth.canonical_request(again)
    signature: str = auth.signature(auth.string_to_sign(again, canonical), again)
    return signature
