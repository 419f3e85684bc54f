"""The switchboard in the webhook functions, also with AWS faults."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import webhooks
from tests.support.environment import stack
from tests.support.webhooks import CALLED, conversation, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fake_aws import FakeAws
    from tests.support.faulty_proxy import Fault
    from tests.support.function_process import FunctionProcesses, InvocationResult

    Start = Callable[..., FunctionProcesses]

SECOND = stack()["SECOND_NUMBER"]
UNCONNECTED = "We are sorry, we cannot connect your call at the moment."


@pytest.fixture
def with_switchboard(start: Start, cloud: FakeAws) -> Callable[..., FunctionProcesses]:
    """Return a function that starts the functions with a switchboard."""

    def make(*, text: str | None = None, **parts: Any) -> FunctionProcesses:
        document = json.dumps(parts) if text is None else text
        return start(SWITCHBOARD_SECRET_ID=cloud.secret(document))

    return make


def call(
    functions: FunctionProcesses, cloud: FakeAws, query: str = "", **fields: Any
) -> InvocationResult:
    webhook = webhooks.answer(conversation(), **fields)
    return functions("answer", post(cloud.account, "answer", webhook, query))


def spoken(result: InvocationResult) -> str:
    return " ".join(action["text"] for action in result.ncco if action["action"] == "talk")


def test_the_switchboard_selects_the_flow_of_a_number(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    functions = with_switchboard(numbers={CALLED: "voicemail"})
    result = call(functions, cloud)
    assert [action["action"] for action in result.ncco] == ["talk", "record", "talk"]
    assert result.logs[0]["flow"] == "voicemail"
    assert call(functions, cloud, to="442079460999").logs[0]["flow"] == "greet"


def test_the_switchboard_selects_the_flow_of_an_event(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    functions = with_switchboard(numbers={CALLED: "dtmf_menu"})
    result = functions("event", post(cloud.account, "event", webhooks.keys(conversation())))
    assert (result.status, result.logs[0]["flow"]) == (200, "dtmf_menu")


def test_a_caller_outside_opening_hours_hears_the_announcement(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    result = call(with_switchboard(closed={"announcement": "We are closed."}), cloud)
    assert result.ncco == [{"action": "talk", "text": "We are closed."}]
    assert (result.logs[0]["outcome"], result.logs[0]["closed"]) == ("answered", True)


def test_a_caller_outside_opening_hours_gets_the_closed_flow(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    result = call(with_switchboard(closed={"flow": "voicemail"}), cloud)
    assert result.ncco[1]["action"] == "record"
    assert (result.logs[0]["flow"], result.logs[0]["closed"]) == ("voicemail", True)


def test_a_call_with_a_flow_in_its_url_ignores_opening_hours(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    functions = with_switchboard(closed={"announcement": "We are closed."})
    assert "Thank you" in spoken(call(functions, cloud, "flow=greet"))


def test_with_dialing_off_a_flow_calls_nobody_and_continues(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    on, off = with_switchboard(dialling="on"), with_switchboard(dialling="off")
    before, after = (call(one, cloud, "flow=connect") for one in (on, off))
    assert [a["action"] for a in before.ncco].count("connect") == 1
    # then the caller hears the rest of the NCCO, as after a call without an answer
    replaced = [
        {"action": "talk", "text": UNCONNECTED} if a["action"] == "connect" else a
        for a in before.ncco
    ]
    assert after.ncco == replaced
    assert (after.logs[0]["outcome"], after.logs[0]["dialling"]) == ("answered", "off")
    assert "dialling" not in before.logs[0]


def test_with_dialing_off_a_digit_calls_nobody(with_switchboard: Start, cloud: FakeAws) -> None:
    keys = webhooks.keys(conversation(), "0")
    result = with_switchboard(dialling="off")(
        "dtmf", post(cloud.account, "dtmf", keys, "flow=dtmf_menu")
    )
    assert "connect" not in [action["action"] for action in result.ncco]
    assert UNCONNECTED in spoken(result)


@pytest.mark.parametrize("text", ['{"dialling": "OFF"}', '{"dialing": false}', '{"dialling": off}'])
def test_nonsense_about_dialing_calls_nobody(
    with_switchboard: Start, cloud: FakeAws, text: str
) -> None:
    result = call(with_switchboard(text=text), cloud, "flow=connect")
    assert "connect" not in [action["action"] for action in result.ncco]
    assert (result.logs[0]["dialling"], result.logs[0]["switchboard"]) == ("off", "unread")


def test_dialing_off_applies_even_if_the_rest_of_the_switchboard_is_invalid(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    functions = with_switchboard(dialling="off", numbers={CALLED: "removed_flow"})
    result = call(functions, cloud, "flow=connect")
    assert "connect" not in [action["action"] for action in result.ncco]
    assert (result.logs[0]["dialling"], result.logs[0]["switchboard"]) == ("off", "unread")


def test_a_flow_that_calls_nobody_does_not_read_the_switchboard(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    functions = with_switchboard(text="no switchboard")
    assert "switchboard" not in call(functions, cloud, "flow=greet").logs[0]
    assert call(functions, cloud, "flow=connect").logs[0]["switchboard"] == "unread"


def test_the_switchboard_is_cached_for_thirty_seconds(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    functions = with_switchboard(numbers={CALLED: "voicemail"})
    call(functions, cloud)
    cloud.aws.asked.clear()
    for _ in range(5):
        assert call(functions, cloud).status == 200
    assert not cloud.aws.asked


@pytest.mark.parametrize(
    "text",
    [" ", "{", "[]", '{"dialling": 1}', '{"numbers": {"1": "x"}}', r'{"\ud800": "half a pair"}'],
)
def test_with_an_invalid_switchboard_the_settings_select_the_flow(
    with_switchboard: Start, cloud: FakeAws, text: str
) -> None:
    result = call(with_switchboard(text=text), cloud)
    assert (result.status, result.logs[0]["flow"]) == (200, "greet")
    assert (result.logs[0]["outcome"], result.logs[0]["switchboard"]) == ("answered", "unread")


def test_the_log_contains_no_number_of_an_invalid_switchboard(
    with_switchboard: Start, cloud: FakeAws
) -> None:
    result = call(with_switchboard(numbers={"00447700900777": "greet"}), cloud)
    assert "E.164" in result.logs[0]["switchboard_detail"]
    assert "7700900777" not in json.dumps(result.logs)


@pytest.mark.parametrize("route", ["answer", "event"])
def test_both_secrets_are_read_while_the_environment_is_initialized(
    with_switchboard: Start, cloud: FakeAws, route: str
) -> None:
    functions = with_switchboard(numbers={CALLED: "dtmf_menu"})
    # given an environment that is initialized, and no webhook yet
    assert functions(route, {}).status >= 400
    assert cloud.aws.asked == {"GetSecretValue": 2}
    webhook = webhooks.answer if route == "answer" else webhooks.keys
    result = functions(route, post(cloud.account, route, webhook(conversation())))
    assert (result.status, result.logs[0]["flow"]) == (200, "dtmf_menu")
    assert cloud.aws.asked["GetSecretValue"] == 2


@pytest.mark.parametrize(
    ("settings", "board", "early"),
    [
        ({}, {}, True),
        ({}, {"numbers": {"442079460999": "greet"}}, False),
        ({"NUMBER_FLOWS": "442079460999=greet"}, {}, False),
    ],
)
def test_the_default_flow_is_loaded_in_advance_if_it_is_the_only_one(
    start: Start, cloud: FakeAws, settings: dict[str, str], board: Any, early: bool
) -> None:
    secret = cloud.secret(json.dumps(board))
    functions = start(DEFAULT_FLOW="loaded", SWITCHBOARD_SECRET_ID=secret, **settings)
    assert functions("answer", {}).status >= 400
    initialized_at = time.time()
    assert (float(spoken(call(functions, cloud))) < initialized_at) is early


@pytest.mark.parametrize("fault", ["throttle", "refuse", "error", "hang", "cut"])
def test_after_a_failed_initialization_the_first_webhook_reads_both_secrets(
    with_switchboard: Start, cloud: FakeAws, fault: Fault
) -> None:
    functions = with_switchboard(numbers={CALLED: "voicemail"})
    cloud.aws.faults["GetSecretValue"] = fault
    assert functions("answer", {}).status >= 400
    cloud.aws.reset()
    result = call(functions, cloud)
    assert (result.status, result.logs[0]["flow"]) == (200, "voicemail")
    assert "switchboard" not in result.logs[0]


@pytest.mark.parametrize("fault", ["throttle", "refuse", "error", "hang", "cut"])
def test_with_an_unreadable_switchboard_callers_are_still_served(
    start: Start, cloud: FakeAws, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = cloud.secret(json.dumps({"numbers": {CALLED: "voicemail"}}))

    def fail(_operation: str, body: bytes) -> None:
        cloud.aws.faults = {"GetSecretValue": fault} if board.encode() in body else {}

    monkeypatch.setattr(cloud.aws, "saw", fail)
    functions = start(SWITCHBOARD_SECRET_ID=board)
    result = call(functions, cloud)
    assert (result.status, result.logs[0]["flow"]) == (200, "greet")
    assert result.logs[0]["switchboard"] == "unread"
    # and the next caller does not wait: the next attempt is in 30 seconds
    cloud.aws.asked.clear()
    assert call(functions, cloud).status == 200
    assert not cloud.aws.asked
