"""What the owner's API writes to its log: one line for each request, and never whom it is about."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from tests.unit.calls.api_harness import LEG, NUMBER, ROOT, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.calls.api_harness import ApiHarness


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """What the application has written so far."""
    caplog.set_level(logging.INFO, logger="voice")
    return lambda: [one for one in caplog.records if one.name == "voice"]


def test_a_request_has_one_line_that_says_what_became_of_it(
    stage: ApiHarness, lines: Callable[[], list[logging.LogRecord]]
) -> None:
    stage.place()
    (line,) = lines()
    told = vars(line)
    assert (told["route"], told["outcome"], told["status"]) == ("POST /calls", "placed", 201)
    assert (told["leg"], told["version"], told["levelname"]) == (LEG, "7", "INFO")
    assert told["ms"] >= 0


def test_refusals_and_faults_are_told_by_their_outcome(
    stage: ApiHarness, lines: Callable[[], list[logging.LogRecord]]
) -> None:
    stage.vonage.next = [requests.ConnectionError("reset"), answer(429)]
    stage.place("k")
    stage.place()
    stage.place("k")
    stage.place("k", flow="voicemail")
    stage.place(to=[{"type": "phone", "number": "12025550123"}])
    stage.place(flow=None)
    stage.ask("GET", "/history", signed=False)
    assert [vars(one)["outcome"] for one in lines()] == [
        *("unknown", "limited", "undecided", "key_misused"),
        *("not_allowed", "invalid", "unsigned"),
    ]
    assert lines()[0].levelname == "ERROR"


def test_no_line_holds_a_number_a_body_a_query_a_key_or_a_token(
    stage: ApiHarness, lines: Callable[[], list[logging.LogRecord]]
) -> None:
    secret = "what only the owner knows"
    token = f"eyJhbGciOiJSUzI1NiJ9.{'a' * 40}.{'b' * 40}"
    said = {"title": secret, "detail": f"{NUMBER} is wrong"}
    stage.vonage.next = [
        answer(400, said),
        answer(500, said),
        requests.ConnectionError(f"{NUMBER} {secret}"),
        RuntimeError(f"'{secret}' {NUMBER} Bearer {token}"),
    ]
    for _ in range(5):
        stage.place("the-key-of-the-owner")
        stage.place(flow=None, ncco=[{"action": "talk", "text": secret}])
    stage.place(to=[{"type": "phone", "number": f"+{NUMBER}"}])
    stage.ask("GET", f"/calls/{NUMBER}")
    stage.ask("GET", "/calls", query=f"status={NUMBER}&{secret.replace(' ', '+')}=1")
    stage.ask("POST", "/calls", b"{" + secret.encode(), key="k")
    written = " ".join(str(vars(one)) for one in lines())
    assert lines()
    for banned in (NUMBER, secret, "the-key-of-the-owner", token):
        assert banned not in written


def test_the_function_loads_without_an_environment_and_without_a_network() -> None:
    code = "import sys; sys.path.insert(0, 'functions'); import calls.app; print('loaded')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, env={}
    )
    assert done.stdout == "loaded\n", done.stderr


def test_a_function_without_its_settings_answers_that_it_cannot_work_now() -> None:
    code = (
        "import sys, json; sys.path.insert(0, 'functions'); from calls.app import handler;"
        "iam = {'iam': {'userArn': 'arn:aws:iam::123456789012:user/owner'}};"
        "print(json.dumps(handler({'requestContext': {'authorizer': iam}}, None)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, env={}
    )
    assert '"statusCode": 503' in done.stdout, done.stderr
