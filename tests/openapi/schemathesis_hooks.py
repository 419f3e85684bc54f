"""Sign the requests of schemathesis, and tell it what exists on the platform under test.

The test of the platform sets environment variables: the AWS credentials; ADMIN_API_URL;
ADMIN_API_UUIDS, a JSON object with the UUID of something that exists for each path; and
ADMIN_API_LOG, a file for the status of each response.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests.auth import AuthBase

if TYPE_CHECKING:
    from requests import PreparedRequest

_used_keys: set[str] = set()
_numbers = itertools.count()


class SignatureV4(AuthBase):
    """Signs a request with the credentials in the environment."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        _renew_used_key(request)
        keys = Credentials(
            os.environ["AWS_ACCESS_KEY_ID"],
            os.environ["AWS_SECRET_ACCESS_KEY"],
            os.environ["AWS_SESSION_TOKEN"],
        )
        signed = AWSRequest(request.method, request.url, data=request.body or b"")
        SigV4Auth(keys, "execute-api", os.environ["AWS_REGION"]).add_auth(signed)
        request.headers.update(signed.headers)
        return request


schemathesis.auth.set_from_requests(SignatureV4())  # type: ignore[attr-defined]


@schemathesis.hook
def before_load_schema(_context: Any, document: dict[str, Any]) -> None:
    """Add what no schema knows: UUIDs of stored data, names of flows, well-formed SSML.

    All URLs are on this machine, since the simulator requests them. The switchboard keeps outbound
    dialing on, or every later call would be refused.
    """
    for path, uuid in json.loads(os.environ["ADMIN_API_UUIDS"]).items():
        for operation in document["paths"][path].values():
            (parameter,) = (one for one in operation["parameters"] if one["name"] == "uuid")
            parameter["example"] = uuid
    schemas = document["components"]["schemas"]
    _, ssml = schemas["Text"]["anyOf"]
    ssml["pattern"] = r"^<speak>[a-z ]{1,20}</speak>$"
    for body in ("PlaceCall", "Destination"):
        schemas[body]["properties"]["flow"] = {"enum": ["greet", "voicemail"]}
    address = re.escape(os.environ["ADMIN_API_URL"])
    schemas["Url"]["pattern"] = f"^{address}/webhooks/(answer|event|recordings)$"
    for endpoint in ("EndpointWebsocket", "NccoEndpointWebsocket"):
        schemas[endpoint]["properties"]["uri"]["pattern"] = r"^ws://127\.0\.0\.1:9/[a-z]{0,9}$"
    for spelling in ("dialing", "dialling"):
        del schemas["SwitchboardDocument"]["properties"][spelling]


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    """Write the operation and the status of a response to the log."""
    with Path(os.environ["ADMIN_API_LOG"]).open("a") as log:
        log.write(f"{case.operation.label} {response.status_code}\n")


def _renew_used_key(request: PreparedRequest) -> None:
    """Replace a valid Idempotency-Key that was used: a call with it would only be replayed."""
    key = request.headers.get("Idempotency-Key", "")
    if key in _used_keys:
        request.headers["Idempotency-Key"] = f"renewed-{next(_numbers)}"
    elif re.fullmatch("[!-~]{1,255}", key):
        _used_keys.add(key)
