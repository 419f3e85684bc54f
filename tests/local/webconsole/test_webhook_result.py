"""The result of a webhook: in the console's views, and as a line of the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.aws.request_log import LoggedRequest
from local.webconsole.webhook_result import WebhookResult, source_lines
from local.webconsole.webhook_result import webhook_result as result_of
from local.webhook_lines import print_webhook, webhook_line

CODE = Path(__file__).parents[3] / "functions"
CONVERSATION = "CON-cf67693b-0000-4000-8000-000000000000"


def logged(
    route: str = "POST /webhooks/answer",
    status: int = 200,
    event: dict[str, Any] | None = None,
    **fields: Any,
) -> LoggedRequest:
    """Build a logged request whose function wrote a log line with these fields."""
    log = (json.dumps({"message": "webhook", **fields}),) if fields else ()
    return LoggedRequest("1", route, "AnswerFunction", None, log, event, status, {}, b"", 12.4)


def webhook_result(request: LoggedRequest, code: Path = CODE) -> WebhookResult:
    return result_of(request, code)


@pytest.mark.parametrize(
    ("status", "fields", "level"),
    [
        (200, {"outcome": "answered", "flow": "greet"}, "ok"),
        (204, {"outcome": "kept"}, "ok"),
        (204, {"outcome": "repeat"}, "ok"),
        (200, {"outcome": "answered", "closed": True}, "notice"),
        (200, {"outcome": "answered", "dialling": "off"}, "notice"),
        (200, {"outcome": "apology", "error": "KeyError"}, "failed"),
        (200, {"outcome": "apology", "closed": True}, "failed"),
        (200, {"outcome": "not_stored"}, "failed"),
        (204, {"outcome": "overflowed"}, "notice"),
        (401, {"outcome": "rejected", "detail": "iat is missing"}, "notice"),
        (503, {"outcome": "unsigned"}, "notice"),
        (503, {"outcome": "transient"}, "failed"),
        (503, {}, "failed"),
    ],
)
def test_the_outcome_decides_the_level_and_not_the_status(
    status: int, fields: dict[str, Any], level: str
) -> None:
    assert webhook_result(logged(status=status, **fields)).level == level


def test_a_function_without_a_log_line_gave_no_response() -> None:
    assert webhook_result(logged(status=503)).outcome == "no_response"


def test_a_route_of_the_admin_api_has_no_outcome_without_a_log_line() -> None:
    assert webhook_result(logged("GET /calls", status=503)).outcome is None


def test_the_flow_is_the_one_that_ran_and_not_the_one_in_the_url() -> None:
    event = {"rawQueryString": "flow=greet&attempt=2"}
    assert webhook_result(logged(event=event, outcome="answered", flow="speech")).flow == "speech"
    assert webhook_result(logged(event=event)).flow == "greet"


def test_the_location_of_an_error_is_its_last_line_in_a_flow() -> None:
    at = ["dispatch/flow_runner.py:124 run", "flows/greet.py:8 answer", "flows/greet.py:21 _name"]
    result = webhook_result(logged(outcome="apology", at=[*at, "voicekit/ncco/actions.py:9 talk"]))
    assert result.location == "flows/greet.py:21"


def test_a_syntax_error_has_its_own_line_and_its_whole_text(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/_menu.py").write_text("\n\ndef text()\n    return 1\n")
    request = logged(
        outcome="apology",
        error="SyntaxError",
        detail="expected … (_menu.py, line 3)",
        at=["importlib/__init__.py:88 import_module", "flows/hello.py:2 <module>"],
    )
    result = webhook_result(request, tmp_path)
    assert (result.location, result.detail) == ("flows/_menu.py:3", "expected ':'")
    (tmp_path / "flows/_menu.py").write_text("def text():\n    return 1\n")
    assert webhook_result(request, tmp_path).location == "flows/hello.py:2"


@pytest.mark.parametrize("line", ["{", "null", "[]", '{"outcome": 3}', '{"message": "x"}', ""])
def test_ignores_log_lines_of_another_form(line: str) -> None:
    request = LoggedRequest("1", "POST /webhooks/dtmf", "F", None, (line,), None, 200, {}, b"", 1)
    assert webhook_result(request).outcome is None


def test_returns_three_lines_before_and_after_an_error(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/ten.py").write_text("\n".join(f"line {n}" for n in range(1, 11)))
    found = source_lines("flows/ten.py:9", tmp_path)
    lines = [f"line {n}" for n in range(6, 11)]
    assert found == {"file": "flows/ten.py", "line": 9, "first": 6, "lines": lines}


@pytest.mark.parametrize(
    "location", [None, "flows/gone.py:1", "flows/../app.py:1", "flows/ten.py:99", "/etc/passwd:1"]
)
def test_returns_no_lines_for_another_location(tmp_path: Path, location: str | None) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/ten.py").write_text("pass\n")
    assert source_lines(location, tmp_path) is None


def line(*, color: bool = False, **fields: Any) -> str:
    """Return the line of a webhook without its time."""
    request = logged(conversation=CONVERSATION, **fields)
    text = webhook_line(request, webhook_result(request), color=color)
    return text.partition("CON-")[2]


def test_a_line_has_the_call_the_route_the_flow_the_outcome_and_the_duration() -> None:
    words = line(outcome="answered", flow="greet").split()
    assert words == ["cf67693b", "answer", "greet", "answered", "12", "ms"]


def test_a_failure_is_red_and_has_file_line_and_error() -> None:
    text = line(
        color=True,
        outcome="apology",
        flow="greet",
        at=["flows/greet.py:8 answer"],
        error="KeyError",
        detail="no luck",
    )
    assert text.endswith("flows/greet.py:8  KeyError: no luck\x1b[0m")
    request = logged(outcome="apology")
    assert webhook_line(request, webhook_result(request), color=True).startswith("\x1b[31m")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"outcome": "answered", "closed": True}, "closed"),
        ({"outcome": "answered", "dialling": "off"}, "dialing is off"),
        ({"outcome": "rejected", "detail": "iat is missing"}, "iat is missing"),
    ],
)
def test_a_notice_has_its_reason(fields: dict[str, Any], reason: str) -> None:
    assert line(**fields).endswith(reason)


def test_prints_webhooks_and_no_other_routes(capsys: pytest.CaptureFixture[str]) -> None:
    print_webhook(logged("GET /calls/{uuid}", outcome="placed"), CODE)
    assert capsys.readouterr().out == ""
    print_webhook(logged(outcome="answered"), CODE)
    assert "answered" in capsys.readouterr().out
