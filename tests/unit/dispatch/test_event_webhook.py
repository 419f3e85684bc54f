"""The webhook functions from door to door: what is kept, what is answered, and AWS at fault."""

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
# At each door: an event that belongs there, and the flow that answers it.
REPORTS: dict[str, tuple[Callable[..., dict[str, Any]], str]] = {
    "dtmf": (webhooks.keys, "flow=dtmf_menu"),
    "asr": (webhooks.spoken, "flow=speech"),
    "notification": (webhooks.notified, "flow=track_progress"),
    "event": (webhooks.status, "flow=greet"),
    "recordings": (webhooks.recorded, ""),
}
WAITING = ["dtmf", "asr", "notification"]


def report(cloud: FakeAws, door: str, of: str) -> dict[str, Any]:
    fields, query = REPORTS[door]
    return post(cloud.account, door, fields(of), query)


# Answering


@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_a_call_is_answered_and_nothing_is_kept_of_it(
    functions: FunctionProcesses, cloud: FakeAws, request_: Callable[..., dict[str, Any]]
) -> None:
    of = conversation()
    done = functions("answer", request_(cloud.account, "answer", webhooks.answer(of)))
    assert done.status == 200
    assert done.ncco[0]["action"] == "talk"
    assert cloud.items(of) == []


@pytest.mark.parametrize("missing", ["uuid", "conversation_uuid", "to"])
def test_an_answer_webhook_without_what_makes_it_one_is_refused(
    functions: FunctionProcesses, cloud: FakeAws, missing: str
) -> None:
    for value in (None, "", 1):
        fields = webhooks.answer(conversation()) | {missing: value}
        done = functions("answer", post(cloud.account, "answer", fields))
        assert done.status == 400
        assert missing in done.ncco["detail"]


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
        "unheard of",
    ],
)
def test_whatever_a_flow_does_wrong_the_caller_hears_an_apology(
    functions: FunctionProcesses, cloud: FakeAws, how: str
) -> None:
    query = urlencode({"flow": "faulty", "how": how})
    fields = webhooks.answer(conversation())
    done = functions("answer", post(cloud.account, "answer", fields, query))
    assert done.status == 200
    assert done.ncco[0]["text"].startswith(APOLOGY)
    (line,) = done.logs
    assert (line["outcome"], line["level"], line["flow"]) == ("apology", "ERROR", "faulty")


@pytest.mark.parametrize(
    "flow", ["unheard_of", "__init__", "../greet", "flows.greet", "os", "\x00"]
)
def test_only_the_name_of_a_flow_chooses_one(
    functions: FunctionProcesses, cloud: FakeAws, flow: str
) -> None:
    fields = webhooks.answer(conversation())
    done = functions("answer", post(cloud.account, "answer", fields, urlencode({"flow": flow})))
    assert done.ncco[0]["text"].startswith(APOLOGY)
    assert done.logs[0]["flow"] == "unknown"


def test_the_fallback_answers_the_unsigned(functions: FunctionProcesses) -> None:
    done = functions("fallback", {"headers": {}})
    assert (done.status, done.ncco[0]["action"]) == (200, "talk")


# Keeping


@pytest.mark.parametrize("door", [*WAITING, "event"])
@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_a_report_is_kept_as_it_came(
    functions: FunctionProcesses, cloud: FakeAws, door: str, request_: Callable[..., dict[str, Any]]
) -> None:
    of = conversation()
    fields, query = REPORTS[door]
    event = request_(cloud.account, door, fields(of), query)
    done = functions(door, event)
    assert done.status == (204 if door == "event" else 200)
    (item,) = cloud.items(of)
    assert item["body"] == (event.get("body") or event["rawQueryString"])
    assert item["method"] == event["requestContext"]["http"]["method"]


@pytest.mark.parametrize("door", [*WAITING, "event"])
def test_a_repeat_is_one_item_and_the_same_answer(
    functions: FunctionProcesses, cloud: FakeAws, door: str
) -> None:
    of = conversation()
    first, second = (functions(door, report(cloud, door, of)) for _ in range(2))
    assert first.reply == second.reply
    assert [first.logs[0]["outcome"], second.logs[0]["outcome"]] == ["kept", "repeat"]
    assert len(cloud.items(of)) == 1


