"""Requests and replies held against Vonage's API descriptions, where these are at hand.

VONAGE_API_SPECS names a folder with `voice*.yml` and `application*.yml`; without it these tests are
skipped.
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
from tests.simulator.harness import CALLEE, NUMBER, SimulatorHarness, WebhookReply, talk

FOLDER = os.environ.get("VONAGE_API_SPECS", "")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="VONAGE_API_SPECS does not name a folder with Vonage's API descriptions"
)


def as_request(method: str, path: str, body: Any, query: dict[str, str]) -> MockRequest:
    """A request as openapi-core wants to see it."""
    raw = None if body is None else json.dumps(body).encode()
    return MockRequest("https://api.nexmo.com", method.lower(), path, args=query, data=raw)


def as_response(answered: WebhookReply) -> MockResponse:
    """An answer as openapi-core wants to see it."""
    content_type = answered.headers.get("Content-Type", "application/json").partition(";")[0]
    return MockResponse(answered.raw, answered.status, content_type=content_type)


def description(name: str) -> OpenAPI:
    """A description, without references to files that do not lie beside it."""
    path = next(Path(FOLDER).glob(name))
    text = path.read_text()
    document = yaml.safe_load(text)
    _drop_foreign_references(document)
    caller = document["components"]["schemas"].get("EndpointPhoneFrom")
    if caller is not None:
        # A number is described as one of two kinds of text of which it is always both.
        number = caller["properties"]["number"]
        number["anyOf"] = number.pop("oneOf")
        # A conversation's id is described as a bare uuid; its own example begins with CON-.
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
    """The Voice API's description."""
    return description("voice*.yml")


@pytest.fixture(scope="module")
def application() -> OpenAPI:
    """The Application API's description."""
    return description("application*.yml")


async def checked(
    stage: SimulatorHarness,
    api: OpenAPI,
    method: str,
    path: str,
    body: Any = None,
    wrong: bool = False,
) -> WebhookReply:
    """Send a request; it and its answer must be as described (`wrong`: only the answer)."""
    if path.startswith("/v2/"):
        credentials = b64encode(f"{stage.simulator.api_key}:{API_SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
    else:
        headers = {"Authorization": f"Bearer {stage.token()}"}
    answered = await stage.request(method, path, body, headers)
    await stage.step(1)
    bare, _, text = path.partition("?")
    query = dict(pair.split("=", 1) for pair in text.split("&")) if text else {}
    # The descriptions write their root as a path of its own.
    root = bare + "/" if bare in ("/v1/calls", "/v2/applications") else bare
    request = as_request(method, root, body, query)
    if not wrong:
        api.validate_request(request)
    api.validate_response(request, as_response(answered))
    return answered


CALL = {
    "to": [{"type": "phone", "number": CALLEE}],
    "from": {"type": "phone", "number": NUMBER},
    "ncco": [talk("hello", loop=0)],
}


async def test_every_path_of_the_voice_api_is_as_described(
    stage: SimulatorHarness, voice: OpenAPI
) -> None:
    created = await checked(stage, voice, "POST", "/v1/calls", CALL)
    assert created.status == 201
    leg = f"/v1/calls/{created.json['uuid']}"
    await stage.step(2)
    destination = {"type": "ncco", "ncco": [talk("hello", loop=0)]}
    wanted: list[tuple[str, str, Any, int]] = [
        ("GET", "/v1/calls", None, 200),
        ("GET", "/v1/calls?page_size=1&order=desc&status=answered", None, 200),
        ("GET", leg, None, 200),
        ("PUT", leg, {"action": "mute"}, 204),
        ("PUT", leg, {"action": "unmute"}, 204),
        ("PUT", leg, {"action": "earmuff"}, 204),
        ("PUT", leg, {"action": "unearmuff"}, 204),
        ("PUT", leg, {"action": "transfer", "destination": destination}, 204),
        ("PUT", leg + "/stream", {"stream_url": [stage.url("/x.mp3")], "level": "0.4"}, 200),
        ("DELETE", leg + "/stream", None, 200),
        ("PUT", leg + "/talk", {"text": "hi", "language": "en-GB", "style": 1}, 200),
        ("DELETE", leg + "/talk", None, 200),
        ("PUT", leg + "/dtmf", {"digits": "12#"}, 200),
        ("PUT", leg + "/input/dtmf", {"event_url": [stage.url("/keys")]}, 200),
        ("DELETE", leg + "/input/dtmf", None, 200),
        ("PUT", leg, {"action": "hangup"}, 204),
        ("GET", leg, None, 200),
        ("PUT", leg, {"action": "hangup"}, 404),
    ]
    for method, path, body, status in wanted:
        assert (await checked(stage, voice, method, path, body)).status == status, (method, path)


async def test_errors_of_the_voice_api_are_as_described(
    stage: SimulatorHarness, voice: OpenAPI
) -> None:
    bad = await checked(stage, voice, "POST", "/v1/calls", CALL | {"to": 5}, wrong=True)
    assert bad.status == 400
    unknown = await checked(stage, voice, "GET", "/v1/calls/63f61863-4a51-4f6b-86e1-46edebcf9356")
    assert unknown.status == 404
    await stage.faults(api_429=1)
    assert (await checked(stage, voice, "GET", "/v1/calls")).status == 429


async def test_every_path_of_the_application_api_is_as_described(
    stage: SimulatorHarness, application: OpenAPI
) -> None:
    webhooks = {"answer_url": {"address": stage.url("/answer"), "http_method": "GET"}}
    body = {"name": "mine", "capabilities": {"voice": {"webhooks": webhooks}}}
    created = await checked(stage, application, "POST", "/v2/applications", body)
    assert created.status == 201
    one = f"/v2/applications/{created.json['id']}"
    for method, path, sent, status in (
        ("GET", "/v2/applications", None, 200),
        ("GET", one, None, 200),
        ("PUT", one, body, 200),
        ("DELETE", one, None, 204),
    ):
        assert (await checked(stage, application, method, path, sent)).status == status


async def test_an_answer_that_is_not_as_described_would_be_noticed(voice: OpenAPI) -> None:
    request = as_request("GET", "/v1/calls/", None, {})
    answered = WebhookReply(200, {"Content-Type": "application/json"}, b'{"count":"many"}')
    with pytest.raises(OpenAPIError):
        voice.validate_response(request, as_response(answered))
