"""``python -m local.event answer``: print a signed webhook as a Lambda event.

``sam local invoke AnswerFunction -e -`` reads it from standard input.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.aws.constants import ACCOUNT
from local.aws.payload import request_time
from local.console import say
from local.samples import arguments

if TYPE_CHECKING:
    from local.samples.signing import Sample


def event(sample: Sample, token: str, now: float) -> dict[str, Any]:
    """Build the payload 2.0 event of a signed sample request that is sent at ``now``."""
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "host": "local.execute-api.eu-west-1.amazonaws.com",
        "user-agent": "local.event",
        "x-forwarded-proto": "https",
    }
    key = f"{sample.method} {sample.path}"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": sample.path,
        "rawQueryString": sample.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": headers["host"],
            "domainPrefix": "local",
            "http": {
                "method": sample.method,
                "path": sample.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": headers["user-agent"],
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": key,
            "stage": "$default",
            "time": request_time(now),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if sample.query:
        event["queryStringParameters"] = dict(parse_qsl(sample.query, keep_blank_values=True))
    if sample.body:
        event["body"] = sample.body.decode()
    return event


def main() -> None:
    """Print the event."""
    parser = arguments.parser("python -m local.event", "Print a signed webhook as a Lambda event.")
    options = parser.parse_args()
    sample = arguments.selected_sample(options)
    token = arguments.signer(options).token(sample)
    say(json.dumps(event(sample, token, time.time()), indent=2))


if __name__ == "__main__":
    main()
