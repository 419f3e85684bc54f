"""The log of the admin API: one line for each request, and no personal data."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from tests.unit.calls.api_harness import LEG, NUMBER, ROOT, vonage_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.calls.api_harness import ApiHarness


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """Return the log lines of the application so far."""
    caplog.set_level(logging.INFO, logger="voice")
    return lambda: [one for one in caplog.records if one.name == "voice"]


def test_a_request_writes_one_log_line_with_its_outcome(
    api: ApiHarness, lines: Callable[[], list[logging.LogRecord]]
) -> None:
    api.place()
    (line,) = lines()
    fields = vars(line)
    assert (fields["route"], fields["outcome"], fields["status"]) == ("POST /calls", "placed", 201)
    assert (fields["leg"], fields["version"], fields["levelname"]) == (LEG, "7", "INFO")
    assert fields["ms"] >= 0


def test_each_error_has_its_outcome_in_the_log(
    api: ApiHarness, lines: Callable[[], list[logging.LogRecord]]
) -> None:
    api.vonage.next_results = [requests.ConnectionError("reset"), vonage_response(429)]
    api.place("k")
    api.place()
    api.place("k")
    api.place("k", flow="voicemail")
    api.place(to=[{"type": "phone", "number": "12025550123"}])
    api.place(flow=None)
    api.send("GET", "/history", signed=False)
    assert [vars(one)["outcome"] for one in lines()] == [
        *("unknown", "limited", "undecided", "key_misused"),
        *("not_allowed", "invalid", "unsigned"),
    ]
    assert lines()[0].levelname == "ERROR"


def test_no_log_line_contains_a_number_body_query_key_or_token(
    api: ApiHarness, lines: Callable[[], list[logging.LogRecord]]
) -> None:
    secret = "a secret phrase"
    token = f"eyJhbGciOiJSUzI1NiJ9.{'a' * 40}.{'b' * 40}"
    refusal = {"title": secret, "detail": f"{NUMBER} is wrong"}
    api.vonage.next_results = [
        vonage_response(400, refusal),
        vonage_response(500, refusal),
        requests.ConnectionError(f"{NUMBER} {secret}"),
        RuntimeError(f"'{secret}' {NUMBER} Bearer {token}"),
    ]
    for _ in range(5):
        api.place("the-idempotency-key")
        api.place(flow=None, ncco=[{"action": "talk", "text": secret}])
    api.place(to=[{"type": "phone", "number": f"+{NUMBER}"}])
    api.send("GET", f"/calls/{NUMBER}")
    api.send("GET", "/calls", query=f"status={NUMBER}&{secret.replace(' ', '+')}=1")
    api.send("POST", "/calls", b"{" + secret.encode(), key="k")
    text = " ".join(str(vars(one)) for one in lines())
    assert lines()
    for banned in (NUMBER, secret, "the-idempotency-key", token):
        assert banned not in text


def test_the_function_loads_without_an_environment_and_without_a_network() -> None:
    code = "import sys; sys.path.insert(0, 'functions'); import calls.app; print('loaded')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, env={}
    )
    assert done.stdout == "loaded\n", done.stderr


def test_a_function_without_settings_returns_503() -> None:
    code = (
        "import sys, json; sys.path.insert(0, 'functions'); from calls.app import handler;"
        "iam = {'iam': {'userArn': 'arn:aws:iam::123456789012:user/operator'}};"
        "print(json.dumps(handler({'requestContext': {'authorizer': iam}}, None)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, env={}
    )
    assert '"statusCode": 503' in done.stdout, done.stderr
