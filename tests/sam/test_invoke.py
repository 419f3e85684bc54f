"""`sam local invoke` with every sample, as the README shows it, and with events of odd forms."""

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
    answer: dict[str, Any] = json.loads(run(*command, stdin=event))
    return answer


def signed(name: str) -> dict[str, Any]:
    """Give the event that the README pipes into SAM."""
    event: dict[str, Any] = json.loads(run(PYTHON, "-m", "local.event", name))
    return event


@pytest.fixture(scope="module")
def answers(sam_local: SamLocal) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """Invoke a function with every sample, two at a time: most of it is waiting for Docker."""

    def answer(name: str) -> dict[str, Any]:
        event = signed(name)
        return invoke(routes()[event["routeKey"]], json.dumps(event))

    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(answer, name) for name in SAMPLES}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_answered_by_the_function_of_its_route(
    answers: dict[str, Future[dict[str, Any]]], name: str
) -> None:
    reports = sample(name).path in ("/webhooks/event", "/webhooks/recordings")
    assert answers[name].result()["statusCode"] == (204 if reports else 200)


def encoded(sam_local: SamLocal, body: bytes) -> str:
    """Give the event of a signed answer webhook as API Gateway gives it of a binary body."""
    it = sample("answer")
    it = type(it)(it.method, it.path, it.query, body)
    event = signed("answer")
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
