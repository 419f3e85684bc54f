"""`sam local invoke` with every sample, as the README shows, and with unusual bodies."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam.sam_process import ROOT, SAMPLES, routes, run, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.sam.sam_process import SamLocal

PYTHON = str(ROOT / ".venv/bin/python")


def invoke(function: str, event: str) -> dict[str, Any]:
    command = ("sam", "local", "invoke", function, "--config-env", "local", "-e", "-")
    response: dict[str, Any] = json.loads(run(*command, stdin=event))
    return response


def signed(name: str) -> dict[str, Any]:
    """Return the event that the README pipes into SAM."""
    event: dict[str, Any] = json.loads(run(PYTHON, "-m", "local.event", name))
    return event


@pytest.fixture(scope="module")
def responses(sam_local: SamLocal) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """Yield the responses to every sample, invoked two at a time because Docker is slow."""

    def respond(name: str) -> dict[str, Any]:
        event = signed(name)
        return invoke(routes()[event["routeKey"]], json.dumps(event))

    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(respond, name) for name in SAMPLES}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_function_of_a_route_accepts_its_sample(
    responses: dict[str, Future[dict[str, Any]]], name: str
) -> None:
    reports = sample(name).path in ("/webhooks/event", "/webhooks/recordings")
    assert responses[name].result()["statusCode"] == (204 if reports else 200)


def encoded(sam_local: SamLocal, body: bytes) -> str:
    """Return API Gateway's event of a signed answer webhook with a binary body."""
    it = sample("answer")
    it = type(it)(it.method, it.path, it.query, body)
    event = signed("answer")
    event["headers"]["authorization"] = f"Bearer {sam_local.token(it)}"
    event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return json.dumps(event)


def test_accepts_a_base64_body(sam_local: SamLocal) -> None:
    event = encoded(sam_local, sample("answer").body)
    assert invoke("AnswerFunction", event)["statusCode"] == 200


def test_rejects_a_signed_body_that_is_not_utf_8(sam_local: SamLocal) -> None:
    event = encoded(sam_local, b'{"from": "\xff\xfe"}')
    assert invoke("AnswerFunction", event)["statusCode"] == 400


def test_rejects_an_invalid_base64_body(sam_local: SamLocal) -> None:
    event = json.loads(encoded(sam_local, b"{}")) | {"body": "no base64!"}
    assert invoke("AnswerFunction", json.dumps(event))["statusCode"] == 400
