"""Signed state, secret input, and the events of flows, through the webhook functions."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support import webhooks
from tests.support.webhooks import conversation, get, post
from voicekit.signed_token import make_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fake_aws import FakeAws
    from tests.support.faulty_proxy import Fault
    from tests.support.function_process import FunctionProcesses

APOLOGY = "We are sorry, something went wrong."
PIN, WORDS = "48273", "swordfish"
SHORT = 1.5  # seconds left of the invocation, so that a fault that hangs ends soon
FAULTS: list[Fault] = ["throttle", "error", "refuse", "hang", "cut"]
EMITS = "flow=booking&how=emit"


def token(cloud: FakeAws, of: str, *, purpose: str = "state", hours: float = 3) -> str:
    expires_at = int(time.time() + hours * 3600)
    return make_token(cloud.account.signature_secret, purpose, of, {"n": 1}, expires_at)


def emitted(item: dict[str, Any]) -> list[str]:
    return [event["name"] for event in json.loads(item.get("emits", "[]"))]


# Signed state


def test_state_and_secret_input_of_a_call(functions: FunctionProcesses, cloud: FakeAws) -> None:
    # given a flow that asks for a PIN
    of = conversation()
    fields = webhooks.answer(of)
    result = functions("answer", post(cloud.account, "answer", fields, "flow=booking"))
    url = urlsplit(result.ncco[1]["eventUrl"][0])
    # when the caller enters it
    pressed = post(cloud.account, "dtmf", webhooks.keys(of, PIN), url.query)
    result = functions("dtmf", pressed)
    # then the flow gets state and digits
    assert result.ncco[0]["text"] == f"{{'customer': 'C-1'}} {PIN} []"
    assert "secret" in cloud.items(of)[0]["body"]


@pytest.mark.parametrize("field", ["previous_signature_secret", "retired_signature_secret"])
def test_state_stays_valid_through_one_rotation_of_the_secret(
    start: Callable[..., FunctionProcesses], cloud: FakeAws, field: str
) -> None:
    of, new = conversation(), uuid.uuid4().hex
    old = {field: cloud.account.signature_secret}
    secret = cloud.secret(cloud.account.secret_string(signature_secret=new, **old))
    query = urlencode({"flow": "booking", "signed": token(cloud, of)})
    rotated = cloud.account._replace(signature_secret=new)
    pressed = post(rotated, "dtmf", webhooks.keys(of, PIN), query)
    result = start(SIGNING_SECRET_ID=secret)("dtmf", pressed)
    assert result.ncco[0]["text"].startswith("{'n': 1}")


@pytest.mark.parametrize("route", ["dtmf", "asr", "notification", "event", "answer"])
@pytest.mark.parametrize(
    "invalid",
    [
        lambda cloud, of: "",
        lambda cloud, of: "x.y.z",
        lambda cloud, of: token(cloud, of)[:-1],
        lambda cloud, of: token(cloud, of, hours=0),
        lambda cloud, of: token(cloud, conversation()),
        lambda cloud, of: token(cloud, of, purpose="listen"),
    ],
    ids=["empty", "malformed", "changed", "expired", "another call", "another purpose"],
)
def test_with_invalid_state_the_flow_does_not_run_and_the_caller_hears_the_apology(
    functions: FunctionProcesses, cloud: FakeAws, route: str, invalid: Callable[..., str]
) -> None:
    of = conversation()
    fields: dict[str, Any] = {
        "dtmf": webhooks.keys(of),
        "asr": webhooks.spoken(of),
        "notification": webhooks.notified(of),
        "event": webhooks.status(of, "busy"),
        "answer": webhooks.answer(of),
    }[route]
    query = urlencode({"flow": "booking", "how": "emit", "signed": invalid(cloud, of)})
    result = functions(route, post(cloud.account, route, fields, query))
    assert (result.status, result.ncco[0]["text"][: len(APOLOGY)]) == (200, APOLOGY)
    (line,) = result.logs
    assert (line["outcome"], line["level"], line["flow"]) == ("apology", "ERROR", "booking")
    assert line["error"] == "InvalidState"
    assert "token" in line["detail"]
    # and the event is stored, without anything of the flow
    items = cloud.items(of)
    assert len(items) == (route != "answer")
    assert not any("emits" in item for item in items)


# Secret input

ENTERED: dict[str, Callable[[str], dict[str, Any]]] = {
    "digits": lambda of: webhooks.keys(of, PIN),
    "speech": lambda of: webhooks.spoken(of, WORDS),
    "digits of the older format": lambda of: webhooks.keys(of) | {"dtmf": PIN},
}


def hidden(*places: object) -> bool:
    text = json.dumps(places, default=str)
    return PIN not in text and WORDS not in text


@pytest.mark.parametrize("entered", ENTERED)
@pytest.mark.parametrize("route", ["dtmf", "asr", "notification", "event", "recordings"])
@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_a_secret_input_reaches_the_flow_and_nothing_else(
    functions: FunctionProcesses,
    cloud: FakeAws,
    entered: str,
    route: str,
    request_: Callable[..., dict[str, Any]],
) -> None:
    of = conversation()
    fields = ENTERED[entered](of)
    result = functions(route, request_(cloud.account, route, fields, "flow=booking&secret=1"))
    assert not hidden(result.ncco)
    (item,) = cloud.items(of)
    assert item["kind"] == "input"
    assert hidden(item, result.logs)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("both", [False, True], ids=["table", "table and queue"])
@pytest.mark.parametrize("how", ["", "emit", "raise", "hang"])
def test_no_fault_reveals_a_secret_input(
    functions: FunctionProcesses, cloud: FakeAws, fault: Fault, both: bool, how: str
) -> None:
    of = conversation()
    cloud.aws.faults["PutItem"] = fault
    if both:
        cloud.aws.faults["SendMessage"] = fault
    query = urlencode({"flow": "booking", "secret": "1", "how": how})
    result = functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of, PIN), query), SHORT)
    assert result.status == 200
    messages = cloud.messages("overflow")
    assert both or len(messages) == 1
    assert hidden(result.logs, messages, cloud.items(of))


def test_a_recording_event_with_a_secret_input_is_queued_without_it(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    fields = webhooks.recorded(conversation()) | {"dtmf": {"digits": PIN}}
    functions("recordings", post(cloud.account, "recordings", fields, "secret=1"))
    (message,) = cloud.messages("recordings")
    assert json.loads(message["body"])["recording_uuid"] == fields["recording_uuid"]
    assert hidden(message)


@pytest.mark.parametrize("digits", ["123", "7", PIN])
@pytest.mark.parametrize("route", ["dtmf", "answer"])
def test_the_log_of_a_failing_flow_has_no_text_if_the_input_is_secret(
    functions: FunctionProcesses, cloud: FakeAws, digits: str, route: str
) -> None:
    # given a flow whose error repeats the digits, which redaction leaves if there are few
    fields = webhooks.keys(conversation(), digits)
    query = {"flow": "faulty" if route == "answer" else "booking", "how": "raise", "secret": "1"}
    result = functions(route, post(cloud.account, route, fields, urlencode(query)))
    (line,) = result.logs
    assert (line["outcome"], line["error"]) == ("apology", "ValueError")
    assert "detail" not in line
    assert line["at"]


@pytest.mark.parametrize("value", ["1", "", "0", "true"])
def test_any_value_of_the_parameter_hides_the_input(
    functions: FunctionProcesses, cloud: FakeAws, value: str
) -> None:
    of = conversation()
    query = f"flow=booking&secret={value}"
    functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of, PIN), query))
    assert hidden(cloud.items(of))


# Events of a flow


@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
@pytest.mark.parametrize(
    ("route", "fields"),
    [
        ("dtmf", webhooks.keys),
        ("asr", webhooks.spoken),
        ("notification", webhooks.notified),
        ("event", webhooks.keys),
    ],
)
def test_what_a_flow_emits_is_stored_in_the_item_of_the_webhook(
    functions: FunctionProcesses,
    cloud: FakeAws,
    request_: Callable[..., dict[str, Any]],
    route: str,
    fields: Callable[..., dict[str, Any]],
) -> None:
    of = conversation()
    result = functions(route, request_(cloud.account, route, fields(of), EMITS))
    assert (result.status, result.logs[0]["outcome"]) == (200, "kept")
    (item,) = cloud.items(of)
    first, second = json.loads(item["emits"])
    assert (first["name"], first["flow"]) == ("booking.cancelled", "booking")
    assert first["data"]["customer"] == "C-1"
    assert second["name"] == "booking.counted"
    assert first["id"] != second["id"]


def test_a_flow_may_emit_at_a_status_event_without_an_ncco(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    busy = post(cloud.account, "event", webhooks.status(of, "busy"), "flow=booking")
    assert functions("event", busy).status == 204
    assert emitted(cloud.items(of)[0]) == ["booking.failed"]


def test_an_event_without_emissions_has_no_such_attribute(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of), "flow=booking"))
    assert "emits" not in cloud.items(of)[0]


def test_if_vonage_repeats_a_webhook_the_first_emission_counts(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    # given a flow that emits the time
    of = conversation()
    functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of), EMITS))
    before = cloud.items(of)
    # when the webhook comes again, then the flow runs again, and what is stored does not change
    result = functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of), EMITS))
    assert (result.status, result.logs[0]["outcome"]) == (200, "repeat")
    assert cloud.items(of) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_the_overflow_queue_keeps_emissions(
    functions: FunctionProcesses, cloud: FakeAws, fault: Fault
) -> None:
    of = conversation()
    cloud.aws.faults["PutItem"] = fault
    result = functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of), EMITS), SHORT)
    assert (result.status, result.logs[0]["outcome"]) == (200, "overflowed")
    assert not result.ncco[0]["text"].startswith(APOLOGY)
    (item,) = cloud.messages("overflow")
    # and the drain writes them into the table
    cloud.aws.reset()
    functions("drain", {"Records": [{"messageId": "m", "body": json.dumps(item)}]})
    assert emitted(cloud.items(of)[0]) == ["booking.cancelled", "booking.counted"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("route", ["dtmf", "event"])
def test_a_caller_is_told_of_nothing_that_was_not_stored(
    functions: FunctionProcesses, cloud: FakeAws, fault: Fault, route: str
) -> None:
    cloud.aws.faults |= {"PutItem": fault, "SendMessage": fault}
    fields = webhooks.keys(conversation())
    result = functions(route, post(cloud.account, route, fields, EMITS), SHORT)
    assert result.ncco[0]["text"].startswith(APOLOGY)
    (line,) = result.logs
    assert (line["outcome"], line["record"]) == ("apology", "not_stored")
    assert (line["error"], line["flow"]) == ("EventsNotStored", "booking")
    assert "neither table nor queue" in line["detail"]


def test_a_status_event_whose_emissions_are_not_stored_is_sent_again(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    busy = post(cloud.account, "event", webhooks.status(of, "busy"), "flow=booking")
    cloud.aws.faults |= {"PutItem": "error", "SendMessage": "error"}
    assert functions("event", busy).status == 503
    cloud.aws.reset()
    assert functions("event", busy).status == 204
    assert emitted(cloud.items(of)[0]) == ["booking.failed"]


@pytest.mark.parametrize("how", ["emit, raise", "emit, hang"])
def test_a_flow_that_fails_emits_nothing_and_its_event_is_stored(
    functions: FunctionProcesses, cloud: FakeAws, how: str
) -> None:
    of = conversation()
    query = urlencode({"flow": "booking", "how": how})
    result = functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of), query))
    assert result.ncco[0]["text"].startswith(APOLOGY)
    (item,) = cloud.items(of)
    assert "emits" not in item


def test_an_input_in_an_unknown_format_is_stored_all_the_same(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    fields = webhooks.keys(of) | {"dtmf": {"digits": 1}}
    result = functions("dtmf", post(cloud.account, "dtmf", fields, EMITS))
    assert (result.status, result.logs[0]["outcome"]) == (400, "invalid")
    assert len(cloud.items(of)) == 1


def test_the_answer_webhook_cannot_emit(functions: FunctionProcesses, cloud: FakeAws) -> None:
    of = conversation()
    result = functions("answer", post(cloud.account, "answer", webhooks.answer(of), EMITS))
    assert result.ncco[0]["text"].startswith(APOLOGY)
    assert "answer webhook is not stored" in result.logs[0]["detail"]


# AWS requests


def test_state_and_events_add_no_aws_request(functions: FunctionProcesses, cloud: FakeAws) -> None:
    def play() -> None:
        of = conversation()
        fields = webhooks.answer(of)
        result = functions("answer", post(cloud.account, "answer", fields, "flow=booking"))
        query = urlsplit(result.ncco[1]["eventUrl"][0]).query + "&how=emit"
        functions("dtmf", post(cloud.account, "dtmf", webhooks.keys(of), query))

    play()
    cloud.aws.reset()
    play()
    assert cloud.aws.asked == {"PutItem": 1}
