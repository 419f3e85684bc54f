"""`sam local invoke` with every sample, as the README shows it, and with events of odd forms."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam.running import ROOT, SAMPLES, routes, run, sample

if TYPE_CHECKING:
    from tests.sam.running import SamLocal

PYTHON = str(ROOT / ".venv/bin/python")


def invoke(function: str, event: str) -> dict[str, Any]:
    command = ("sam", "local", "invoke", function, "--config-env", "local", "-e", "-")
    answer: dict[str, Any] = json.loads(run(*command, stdin=event))
    return answer


@pytest.mark.usefixtures("sam_local")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_by_the_function_of_its_route(name: str) -> None:
    event = run(PYTHON, "-m", "local.event", name)
    route = json.loads(event)["routeKey"]
    reports = route.endswith(("/event", "/recordings"))
    assert invoke(routes()[route], event)["statusCode"] == (204 if reports else 200)


def encoded(sam_local: SamLocal, body: bytes) -> str:
    """Give the event of a signed answer webhook as API Gateway gives it of a binary body."""
    it = sample("answer")
    it = type(it)(it.method, it.path, it.query, body)
    event = json.loads(run(PYTHON, "-m", "local.event", "answer"))
    event["headers"]["authorization"] = f"Bearer {sam_local.token(it)}"
    event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return json.dumps(event)


def test_a_body_in_base64_is_answered(sam_local: SamLocal) -> None:
    event = encoded(sam_local, sample("answer").body)
    assert invoke("AnswerFunction", event)["statusCode"] == 200


def test_a_signed_body_that_is_no_utf_8_is_refused(sam_local: SamLocal) -> None:
    event = encoded(sam_local, b'{"from": "\xff\xfe"}')
    assert invoke("AnswerFunction", event)["statusCode"] == 400


def test_a_body_that_is_said_to_be_base64_and_is_not_is_refused(sam_local: SamLocal) -> None:
    event = json.loads(encoded(sam_local, b"{}")) | {"body": "no base64!"}
    assert invoke("AnswerFunction", json.dumps(event))["statusCode"] == 400