@pytest.mark.parametrize("fields", [webhooks.recorded, webhooks.transcribed])
@pytest.mark.parametrize("door", ["recordings", "event"])
@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
def test_what_was_recorded_is_queued_at_whichever_door_it_comes(
    functions: FunctionProcesses,
    cloud: FakeAws,
    fields: Callable[..., dict[str, Any]],
    door: str,
    request_: Callable[..., dict[str, Any]],
) -> None:
    of = conversation()
    event = request_(cloud.account, door, fields(of))
    done = functions(door, event)
    assert (done.status, done.logs[0]["outcome"]) == (204, "queued")
    (job,) = cloud.messages("recordings")
    assert job["own"] == ["flow"] or job["own"] == []
    assert job["body"] == (event.get("body") or event["rawQueryString"])
    assert cloud.items(of) == []


@pytest.mark.parametrize("door", WAITING)
def test_what_belongs_to_a_waiting_caller_is_answered_at_the_event_door(
    functions: FunctionProcesses, cloud: FakeAws, door: str
) -> None:
    of = conversation()
    fields, query = REPORTS[door]
    done = functions("event", post(cloud.account, "event", fields(of), query))
    assert (done.status, done.ncco[0]["action"]) == (200, "talk")
    assert len(cloud.items(of)) == 1


