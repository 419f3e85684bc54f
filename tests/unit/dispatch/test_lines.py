"""Business lines in the webhook functions: which flow answers, and what is logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import webhooks
from tests.support.environment import stack
from tests.support.webhooks import CALLED, conversation, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fake_aws import FakeAws
    from tests.support.function_process import FunctionProcesses, InvocationResult

    Start = Callable[..., FunctionProcesses]

SECOND = stack()["SECOND_NUMBER"]
NEVER = {"time_zone": "UTC", "hours": {"monday": ["00:00-00:01"]}}
ALWAYS = {
    "time_zone": "UTC",
    "hours": {
        day: ["00:00-24:00"]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    },
}
CLOSED = {"closed": {"announcement": "All of us are closed."}}


@pytest.fixture
def with_line(start: Start, cloud: FakeAws) -> Callable[..., FunctionProcesses]:
    """Return a function that starts the functions with a line of the called number."""

    def make(line: Any, environment: dict[str, str] | None = None, **parts: Any) -> Any:
        document = json.dumps({"lines": {CALLED: line}, **parts})
        settings = {"LANGUAGE": "en-US", **(environment or {})}
        return start(SWITCHBOARD_SECRET_ID=cloud.secret(document), **settings)

    return make


def call(
    functions: FunctionProcesses, cloud: FakeAws, query: str = "", **fields: Any
) -> InvocationResult:
    webhook = webhooks.answer(conversation(), **fields)
    return functions("answer", post(cloud.account, "answer", webhook, query))


def spoken(result: InvocationResult) -> str:
    return " ".join(action["text"] for action in result.ncco if action["action"] == "talk")


def numbers(result: InvocationResult) -> list[str]:
    return [
        action["endpoint"][0]["number"] for action in result.ncco if action["action"] == "connect"
    ]


def test_reception_answers_a_number_with_a_line(with_line: Start, cloud: FakeAws) -> None:
    functions = with_line({"greeting": "Bakery, good day."})
    result = call(functions, cloud)
    assert (spoken(result), numbers(result)) == ("Bakery, good day.", [SECOND])
    assert result.logs[0]["flow"] == "reception"
    assert call(functions, cloud, to="442079460999").logs[0]["flow"] == "greet"


def test_a_flow_in_numbers_wins_over_the_line(with_line: Start, cloud: FakeAws) -> None:
    result = call(with_line({}, numbers={CALLED: "voicemail"}), cloud)
    assert result.logs[0]["flow"] == "voicemail"


def test_hours_of_its_own_win_over_those_of_the_switchboard(
    with_line: Start, cloud: FakeAws
) -> None:
    own = with_line({"greeting": "Open.", "opening": ALWAYS}, **CLOSED)
    assert spoken(call(own, cloud)) == "Open."
    without = with_line({"greeting": "Open."}, **CLOSED)
    assert spoken(call(without, cloud)) == "All of us are closed."
    other_flow = with_line({"opening": ALWAYS}, numbers={CALLED: "voicemail"}, **CLOSED)
    assert spoken(call(other_flow, cloud)) == "All of us are closed."


def test_a_denied_number_is_skipped_and_logged(with_line: Start, cloud: FakeAws) -> None:
    functions = with_line({"ring": [{"number": "12025550123"}, {"number": SECOND}]})
    result = call(functions, cloud)
    assert numbers(result) == [SECOND]
    assert result.logs[0]["skipped"] == "1…23: matches no prefix in AllowedPrefixes"
    assert result.logs[0]["outcome"] == "answered"


def test_while_dialing_is_off_callers_leave_a_message(with_line: Start, cloud: FakeAws) -> None:
    result = call(with_line({}, dialling="off"), cloud)
    assert [action["action"] for action in result.ncco] == [*["talk"] * 3, "record", "talk"]
    assert "skipped" not in result.logs[0]


def test_an_invalid_line_answers_with_what_is_valid_and_is_logged(
    with_line: Start, cloud: FakeAws
) -> None:
    result = call(with_line({"greeting": "Good day.", "ring": "nobody"}), cloud)
    assert spoken(result).startswith("Good day.")
    assert (result.status, result.logs[0]["switchboard"]) == (200, "unread")
    assert "must be an array" in result.logs[0]["switchboard_detail"]


def test_an_invalid_line_troubles_no_other_number(with_line: Start, cloud: FakeAws) -> None:
    result = call(with_line({"ring": "nobody"}), cloud, to="442079460999")
    assert "switchboard" not in result.logs[0]


def test_a_callees_event_rings_the_next_number_of_the_line(
    with_line: Start, cloud: FakeAws
) -> None:
    functions = with_line({"ring": [{"number": SECOND}, {"number": SECOND, "seconds": 7}]})
    (_, connect) = call(functions, cloud).ncco
    query = connect["eventUrl"][0].partition("?")[2]
    busy = webhooks.status(conversation(), "busy") | {"from": CALLED, "to": SECOND}
    result = functions("event", post(cloud.account, "event", busy, query))
    assert (result.ncco[0]["timeout"], result.ncco[0]["from"]) == (7, CALLED)


def test_a_flow_gets_the_language_of_the_line(with_line: Start, cloud: FakeAws) -> None:
    functions = with_line({"language": "fr-FR"})
    for called, language in ((CALLED, "fr-FR"), ("442079460999", "en-US")):
        action = call(functions, cloud, "flow=speech", to=called).ncco[-1]
        assert action["speech"]["language"] == language


def test_a_flow_that_uses_no_line_does_not_parse_one(with_line: Start, cloud: FakeAws) -> None:
    functions = with_line({"ring": "invalid"})
    result = call(functions, cloud, "flow=greet")
    assert "switchboard" not in result.logs[0]


def test_a_warm_answer_needs_no_request(with_line: Start, cloud: FakeAws) -> None:
    functions = with_line({"greeting": "Bakery."})
    call(functions, cloud)
    before = cloud.aws.asked.copy()
    assert spoken(call(functions, cloud)) == "Bakery."
    assert cloud.aws.asked == before
