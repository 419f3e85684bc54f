"""`sam local invoke` with a sample for each function, as docs/sam-local.md shows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.sam.sam_process import ROOT, SAMPLES, routes, run, sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.sam.sam_process import SamLocal


def function_of(name: str) -> str:
    request = sample(name)
    return routes()[f"{request.method} {request.path}"]


# `sam local start-api` gets every sample. A command takes seconds, so here each function gets one.
FUNCTIONS = {function_of(name): name for name in SAMPLES}


@pytest.fixture(scope="module")
def responses(sam_local: SamLocal) -> Iterator[dict[str, Future[dict[str, Any]]]]:
    """Yield each function's response, invoked two at a time because Docker is slow."""

    def respond(function: str) -> dict[str, Any]:
        event = run(str(ROOT / ".venv/bin/python"), "-m", "local.event", FUNCTIONS[function])
        invoke = ("sam", "local", "invoke", function, "--config-env", "local", "-e", "-")
        response: dict[str, Any] = json.loads(run(*invoke, stdin=event))
        return response

    with ThreadPoolExecutor(2) as pool:
        yield {function: pool.submit(respond, function) for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_accepts_its_sample(
    responses: dict[str, Future[dict[str, Any]]], function: str
) -> None:
    reports = function in ("EventFunction", "RecordingsFunction")
    assert responses[function].result()["statusCode"] == (204 if reports else 200)