def test_a_status_at_the_door_for_keys_is_kept_as_a_status(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    done = functions("dtmf", post(cloud.account, "dtmf", webhooks.status(of), "flow=dtmf_menu"))
    assert done.status == 204
    assert cloud.items(of)[0]["kind"] == "status"


@pytest.mark.parametrize("door", WAITING)
def test_what_is_nothing_known_is_refused_where_a_caller_waits(
    functions: FunctionProcesses, cloud: FakeAws, door: str
) -> None:
    done = functions(door, post(cloud.account, door, {"conversation_uuid": conversation()}))
    assert done.status == 400


@pytest.mark.parametrize("fields", [{"new": 1}, {"uuid": 7, "timestamp": []}, {}])
def test_what_is_nothing_known_is_kept_at_the_event_door(
    functions: FunctionProcesses, cloud: FakeAws, fields: dict[str, Any]
) -> None:
    of = conversation()
    done = functions("event", post(cloud.account, "event", {"conversation_uuid": of, **fields}))
    assert (done.status, done.logs[0]["outcome"]) == (204, "kept")
    assert cloud.items(of)[0]["kind"] == "unknown"


def test_the_status_that_a_flow_answers_is_answered_and_kept(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    busy = post(cloud.account, "event", webhooks.status(of, "busy"), "flow=connect")
    done = functions("event", busy)
    assert (done.status, done.ncco[0]["action"]) == (200, "talk")
    assert len(cloud.items(of)) == 1


# What it costs


def test_a_warm_answer_asks_nothing_of_aws(functions: FunctionProcesses, cloud: FakeAws) -> None:
    functions("answer", post(cloud.account, "answer", webhooks.answer(conversation())))
    cloud.aws.reset()
    functions("answer", post(cloud.account, "answer", webhooks.answer(conversation())))
    assert not cloud.aws.asked


@pytest.mark.parametrize("door", list(REPORTS))
def test_every_other_warm_webhook_asks_once(
    functions: FunctionProcesses, cloud: FakeAws, door: str
) -> None:
    functions(door, report(cloud, door, conversation()))
    cloud.aws.reset()
    functions(door, report(cloud, door, conversation()))
    assert cloud.aws.asked == {"SendMessage" if door == "recordings" else "PutItem": 1}


# AWS at fault

SHORT = 1.5  # seconds that are left, lest a fault that hangs holds the tests up
FAULTS: list[Fault] = ["throttle", "error", "refuse", "hang", "cut"]


@pytest.mark.parametrize("fault", FAULTS)
def test_without_the_secret_every_door_asks_to_try_again(
    start: Callable[..., FunctionProcesses], cloud: FakeAws, fault: Fault
) -> None:
    cloud.aws.faults["GetSecretValue"] = fault
    cold = start()
    doors = ["answer"] if fault == "hang" else ["answer", *REPORTS]
    for door in doors:
        fields = webhooks.answer if door == "answer" else REPORTS[door][0]
        done = cold(door, post(cloud.account, door, fields(conversation())), SHORT)
        assert done.status == 503
        assert "retry-after" in done.reply["headers"]
        assert [line["outcome"] for line in done.logs] == ["transient"]
    # and when the secret is there again, they answer
    cloud.aws.reset()
    again = cold("answer", post(cloud.account, "answer", webhooks.answer(conversation())))
    assert again.status == 200


@pytest.mark.parametrize(
    ("door", "fault"),
    [(door, fault) for door in ("dtmf", "event") for fault in FAULTS]
    + [("asr", "throttle"), ("notification", "throttle")],
)
def test_what_the_table_does_not_take_waits_on_the_overflow_queue_and_is_acknowledged(
    functions: FunctionProcesses, cloud: FakeAws, door: str, fault: Fault
) -> None:
    of = conversation()
    cloud.aws.faults["PutItem"] = fault
    done = functions(door, report(cloud, door, of), SHORT)
    assert done.status == (204 if door == "event" else 200)
    assert done.logs[0]["outcome"] == "overflowed"
    (item,) = cloud.messages("overflow")
    assert item["pk"] == of


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("door", ["event", "recordings"])
def test_what_neither_table_nor_queue_takes_is_not_acknowledged(
    functions: FunctionProcesses, cloud: FakeAws, door: str, fault: Fault
) -> None:
    cloud.aws.faults |= {"PutItem": fault, "SendMessage": fault}
    done = functions(door, report(cloud, door, conversation()), SHORT)
    assert done.status == 503
    assert done.logs[0]["outcome"] == "transient"


@pytest.mark.parametrize(
    ("door", "fault"),
    [("dtmf", fault) for fault in FAULTS] + [(door, "cut") for door in WAITING[1:]],
)
@pytest.mark.parametrize("at", ["its own door", "event"])
def test_a_waiting_caller_is_answered_though_neither_table_nor_queue_takes_what_was_said(
    functions: FunctionProcesses, cloud: FakeAws, door: str, fault: Fault, at: str
) -> None:
    cloud.aws.faults |= {"PutItem": fault, "SendMessage": fault}
    fields, query = REPORTS[door]
    at = door if at == "its own door" else at
    done = functions(at, post(cloud.account, at, fields(conversation()), query))
    assert (done.status, done.ncco[0]["action"]) == (200, "talk")
    assert (done.logs[0]["outcome"], done.logs[0]["level"]) == ("not_stored", "ERROR")


@pytest.mark.parametrize("door", WAITING)
def test_a_status_is_never_acknowledged_without_being_stored(
    functions: FunctionProcesses, cloud: FakeAws, door: str
) -> None:
    cloud.aws.faults |= {"PutItem": "error", "SendMessage": "error"}
    done = functions(door, post(cloud.account, door, webhooks.status(conversation())))
    assert done.status == 503


def test_an_apology_does_not_hide_that_an_input_was_not_kept(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    cloud.aws.faults |= {"PutItem": "error", "SendMessage": "error"}
    done = functions(
        "dtmf", post(cloud.account, "dtmf", webhooks.keys(conversation()), "flow=faulty")
    )
    assert (done.logs[0]["outcome"], done.logs[0]["record"]) == ("apology", "not_stored")


# The drain


def messages(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]
    }


def test_the_drain_keeps_what_overflowed_once(functions: FunctionProcesses, cloud: FakeAws) -> None:
    # given an event that the table did not take
    of = conversation()
    cloud.aws.faults["PutItem"] = "throttle"
    event = report(cloud, "event", of)
    functions("event", event)
    (item,) = cloud.messages("overflow")
    # when the queue is drained, twice
    cloud.aws.reset()
    for outcome in ("kept", "repeat"):
        done = functions("drain", messages(json.dumps(item)))
        assert done.reply == {"batchItemFailures": []}
        assert [line["outcome"] for line in done.logs] == [outcome]
    # then it stands there once, as it came
    (kept,) = cloud.items(of)
    assert kept["body"] == event["body"]


def test_the_drain_leaves_on_the_queue_what_the_table_still_does_not_take(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    cloud.aws.faults["PutItem"] = "error"
    item = json.dumps({"pk": conversation(), "sk": "1"})
    done = functions("drain", messages(item, item))
    failed = [failure["itemIdentifier"] for failure in done.reply["batchItemFailures"]]
    assert failed == ["m0", "m1"]


@pytest.mark.parametrize(
    "bad", ["", "hello", "[]", "1", "{}", '{"pk": 1.5, "sk": "1"}', '{"pk": []}', "[" * 100_000]
)
def test_a_message_that_cannot_be_kept_does_not_hold_up_the_others(
    functions: FunctionProcesses, cloud: FakeAws, bad: str
) -> None:
    of = conversation()
    done = functions("drain", messages(bad, json.dumps({"pk": of, "sk": "1"}), bad))
    failed = [failure["itemIdentifier"] for failure in done.reply["batchItemFailures"]]
    assert failed == ["m0", "m2"]
    assert len(cloud.items(of)) == 1
