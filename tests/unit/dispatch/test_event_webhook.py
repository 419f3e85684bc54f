"""The webhook functions end to end: stored events, responses, and AWS faults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.support import webhooks
from tests.support.webhooks import conversation, get, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fake_aws import FakeAws
    from tests.support.faulty_proxy import Fault
    from tests.support.function_process import FunctionProcesses

APOLOGY = "We are sorry, something went wrong."
# For each route: an event of its kind, and a flow that handles it.
EVENTS: dict[str, tuple[Callable[..., dict[str, Any]], str]] = {
    "dtmf": (webhooks.keys, "flow=dtmf_menu"),
    "asr": (webhooks.spoken, "flow=speech"),
    "notification": (webhooks.notified, "flow=track_progress"),
    "event": (webhooks.status, "flow=greet"),
    "recordings": (webhooks.recorded, ""),
}
WAITING = ["dtmf", "asr", "notification"]


def event_of(cloud: FakeAws, route: str, of: str) -> dict[str, Any]:
    fields, query = EVENTS[route]
    return post(cloud.account, route, fields(of), query)


# Responses


@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_a_call_is_answered_and_nothing_is_stored(
    functions: FunctionProcesses, cloud: FakeAws, request_: Callable[..., dict[str, Any]]
) -> None:
    of = conversation()
    result = functions("answer", request_(cloud.account, "answer", webhooks.answer(of)))
    assert result.status == 200
    assert result.ncco[0]["action"] == "talk"
    assert cloud.items(of) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conversation_uuid", None),
        ("conversation_uuid", ""),
        ("conversation_uuid", 1),
        ("to", 1),
        ("uuid", ["x"]),
        ("from", 1),
    ],
)
def test_an_answer_webhook_with_an_invalid_field_is_refused(
    functions: FunctionProcesses, cloud: FakeAws, name: str, value: object
) -> None:
    fields = webhooks.answer(conversation()) | {name: value}
    result = functions("answer", post(cloud.account, "answer", fields))
    assert result.status == 400
    assert name in result.ncco["detail"]


@pytest.mark.parametrize("missing", [["to"], ["uuid"], ["to", "uuid", "from"]])
@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
@pytest.mark.parametrize("query", ["", "flow=connect"])
def test_a_call_without_a_called_number_or_leg_is_answered(
    functions: FunctionProcesses,
    cloud: FakeAws,
    missing: list[str],
    request_: Callable[..., dict[str, Any]],
    query: str,
) -> None:
    for fields in (
        {k: v for k, v in webhooks.answer(conversation()).items() if k not in missing},
        webhooks.answer(conversation()) | dict.fromkeys(missing, ""),
        webhooks.answer(conversation()) | dict.fromkeys(missing),
    ):
        result = functions("answer", request_(cloud.account, "answer", fields, query))
        assert (result.status, result.logs[0]["outcome"]) == (200, "answered")
        assert result.logs[0]["flow"] == (query.removeprefix("flow=") or "greet")


@pytest.mark.parametrize(
    "how",
    [
        "raise",
        "raise half a character",
        "exit",
        "interrupt",
        "recurse",
        "hang",
        "swallow",
        "print",
        "nothing",
        "text",
        "no action",
        "no number",
        "forbidden",
        "surrogate",
        "object",
        "no such fault",
    ],
)
def test_if_a_flow_fails_in_any_way_the_caller_hears_an_apology(
    functions: FunctionProcesses, cloud: FakeAws, how: str
) -> None:
    query = urlencode({"flow": "faulty", "how": how})
    fields = webhooks.answer(conversation())
    result = functions("answer", post(cloud.account, "answer", fields, query))
    assert result.status == 200
    assert result.ncco[0]["text"].startswith(APOLOGY)
    (line,) = result.logs
    assert (line["outcome"], line["level"], line["flow"]) == ("apology", "ERROR", "faulty")


def test_a_flow_gets_custom_data_and_sip_headers_only_from_a_signed_webhook(
    start: Callable[..., FunctionProcesses], functions: FunctionProcesses, cloud: FakeAws
) -> None:
    # given an answer webhook by GET, and one with the valid token of an event
    fields = webhooks.answer(conversation(), custom_data={"role": "owner"})
    query = urlencode({"flow": "faulty", "how": "show"})
    signed = get(cloud.account, "answer", fields | {"SipHeader_X-Role": "owner"}, query)
    event = post(cloud.account, "event", webhooks.status(conversation()))
    headers = signed["headers"] | {"authorization": event["headers"]["authorization"]}
    invented = signed | {"headers": headers}
    # then the flow gets both of the first, and neither of the second
    result = functions("answer", signed)
    assert result.ncco[0]["text"] == "True {'role': 'owner'} {'X-Role': 'owner'}"
    assert "get_hash" not in result.logs[0]
    result = functions("answer", invented)
    assert result.ncco[0]["text"] == "False {} {}"
    assert result.logs[0]["get_hash"] == "differs"
    # and the setting `enforce` rejects it
    assert start(ANSWER_GET_HASH="enforce")("answer", invented).status == 401


@pytest.mark.parametrize(
    "flow", ["unheard_of", "__init__", "../greet", "flows.greet", "os", "\x00"]
)
def test_only_the_name_of_a_flow_selects_a_flow(
    functions: FunctionProcesses, cloud: FakeAws, flow: str
) -> None:
    fields = webhooks.answer(conversation())
    result = functions("answer", post(cloud.account, "answer", fields, urlencode({"flow": flow})))
    assert result.ncco[0]["text"].startswith(APOLOGY)
    assert result.logs[0]["flow"] == "unknown"


def test_the_fallback_responds_to_unsigned_requests(functions: FunctionProcesses) -> None:
    result = functions("fallback", {"headers": {}})
    assert (result.status, result.ncco[0]["action"]) == (200, "talk")


# Stored events


@pytest.mark.parametrize("route", [*WAITING, "event"])
@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_an_event_is_stored_unchanged(
    functions: FunctionProcesses,
    cloud: FakeAws,
    route: str,
    request_: Callable[..., dict[str, Any]],
) -> None:
    of = conversation()
    fields, query = EVENTS[route]
    event = request_(cloud.account, route, fields(of), query)
    result = functions(route, event)
    assert result.status == (204 if route == "event" else 200)
    (item,) = cloud.items(of)
    assert item["body"] == (event.get("body") or event["rawQueryString"])
    assert item["method"] == event["requestContext"]["http"]["method"]


@pytest.mark.parametrize("route", [*WAITING, "event"])
def test_a_repeated_event_is_one_item_and_gets_the_same_response(
    functions: FunctionProcesses, cloud: FakeAws, route: str
) -> None:
    of = conversation()
    first, second = (functions(route, event_of(cloud, route, of)) for _ in range(2))
    assert first.reply == second.reply
    assert [first.logs[0]["outcome"], second.logs[0]["outcome"]] == ["kept", "repeat"]
    assert len(cloud.items(of)) == 1


@pytest.mark.parametrize("fields", [webhooks.recorded, webhooks.transcribed])
@pytest.mark.parametrize("route", ["recordings", "event"])
@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_a_recording_or_transcript_event_is_queued_at_either_route(
    functions: FunctionProcesses,
    cloud: FakeAws,
    fields: Callable[..., dict[str, Any]],
    route: str,
    request_: Callable[..., dict[str, Any]],
) -> None:
    of = conversation()
    event = request_(cloud.account, route, fields(of))
    result = functions(route, event)
    assert (result.status, result.logs[0]["outcome"]) == (204, "queued")
    (message,) = cloud.messages("recordings")
    assert message["own"] == ["flow"] or message["own"] == []
    assert message["body"] == (event.get("body") or event["rawQueryString"])
    assert cloud.items(of) == []


@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_a_queued_recording_has_the_parameters_of_the_url_that_its_flow_gave_it(
    functions: FunctionProcesses, cloud: FakeAws, request_: Callable[..., dict[str, Any]]
) -> None:
    state = {"flow": "reception", "purpose": "voicemail", "line": "442079460000"}
    event = request_(
        cloud.account, "recordings", webhooks.recorded(conversation()), urlencode(state)
    )
    assert functions("recordings", event).status == 204
    (message,) = cloud.messages("recordings")
    assert message["state"] == state


@pytest.mark.parametrize("route", ["recordings", "event"])
@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_a_failed_transcription_is_stored_and_neither_queued_nor_a_failed_leg(
    functions: FunctionProcesses,
    cloud: FakeAws,
    route: str,
    request_: Callable[..., dict[str, Any]],
) -> None:
    of = conversation()
    fields = webhooks.transcribed(of, status="failed")
    del fields["transcription_url"]
    # `connect` responds to the status `failed` of a leg with an NCCO
    result = functions(route, request_(cloud.account, route, fields, "flow=connect"))
    assert (result.status, result.logs[0]["outcome"]) == (204, "kept")
    assert [item["kind"] for item in cloud.items(of)] == ["transcription"]
    assert cloud.messages("recordings") == []


@pytest.mark.parametrize("route", WAITING)
def test_an_input_or_notify_event_at_the_event_route_gets_an_ncco(
    functions: FunctionProcesses, cloud: FakeAws, route: str
) -> None:
    of = conversation()
    fields, query = EVENTS[route]
    result = functions("event", post(cloud.account, "event", fields(of), query))
    assert (result.status, result.ncco[0]["action"]) == (200, "talk")
    assert len(cloud.items(of)) == 1


def test_a_status_event_at_the_dtmf_route_is_stored_as_a_status(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    result = functions("dtmf", post(cloud.account, "dtmf", webhooks.status(of), "flow=dtmf_menu"))
    assert result.status == 204
    assert cloud.items(of)[0]["kind"] == "status"


@pytest.mark.parametrize("route", WAITING)
def test_an_unknown_event_is_refused_where_a_caller_waits(
    functions: FunctionProcesses, cloud: FakeAws, route: str
) -> None:
    result = functions(route, post(cloud.account, route, {"conversation_uuid": conversation()}))
    assert result.status == 400


@pytest.mark.parametrize("fields", [{"new": 1}, {"uuid": 7, "timestamp": []}, {}])
def test_an_unknown_event_is_stored_at_the_event_route(
    functions: FunctionProcesses, cloud: FakeAws, fields: dict[str, Any]
) -> None:
    of = conversation()
    result = functions("event", post(cloud.account, "event", {"conversation_uuid": of, **fields}))
    assert (result.status, result.logs[0]["outcome"]) == (204, "kept")
    assert cloud.items(of)[0]["kind"] == "unknown"


def test_a_status_event_that_the_flow_handles_gets_an_ncco_and_is_stored(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    busy = post(cloud.account, "event", webhooks.status(of, "busy"), "flow=connect")
    result = functions("event", busy)
    assert (result.status, result.ncco[0]["action"]) == (200, "talk")
    assert len(cloud.items(of)) == 1


# AWS requests


def test_a_warm_answer_webhook_makes_no_aws_request(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    functions("answer", post(cloud.account, "answer", webhooks.answer(conversation())))
    cloud.aws.reset()
    functions("answer", post(cloud.account, "answer", webhooks.answer(conversation())))
    assert not cloud.aws.asked


@pytest.mark.parametrize("route", list(EVENTS))
def test_every_other_warm_webhook_makes_one_aws_request(
    functions: FunctionProcesses, cloud: FakeAws, route: str
) -> None:
    functions(route, event_of(cloud, route, conversation()))
    cloud.aws.reset()
    functions(route, event_of(cloud, route, conversation()))
    assert cloud.aws.asked == {"SendMessage" if route == "recordings" else "PutItem": 1}


# AWS faults

SHORT = 1.5  # seconds left of the invocation, so that a fault that hangs ends soon
FAULTS: list[Fault] = ["throttle", "error", "refuse", "hang", "cut"]


@pytest.mark.parametrize("fault", FAULTS)
def test_without_the_secret_every_route_returns_503(
    start: Callable[..., FunctionProcesses], cloud: FakeAws, fault: Fault
) -> None:
    cloud.aws.faults["GetSecretValue"] = fault
    cold = start()
    routes = ["answer"] if fault == "hang" else ["answer", *EVENTS]
    for route in routes:
        fields = webhooks.answer if route == "answer" else EVENTS[route][0]
        result = cold(route, post(cloud.account, route, fields(conversation())), SHORT)
        assert result.status == 503
        assert "retry-after" in result.reply["headers"]
        assert [line["outcome"] for line in result.logs] == ["transient"]
    # and after the secret can be read again, they respond
    cloud.aws.reset()
    again = cold("answer", post(cloud.account, "answer", webhooks.answer(conversation())))
    assert again.status == 200


@pytest.mark.parametrize(
    ("route", "fault"),
    [(route, fault) for route in ("dtmf", "event") for fault in FAULTS]
    + [("asr", "throttle"), ("notification", "throttle")],
)
def test_if_the_table_fails_the_event_is_queued_and_acknowledged(
    functions: FunctionProcesses, cloud: FakeAws, route: str, fault: Fault
) -> None:
    of = conversation()
    cloud.aws.faults["PutItem"] = fault
    result = functions(route, event_of(cloud, route, of), SHORT)
    assert result.status == (204 if route == "event" else 200)
    assert result.logs[0]["outcome"] == "overflowed"
    (item,) = cloud.messages("overflow")
    assert item["pk"] == of


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("route", ["event", "recordings"])
def test_if_table_and_queue_fail_the_event_is_not_acknowledged(
    functions: FunctionProcesses, cloud: FakeAws, route: str, fault: Fault
) -> None:
    cloud.aws.faults |= {"PutItem": fault, "SendMessage": fault}
    result = functions(route, event_of(cloud, route, conversation()), SHORT)
    assert result.status == 503
    assert result.logs[0]["outcome"] == "transient"


@pytest.mark.parametrize(
    ("route", "fault"),
    [("dtmf", fault) for fault in FAULTS] + [(route, "cut") for route in WAITING[1:]],
)
@pytest.mark.parametrize("at", ["its own route", "event"])
def test_a_waiting_caller_gets_an_ncco_even_if_table_and_queue_fail(
    functions: FunctionProcesses, cloud: FakeAws, route: str, fault: Fault, at: str
) -> None:
    cloud.aws.faults |= {"PutItem": fault, "SendMessage": fault}
    fields, query = EVENTS[route]
    at = route if at == "its own route" else at
    result = functions(at, post(cloud.account, at, fields(conversation()), query))
    assert (result.status, result.ncco[0]["action"]) == (200, "talk")
    assert (result.logs[0]["outcome"], result.logs[0]["level"]) == ("not_stored", "ERROR")


@pytest.mark.parametrize("route", WAITING)
def test_a_status_event_that_is_not_stored_is_never_acknowledged(
    functions: FunctionProcesses, cloud: FakeAws, route: str
) -> None:
    cloud.aws.faults |= {"PutItem": "error", "SendMessage": "error"}
    result = functions(route, post(cloud.account, route, webhooks.status(conversation())))
    assert result.status == 503


def test_an_apology_does_not_hide_that_an_input_was_not_stored(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    cloud.aws.faults |= {"PutItem": "error", "SendMessage": "error"}
    result = functions(
        "dtmf", post(cloud.account, "dtmf", webhooks.keys(conversation()), "flow=faulty")
    )
    assert (result.logs[0]["outcome"], result.logs[0]["record"]) == ("apology", "not_stored")


# The drain


def messages(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]
    }


def test_the_drain_stores_an_overflowed_event_once(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    # given an event that the table did not accept
    of = conversation()
    cloud.aws.faults["PutItem"] = "throttle"
    event = event_of(cloud, "event", of)
    functions("event", event)
    (item,) = cloud.messages("overflow")
    # when the queue is drained, twice
    cloud.aws.reset()
    for outcome in ("kept", "repeat"):
        result = functions("drain", messages(json.dumps(item)))
        assert result.reply == {"batchItemFailures": []}
        assert [line["outcome"] for line in result.logs] == [outcome]
    # then it is stored once and unchanged
    (stored,) = cloud.items(of)
    assert stored["body"] == event["body"]


def test_the_drain_leaves_messages_on_the_queue_while_the_table_fails(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    cloud.aws.faults["PutItem"] = "error"
    item = json.dumps({"pk": conversation(), "sk": "1"})
    result = functions("drain", messages(item, item))
    failed = [failure["itemIdentifier"] for failure in result.reply["batchItemFailures"]]
    assert failed == ["m0", "m1"]


@pytest.mark.parametrize(
    "bad", ["", "hello", "[]", "1", "{}", '{"pk": 1.5, "sk": "1"}', '{"pk": []}', "[" * 100_000]
)
def test_an_invalid_message_does_not_block_the_others(
    functions: FunctionProcesses, cloud: FakeAws, bad: str
) -> None:
    of = conversation()
    result = functions("drain", messages(bad, json.dumps({"pk": of, "sk": "1"}), bad))
    failed = [failure["itemIdentifier"] for failure in result.reply["batchItemFailures"]]
    assert failed == ["m0", "m2"]
    assert len(cloud.items(of)) == 1
