"""From the queue to the event bus: each event as documented, and what a failure repeats."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from publish_events.clients import PublishClients
from publish_events.message_queue import NotSent, send
from publish_events.publish import NotPublished, UnknownMessage, publish
from tests.support import webhooks
from tests.support.function_process import FunctionProcesses
from tests.support.publish_stack import seconds
from tests.support.transformed_template import TEMPLATE
from tests.support.webhooks import CALLED, CALLER, LEG, conversation, status
from tests.unit.publish_events.conftest import PACKAGES, PublishHarness, call

if TYPE_CHECKING:
    from tests.support.publish_stack import PublishStack

SCHEMAS = {
    path.stem: json.loads(path.read_text())
    for path in (TEMPLATE.parent / "docs" / "events").glob("*.json")
}
STORED_AT = seconds("2026-03-29T21:20:40.000")


def check(event: dict[str, Any]) -> dict[str, Any]:
    """Check an event of the bus against the schema of its type, and return its detail."""
    flow = event["source"] == "voice.flow"
    assert flow or event["source"] == "voice"
    schema = SCHEMAS["voice.flow" if flow else event["detail-type"]]
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(event["detail"])
    detail: dict[str, Any] = event["detail"]
    assert set(detail) == set(schema["properties"]), "the schema has every field of the event"
    return detail


def published(harness: PublishHarness) -> dict[str, dict[str, Any]]:
    """Return the details of what the bus carried, by type, each valid."""
    return {one["detail-type"]: check(one) for one in harness.stack.events()}


def test_every_schema_is_valid_and_has_the_fields_of_every_event() -> None:
    assert len(SCHEMAS) == 7
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["title"] == name
        assert {"version", "id", "time", "stage"} <= set(schema["required"])
        assert set(schema["required"]) == set(schema["properties"])


def test_the_event_that_the_docs_show_is_valid() -> None:
    check(json.loads((TEMPLATE.parent / "docs" / "examples" / "call_completed.json").read_text()))


def test_a_call_begins_and_ends(harness: PublishHarness) -> None:
    of = conversation()
    leg = "1" * 32
    harness.run(*call(harness.stack, of=of, leg=leg))
    events = published(harness)
    parties = {"direction": "inbound", "from": CALLER, "to": CALLED}
    common = {"version": "1", "stage": "development", "uuid": leg, "conversation_uuid": of}
    assert events == {
        "voice.call.started": common
        | parties
        | {"id": f"{leg}#started", "time": "2026-03-29T21:20:00.500Z"},
        "voice.call.completed": common
        | parties
        | {
            "id": f"{leg}#completed",
            "time": "2026-03-29T21:20:38.500Z",
            "result": "unanswered",
            "missed": True,
            "rung": 1,
            "seconds": 38,
            "recordings": [],
            "summary": f"Missed call from {CALLER} to {CALLED}",
        },
    }


def test_a_call_is_the_same_event_whatever_is_repeated(harness: PublishHarness) -> None:
    records = call(harness.stack, leg="2" * 32)
    harness.run(*records)
    first = harness.stack.events()
    harness.run(*reversed(records))
    harness.run(*records, *records)
    again = harness.stack.events()
    ids = {one["detail"]["id"] for one in first}
    assert {one["detail"]["id"] for one in again} == ids
    details = {json.dumps(one["detail"], sort_keys=True) for one in (*first, *again)}
    assert len(details) == len(ids) == 2


def test_a_called_legs_end_is_no_event(harness: PublishHarness) -> None:
    harness.run(*call(harness.stack, leg="3" * 32))
    completed = [
        one for one in harness.stack.events() if one["detail-type"] == "voice.call.completed"
    ]
    assert len(completed) == 1


def test_a_placed_call_has_no_caller_who_missed_anybody(harness: PublishHarness) -> None:
    harness.run(*call(harness.stack, leg="4" * 32, rung=False, direction="outbound"))
    (detail,) = published(harness).values()
    assert (detail["direction"], detail["result"], detail["missed"]) == ("outbound", "alone", False)
    assert detail["summary"] == f"Call to {CALLED}: alone, 0:38"


def test_a_caller_who_withholds_the_number_is_unknown(harness: PublishHarness) -> None:
    records = call(harness.stack, leg="5" * 32, caller=None)
    harness.run(*records)
    detail = published(harness)["voice.call.completed"]
    assert detail["from"] is None
    assert detail["summary"] == f"Missed call from an unknown number to {CALLED}"


@pytest.mark.parametrize(
    ("caller", "shown"),
    [
        ("sip:<!channel>\n<https://example.net|x>@example.com", "sip:channelhttps:example.netx@"),
        ("sip:alice@example.com", "sip:alice@example.com to"),
        ("<!everyone>", "an unknown number to"),
    ],
)
def test_a_summary_has_no_markup_of_a_caller(
    harness: PublishHarness, caller: str, shown: str
) -> None:
    harness.run(*call(harness.stack, caller=caller, leg=uuid.uuid4().hex))
    ended = published(harness)["voice.call.completed"]
    assert ended["summary"].startswith(f"Missed call from {shown}")
    assert ended["from"] == caller


def test_a_message_and_a_recording_and_a_transcript(harness: PublishHarness) -> None:
    of = conversation()
    call(harness.stack, of=of, leg="6" * 32)
    stack = harness.stack
    harness.run(
        stack.recording(of, "r-10", STORED_AT, purpose="voicemail", line="442079460001"),
        stack.recording(of, "r-11", STORED_AT),
        stack.recording(of, "r-10", STORED_AT, kind="transcription", seconds=None),
    )
    events = published(harness)
    common = {
        "version": "1",
        "stage": "development",
        "time": "2026-03-29T21:20:40.000Z",
        "conversation_uuid": of,
    }
    file = common | {"from": CALLER, "seconds": 23, "size": 1000}
    assert events == {
        "voice.voicemail.left": file
        | {
            "id": "r-10#recording",
            "recording_uuid": "r-10",
            "to": "442079460001",
            "summary": f"Voicemail from {CALLER} (0:23)",
        },
        "voice.recording.stored": file
        | {
            "id": "r-11#recording",
            "recording_uuid": "r-11",
            "to": CALLED,
            "summary": f"Recording from {CALLER} (0:23)",
        },
        "voice.transcript.stored": common | {"id": "r-10#transcript", "recording_uuid": "r-10"},
    }


def test_a_recording_without_stored_events_has_no_caller(harness: PublishHarness) -> None:
    harness.run(harness.stack.recording("unknown", "r-20", STORED_AT, seconds=None))
    detail = published(harness)["voice.recording.stored"]
    assert (detail["from"], detail["to"], detail["seconds"]) == (None, None, None)
    assert detail["summary"] == "Recording from an unknown number"


def test_a_lost_recording(harness: PublishHarness) -> None:
    of = conversation()
    harness.run(harness.stack.lost(of, "r-30"))
    detail = published(harness)["voice.recording.failed"]
    assert (detail["id"], detail["reason"]) == ("r-30#lost", "gone")


def test_what_a_flow_emitted(harness: PublishHarness) -> None:
    of = conversation()
    emitted = {"id": "d-0", "name": "order.placed", "data": {"n": 1}, "flow": "shop"}
    harness.run(harness.stack.event(webhooks.keys(of), emits=json.dumps([emitted])))
    (event,) = harness.stack.events()
    assert (event["source"], event["detail-type"]) == ("voice.flow", "order.placed")
    detail = check(event)
    assert {name: detail[name] for name in ("id", "flow", "data", "conversation_uuid")} == {
        "id": "d-0",
        "flow": "shop",
        "data": {"n": 1},
        "conversation_uuid": of,
    }


def test_an_index_that_lags_hides_no_call(harness: PublishHarness) -> None:
    of, leg = conversation(), uuid.uuid4().hex
    record = harness.stack.event(status(of, "completed", uuid=leg))
    harness.stack.hide_from_index(record)
    harness.run(record)
    assert published(harness)["voice.call.completed"]["conversation_uuid"] == of


@pytest.mark.parametrize("what", ["ended", "recording", "transcript", "lost"])
def test_what_was_deleted_in_the_meantime_is_no_event(harness: PublishHarness, what: str) -> None:
    message = {"what": what, "leg": "f" * 32, "recording": "r-none", "time": "2026-01-01T00:00:00Z"}
    assert harness.receive_queue(message) == []
    assert harness.stack.events() == []
    assert harness.done is not None
    assert harness.done.logs[0]["outcome"] == "ignored"


# Failures


@pytest.mark.parametrize("fault", ["throttle", "error", "refuse", "cut"])
@pytest.mark.parametrize("operation", ["PutEvents", "Query"])
def test_a_message_that_fails_is_received_again(
    harness: PublishHarness, operation: str, fault: Any
) -> None:
    leg = uuid.uuid4().hex
    harness.stack.event(status(conversation(), "completed", uuid=leg))
    message = {"what": "ended", "leg": leg, "time": "2026-03-29T21:20:05.582Z"}
    harness.stack.aws.faults[operation] = fault
    assert harness.receive_queue(message) == ["0"]
    assert harness.stack.events() == []
    harness.stack.aws.reset()
    assert harness.receive_queue(message) == []
    assert [one["detail"]["id"] for one in harness.stack.events()] == [f"{leg}#completed"]


def test_a_publication_whose_answer_is_lost_is_repeated_with_the_same_id(
    harness: PublishHarness,
) -> None:
    harness.stack.event(status(conversation(), "completed", uuid="8" * 32))
    message = {"what": "ended", "leg": "8" * 32, "time": "2026-03-29T21:20:05.582Z"}
    harness.stack.aws.watch = lambda operation, count, when: (
        "cut" if operation == "PutEvents" and when == "after" and count == 1 else None
    )
    assert harness.receive_queue(message) == []  # the client itself tried again
    events = harness.stack.events()
    assert len(events) == 2
    assert {one["detail"]["id"] for one in events} == {f"{'8' * 32}#completed"}


def test_one_message_that_fails_does_not_repeat_another(harness: PublishHarness) -> None:
    good: dict[str, Any] = {"what": "emitted", "conversation": "CON-1"}
    good |= {"time": "2026-03-29T21:20:05.582Z"}
    good |= {"id": "d-0", "name": "a.b", "data": {}, "flow": "x"}
    assert harness.receive_queue(good, "not JSON", {"what": "tomorrow"}, good) == ["1", "2"]
    assert len(harness.stack.events()) == 2
    assert harness.done is not None
    outcomes = [one["outcome"] for one in harness.done.logs]
    assert outcomes == ["published", "failed", "failed", "published"]


def test_without_time_for_another_message_it_is_received_again(harness: PublishHarness) -> None:
    message = {"what": "recording", "recording": "r-none"}
    assert harness.receive_queue(message, seconds_left=11.0) == ["0"]


def test_a_log_line_has_no_number(harness: PublishHarness) -> None:
    harness.run(*call(harness.stack, leg="9" * 32))
    harness.stack.aws.faults["PutEvents"] = "refuse"
    message = {"what": "started", "leg": LEG, "uuid": LEG, "conversation": "CON-1"}
    parties = {"direction": "inbound", "from": CALLER, "to": CALLED, "time": "2026-01-01T00:00:00Z"}
    assert harness.receive_queue(message | parties) == ["0"]
    assert harness.done is not None
    assert CALLER not in json.dumps(harness.done.logs)


class RefusingBus:
    """A client of EventBridge whose one entry fails, although the request succeeds."""

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert len(Entries) == 1, "a failing entry must repeat no other"
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}


class HalfQueue:
    """A client of SQS that refuses one message of a batch, although the request succeeds."""

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        return {"Failed": [{"Id": Entries[-1]["Id"], "Code": "InternalError"}]}


def test_an_entry_that_the_bus_refuses_fails_its_message(stack: PublishStack) -> None:
    from publish_events.settings import from_environment

    settings = from_environment(stack.environment())
    nothing: Any = None
    clients = PublishClients(settings, *[nothing] * 7)._replace(events=RefusingBus())
    message = {"what": "emitted", "id": "d-0", "name": "a.b", "data": {}, "flow": "x"}
    more = {"conversation": "CON-1", "time": "2026-03-29T21:20:05.582Z"}
    with pytest.raises(NotPublished, match="ThrottlingException"):
        publish(clients, message | more)
    with pytest.raises(UnknownMessage):
        publish(clients, {"what": "tomorrow"})


def test_a_message_that_sqs_refuses_fails_the_batch() -> None:
    with pytest.raises(NotSent, match="1 of 2 messages"):
        send(HalfQueue(), "queue", [({"what": "a"}, 0), ({"what": "b"}, 30)])


@pytest.mark.parametrize("delay", ["-1", "901", "soon"])
def test_an_impossible_delay_is_refused(stack: PublishStack, delay: str) -> None:
    with FunctionProcesses(stack.environment(SETTLE_SECONDS=delay), PACKAGES) as functions:
        harness = PublishHarness(stack, functions)
        assert harness.receive_queue({"what": "recording", "recording": "r-none"}) == ["0"]
        assert harness.done is not None
        assert "SETTLE_SECONDS" in harness.done.logs[0]["detail"]
