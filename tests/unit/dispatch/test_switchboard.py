"""The switchboard at the doors of the webhook functions, and AWS at fault meanwhile."""

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
    from tests.support.faulty_proxy import Fault
    from tests.support.function_process import FunctionProcesses, InvocationResult

    Start = Callable[..., FunctionProcesses]

SECOND = stack()["SECOND_NUMBER"]
UNCONNECTED = "We are sorry, we cannot connect your call at the moment."


@pytest.fixture
def with_board(start: Start, cloud: FakeAws) -> Callable[..., FunctionProcesses]:
    """Start the functions anew, with a switchboard of their own."""

    def make(*, text: str | None = None, **parts: Any) -> FunctionProcesses:
        written = json.dumps(parts) if text is None else text
        return start(SWITCHBOARD_SECRET_ID=cloud.secret(written))

    return make


def ring(
    functions: FunctionProcesses, cloud: FakeAws, query: str = "", **fields: Any
) -> InvocationResult:
    sent = webhooks.answer(conversation(), **fields)
    return functions("answer", post(cloud.account, "answer", sent, query))


def said(done: InvocationResult) -> str:
    return " ".join(action["text"] for action in done.ncco if action["action"] == "talk")


def test_a_number_has_the_flow_that_the_switchboard_names(
    with_board: Start, cloud: FakeAws
) -> None:
    functions = with_board(numbers={CALLED: "voicemail"})
    done = ring(functions, cloud)
    assert [action["action"] for action in done.ncco] == ["talk", "record", "talk"]
    assert done.logs[0]["flow"] == "voicemail"
    assert ring(functions, cloud, to="442079460999").logs[0]["flow"] == "greet"


def test_an_event_is_told_to_the_flow_that_the_switchboard_names(
    with_board: Start, cloud: FakeAws
) -> None:
    functions = with_board(numbers={CALLED: "dtmf_menu"})
    done = functions("event", post(cloud.account, "event", webhooks.keys(conversation())))
    assert (done.status, done.logs[0]["flow"]) == (200, "dtmf_menu")


def test_who_calls_when_it_is_closed_hears_the_announcement(
    with_board: Start, cloud: FakeAws
) -> None:
    done = ring(with_board(closed={"announcement": "We are closed."}), cloud)
    assert done.ncco == [{"action": "talk", "text": "We are closed."}]
    assert (done.logs[0]["outcome"], done.logs[0]["closed"]) == ("answered", True)


def test_who_calls_when_it_is_closed_reaches_the_flow_for_that(
    with_board: Start, cloud: FakeAws
) -> None:
    done = ring(with_board(closed={"flow": "voicemail"}), cloud)
    assert done.ncco[1]["action"] == "record"
    assert (done.logs[0]["flow"], done.logs[0]["closed"]) == ("voicemail", True)


def test_a_call_whose_flow_is_named_is_answered_at_any_hour(
    with_board: Start, cloud: FakeAws
) -> None:
    functions = with_board(closed={"announcement": "We are closed."})
    assert "Thank you" in said(ring(functions, cloud, "flow=greet"))


def test_with_dialling_off_a_flow_calls_nobody_and_goes_on(
    with_board: Start, cloud: FakeAws
) -> None:
    open_, off = with_board(dialling="on"), with_board(dialling="off")
    before, after = (ring(one, cloud, "flow=connect") for one in (open_, off))
    assert [a["action"] for a in before.ncco].count("connect") == 1
    # then what would be said after the other side did not answer is said
    replaced = [
        {"action": "talk", "text": UNCONNECTED} if a["action"] == "connect" else a
        for a in before.ncco
    ]
    assert after.ncco == replaced
    assert (after.logs[0]["outcome"], after.logs[0]["dialling"]) == ("answered", "off")
    assert "dialling" not in before.logs[0]


def test_with_dialling_off_a_key_calls_nobody_either(with_board: Start, cloud: FakeAws) -> None:
    keys = webhooks.keys(conversation(), "0")
    done = with_board(dialling="off")("dtmf", post(cloud.account, "dtmf", keys, "flow=dtmf_menu"))
    assert "connect" not in [action["action"] for action in done.ncco]
    assert UNCONNECTED in said(done)


def test_with_dialling_off_nobody_is_called_although_the_rest_is_broken(
    with_board: Start, cloud: FakeAws
) -> None:
    functions = with_board(dialling="off", numbers={CALLED: "deployed_away"})
    done = ring(functions, cloud, "flow=connect")
    assert "connect" not in [action["action"] for action in done.ncco]
    assert (done.logs[0]["dialling"], done.logs[0]["switchboard"]) == ("off", "unread")


def test_a_flow_that_calls_nobody_does_not_ask_for_the_switchboard(
    with_board: Start, cloud: FakeAws
) -> None:
    functions = with_board(text="no switchboard")
    assert "switchboard" not in ring(functions, cloud, "flow=greet").logs[0]
    assert ring(functions, cloud, "flow=connect").logs[0]["switchboard"] == "unread"


def test_within_thirty_seconds_nothing_is_asked_of_aws(with_board: Start, cloud: FakeAws) -> None:
    functions = with_board(numbers={CALLED: "voicemail"})
    ring(functions, cloud)
    cloud.aws.asked.clear()
    for _ in range(5):
        assert ring(functions, cloud).status == 200
    assert not cloud.aws.asked


@pytest.mark.parametrize(
    "text",
    [" ", "{", "[]", '{"dialling": 1}', '{"numbers": {"1": "x"}}', r'{"\ud800": "half a pair"}'],
)
def test_a_broken_switchboard_leaves_callers_served_as_the_settings_say(
    with_board: Start, cloud: FakeAws, text: str
) -> None:
    done = ring(with_board(text=text), cloud)
    assert (done.status, done.logs[0]["flow"]) == (200, "greet")
    assert (done.logs[0]["outcome"], done.logs[0]["switchboard"]) == ("answered", "unread")


def test_the_log_names_no_number_of_a_broken_switchboard(with_board: Start, cloud: FakeAws) -> None:
    done = ring(with_board(numbers={"00447700900777": "greet"}), cloud)
    assert "E.164" in done.logs[0]["switchboard_detail"]
    assert "7700900777" not in json.dumps(done.logs)


@pytest.mark.parametrize("fault", ["throttle", "refuse", "error", "hang", "cut"])
def test_a_switchboard_that_cannot_be_read_leaves_callers_served(
    with_board: Start, cloud: FakeAws, fault: Fault
) -> None:
    functions = with_board(numbers={CALLED: "voicemail"})
    # given a function that has the signature secret already
    assert ring(functions, cloud, "flow=greet").status == 200
    cloud.aws.faults["GetSecretValue"] = fault
    done = ring(functions, cloud)
    assert (done.status, done.logs[0]["flow"]) == (200, "greet")
    assert done.logs[0]["switchboard"] == "unread"
    # and the caller does not wait for it again: it is asked for in half a minute
    cloud.aws.asked.clear()
    assert ring(functions, cloud).status == 200
    assert not cloud.aws.asked
