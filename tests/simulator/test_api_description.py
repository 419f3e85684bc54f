"""Validate requests and responses against Vonage's API descriptions, if available.

VONAGE_API_SPECS names a folder with `voice*.yml` and `application*.yml`. Without it, these tests
are skipped.
"""

import json
import os
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.simulator.conftest import API_SECRET
from tests.simulator.harness import CALLEE, NUMBER, SimulatorHarness, SimulatorResponse, talk

FOLDER = os.environ.get("VONAGE_API_SPECS", "")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="VONAGE_API_SPECS does not name a folder with Vonage's API descriptions"
)


def as_request(method: str, path: str, body: Any, query: dict[str, str]) -> MockRequest:
    """Convert a request for openapi-core."""
    raw = None if body is None else json.dumps(body).encode()
    return MockRequest("https://api.nexmo.com", method.lower(), path, args=query, data=raw)


def as_response(response: SimulatorResponse) -> MockResponse:
    """Convert a response for openapi-core."""
    content_type = response.headers.get("Content-Type", "application/json").partition(";")[0]
    return MockResponse(response.raw, response.status, content_type=content_type)


def description(name: str) -> OpenAPI:
    """Load a description, without references to files that are missing."""
    path = next(Path(FOLDER).glob(name))
    text = path.read_text()
    document = yaml.safe_load(text)
    _drop_foreign_references(document)
    caller = document["components"]["schemas"].get("EndpointPhoneFrom")
    if caller is not None:
        # The description has oneOf two patterns, but every number matches both.
        number = caller["properties"]["number"]
        number["anyOf"] = number.pop("oneOf")
        # The description says that conversation ids are UUIDs; its example begins with CON-.
        del document["components"]["schemas"]["conversation_uuid"]["format"]
    document.pop("security", None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
    return OpenAPI.from_dict(document)


def _drop_foreign_references(node: Any) -> None:
    if isinstance(node, dict):
        for key, value in list(node.items()):
            reference = value.get("$ref") if isinstance(value, dict) else None
            if isinstance(reference, str) and not reference.startswith("#"):
                node[key] = {"description": "elsewhere"} if re.fullmatch(r"\d{3}", key) else {}
            else:
                _drop_foreign_references(value)
    elif isinstance(node, list):
        for value in node:
            _drop_foreign_references(value)


@pytest.fixture(scope="module")
def voice() -> OpenAPI:
    return description("voice*.yml")


@pytest.fixture(scope="module")
def application() -> OpenAPI:
    return description("application*.yml")


async def checked_request(
    harness: SimulatorHarness,
    api: OpenAPI,
    method: str,
    path: str,
    body: Any = None,
    invalid: bool = False,
) -> SimulatorResponse:
    """Send a request and validate it and its response (`invalid`: only the response)."""
    if path.startswith("/v2/"):
        credentials = b64encode(f"{harness.simulator.api_key}:{API_SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
    else:
        headers = {"Authorization": f"Bearer {harness.token()}"}
    response = await harness.request(method, path, body, headers)
    await harness.step(1)
    bare, _, text = path.partition("?")
    query = dict(pair.split("=", 1) for pair in text.split("&")) if text else {}
    # The descriptions end these paths with a slash.
    root = bare + "/" if bare in ("/v1/calls", "/v2/applications") else bare
    request = as_request(method, root, body, query)
    if not invalid:
        api.validate_request(request)
    api.validate_response(request, as_response(response))
    return response


CALL = {
    "to": [{"type": "phone", "number": CALLEE}],
    "from": {"type": "phone", "number": NUMBER},
    "ncco": [talk("hello", loop=0)],
}


async def test_every_path_of_the_voice_api_matches_the_description(
    harness: SimulatorHarness, voice: OpenAPI
) -> None:
    created = await checked_request(harness, voice, "POST", "/v1/calls", CALL)
    assert created.status == 201
    leg = f"/v1/calls/{created.json['uuid']}"
    await harness.step(2)
    destination = {"type": "ncco", "ncco": [talk("hello", loop=0)]}
    requests_: list[tuple[str, str, Any, int]] = [
        ("GET", "/v1/calls", None, 200),
        ("GET", "/v1/calls?page_size=1&order=desc&status=answered", None, 200),
        ("GET", leg, None, 200),
        ("PUT", leg, {"action": "mute"}, 204),
        ("PUT", leg, {"action": "unmute"}, 204),
        ("PUT", leg, {"action": "earmuff"}, 204),
        ("PUT", leg, {"action": "unearmuff"}, 204),
        ("PUT", leg, {"action": "transfer", "destination": destination}, 204),
        ("PUT", leg + "/stream", {"stream_url": [harness.url("/x.mp3")], "level": "0.4"}, 200),
        ("DELETE", leg + "/stream", None, 200),
        ("PUT", leg + "/talk", {"text": "hi", "language": "en-GB", "style": 1}, 200),
        ("DELETE", leg + "/talk", None, 200),
        ("PUT", leg + "/dtmf", {"digits": "12#"}, 200),
        ("PUT", leg + "/input/dtmf", {"event_url": [harness.url("/keys")]}, 200),
        ("DELETE", leg + "/input/dtmf", None, 200),
        ("PUT", leg, {"action": "hangup"}, 204),
        ("GET", leg, None, 200),
        ("PUT", leg, {"action": "hangup"}, 404),
    ]
    for method, path, body, status in requests_:
        assert (await checked_request(harness, voice, method, path, body)).status == status, (
            method,
            path,
        )


async def test_errors_of_the_voice_api_match_the_description(
    harness: SimulatorHarness, voice: OpenAPI
) -> None:
    bad = await checked_request(harness, voice, "POST", "/v1/calls", CALL | {"to": 5}, invalid=True)
    assert bad.status == 400
    unknown = await checked_request(
        harness, voice, "GET", "/v1/calls/63f61863-4a51-4f6b-86e1-46edebcf9356"
    )
    assert unknown.status == 404
    await harness.faults(api_429=1)
    assert (await checked_request(harness, voice, "GET", "/v1/calls")).status == 429


async def test_every_path_of_the_application_api_matches_the_description(
    harness: SimulatorHarness, application: OpenAPI
) -> None:
    webhooks = {"answer_url": {"address": harness.url("/answer"), "http_method": "GET"}}
    body = {"name": "mine", "capabilities": {"voice": {"webhooks": webhooks}}}
    created = await checked_request(harness, application, "POST", "/v2/applications", body)
    assert created.status == 201
    one = f"/v2/applications/{created.json['id']}"
    for method, path, sent, status in (
        ("GET", "/v2/applications", None, 200),
        ("GET", one, None, 200),
        ("PUT", one, body, 200),
        ("DELETE", one, None, 204),
    ):
        assert (await checked_request(harness, application, method, path, sent)).status == status


async def test_a_response_that_differs_from_the_description_is_an_error(voice: OpenAPI) -> None:
    request = as_request("GET", "/v1/calls/", None, {})
    response = SimulatorResponse(200, {"Content-Type": "application/json"}, b'{"count":"many"}')
    with pytest.raises(OpenAPIError):
        voice.validate_response(request, as_response(response))
