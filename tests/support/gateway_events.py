"""API Gateway events in the HTTP API's payload format 2.0."""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

DOMAIN = "a1b2c3d4e5.execute-api.eu-west-2.amazonaws.com"


def http_event(
    method: str,
    path: str,
    *,
    query: str = "",
    body: bytes | None = None,
    authorization: str | None = None,
    stage: str = "$default",
    encoded: bool | None = None,
) -> dict[str, Any]:
    """Return the event of a request.

    Parameters
    ----------
    method, path, query, body, authorization
        The request; the path without the stage.
    stage
        The API's stage; a named stage is the first part of the path.
    encoded
        Whether the body is base64. With None, it is only if it isn't UTF-8, as API Gateway does
        with JSON.
    """
    raw_path = path if stage == "$default" else f"/{stage}{path}"
    headers = {"host": DOMAIN, "content-type": "application/json", "user-agent": "test"}
    if authorization is not None:
        headers["authorization"] = authorization
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": DOMAIN.partition(".")[0],
            "domainName": DOMAIN,
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": f"{method} {path}",
            "stage": stage,
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = {
            name: ",".join(values)
            for name, values in parse_qs(query, keep_blank_values=True).items()
        }
    if body is not None:
        text = None if encoded else _utf8(body)
        event["isBase64Encoded"] = text is None
        event["body"] = base64.b64encode(body).decode() if text is None else text
    return event


def _utf8(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
