"""From the stream to the queue: which items matter, and what a failure leaves for the next time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from records.idempotency_item import IDEMPOTENCY_PREFIX
from tests.support import webhooks
from tests.support.function_process import FunctionProcesses
from tests.support.publish_stack import stream_record
from tests.support.transformed_template import resources
from tests.support.webhooks import LEG, conversation, recorded, status
from tests.unit.publish_events.conftest import PACKAGES, PublishHarness

if TYPE_CHECKING:
    from tests.support.publish_stack import PublishStack

FILTERS = [
    json.loads(one["Pattern"])
    for one in resources()["PublishEventsFunctionStream"]["Properties"]["FilterCriteria"]["Filters"]
]


def passes(record: dict[str, Any]) -> bool:
    """Return whether Lambda's filters let a record through (Lambda: event filtering)."""
    return any(_matches(one, record) for one in FILTERS)


def _matches(pattern: dict[str, Any], value: Any) -> bool:
    for name, allowed in pattern.items():
        found = value.get(name) if isinstance(value, dict) else None
        if isinstance(allowed, dict):
            if not _matches(allowed, found):
                return False
        elif allowed == [{"exists": True}]:
            if found is None:
                return False
        elif found not in allowed:
            return False
    return True


def a_started_call(stack: PublishStack) -> dict[str, Any]:
    return stack.event(status(conversation(), "started"))


def a_completed_leg(stack: PublishStack) -> dict[str, Any]:
    return stack.event(status(conversation(), "completed"))


def a_rejected_leg(stack: PublishStack) -> dict[str, Any]:
    return stack.event(status(conversation(), "rejected", direction="outbound"))


def an_input_with_an_emission(stack: PublishStack) -> dict[str, Any]:
    emitted = [{"id": "d-0", "name": "a.b", "data": {}, "flow": "x"}]
    return stack.event(webhooks.keys(conversation()), emits=json.dumps(emitted))


def a_recording(stack: PublishStack) -> dict[str, Any]:
    return stack.recording(conversation(), "r-1", 1e9)


def a_transcript(stack: PublishStack) -> dict[str, Any]:
    return stack.recording(conversation(), "r-1", 1e9, kind="transcription", seconds=None)


def a_lost_recording(stack: PublishStack) -> dict[str, Any]:
    return stack.lost(conversation(), "r-2")


NEEDED = {
    a_started_call: ["started"],
    a_completed_leg: ["ended"],
    a_rejected_leg: ["ended"],
    an_input_with_an_emission: ["emitted"],
    a_recording: ["recording"],
    a_transcript: ["transcript"],
    a_lost_recording: ["lost"],
}


@pytest.mark.parametrize("make", NEEDED, ids=lambda it: it.__name__)
def test_an_item_that_matters_passes_the_filters_and_becomes_messages(
    harness: PublishHarness, make: Any
) -> None:
    record = make(harness.stack)
    assert passes(record)
    assert harness.receive_stream(record) == []
    assert [one["what"] for one in harness.stack.queued()] == NEEDED[make]


@pytest.mark.parametrize(
    "fields",
    [
        status(conversation(), "ringing"),
        status(conversation(), "answered"),
        webhooks.keys(conversation()),
        recorded(conversation()),
        webhooks.notified(conversation()),
    ],
)
def test_other_events_do_not_pass_the_filters(stack: PublishStack, fields: dict[str, Any]) -> None:
    assert not passes(stack.event(fields))


def test_deleted_items_and_those_of_placed_calls_do_not_pass_the_filters(
    stack: PublishStack,
) -> None:
    record = a_completed_leg(stack)
    assert not passes(record | {"eventName": "REMOVE"})
    assert not passes(record | {"eventName": "MODIFY"})
    claim = {"pk": {"S": f"{IDEMPOTENCY_PREFIX}one"}, "sk": {"S": "claim"}, "status": {"N": "200"}}
    assert not passes(stream_record(claim))


def test_the_end_of_a_call_waits_until_its_events_arrived(
    stack: PublishStack, harness: PublishHarness
) -> None:
    """A retried webhook of Vonage arrives up to 21 seconds after the first attempt."""
    environment = stack.environment(SETTLE_SECONDS="30")
    with FunctionProcesses(environment, PACKAGES) as waiting:
        patient = PublishHarness(stack, waiting)
        assert patient.receive_stream(a_completed_leg(stack), a_started_call(stack)) == []
    assert [one["what"] for one in stack.queued()] == ["started"]
    assert stack.waiting() == 1


def test_an_outbound_leg_that_starts_is_no_call_that_begins(harness: PublishHarness) -> None:
    record = harness.stack.event(status(conversation(), "started", direction="outbound"))
    assert harness.receive_stream(record) == []
    assert harness.stack.queued() == []


def test_each_emission_of_an_item_is_a_message(harness: PublishHarness) -> None:
    emitted = [
        {"id": f"d-{n}", "name": "order.placed", "data": {"n": n}, "flow": "shop"}
        for n in range(10)
    ]
    of = conversation()
    record = harness.stack.event(webhooks.keys(of), emits=json.dumps(emitted))
    assert harness.receive_stream(record) == []
    expected = {"what": "emitted", "conversation": of, "time": "2026-03-29T21:20:05.582Z"}
    queued = sorted(harness.stack.queued(), key=lambda it: it["id"])
    assert queued == [expected | one for one in emitted]


# What the code does not understand


POISON = {
    "no kind": {"kind": None, "emits": {"S": "[1]"}},
    "emits is not JSON": {"emits": {"S": "["}},
    "a body that is not JSON": {"body": {"S": "{"}},
    "an archive item with another key": {"kind": {"S": "archive"}, "sk": {"S": "tomorrow"}},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_an_item_that_is_not_understood_goes_to_the_dead_letters_and_stops_nothing(
    harness: PublishHarness, poison: dict[str, Any]
) -> None:
    broken = a_started_call(harness.stack)
    broken["dynamodb"]["NewImage"] |= {k: v for k, v in poison.items() if v is not None}
    keys = {name: one["S"] for name, one in broken["dynamodb"]["Keys"].items()}
    assert harness.receive_stream(broken, a_completed_leg(harness.stack)) == []
    assert harness.stack.dead() == [{"what": "item", **keys}]
    assert [one["what"] for one in harness.stack.queued()] == ["ended"]
    assert harness.done is not None
    assert harness.done.logs[0]["outcome"] == "not_understood"


def test_an_item_from_the_dead_letters_becomes_messages_again(harness: PublishHarness) -> None:
    record = a_started_call(harness.stack)
    keys = {name: one["S"] for name, one in record["dynamodb"]["Keys"].items()}
    assert harness.receive_queue({"what": "item", **keys}) == []
    assert [one["what"] for one in harness.stack.queued()] == ["started"]
    assert harness.receive_queue({"what": "item", "pk": "CON-gone", "sk": "x"}) == []
    assert harness.stack.queued() == []


# What SQS does not take


@pytest.mark.parametrize("fault", ["throttle", "error", "refuse", "cut"])
def test_a_batch_that_sqs_does_not_take_is_retried_by_the_stream(
    harness: PublishHarness, fault: Any
) -> None:
    records = [a_started_call(harness.stack) for _ in range(3)]
    for number, record in enumerate(records, 1):
        record["dynamodb"]["SequenceNumber"] = str(number)
    harness.stack.aws.faults["SendMessageBatch"] = fault
    assert harness.receive_stream(*records) == ["1"]
    assert harness.stack.queued() == []
    harness.stack.aws.reset()
    assert harness.receive_stream(*records) == []
    assert len(harness.stack.queued()) == 3


def test_a_batch_is_retried_from_the_first_record_that_failed(harness: PublishHarness) -> None:
    records = [a_started_call(harness.stack) for _ in range(3)]
    for number, record in enumerate(records, 1):
        record["dynamodb"]["SequenceNumber"] = str(number)
    # The client tries each request twice.
    harness.stack.aws.watch = lambda operation, count, when: (
        "refuse" if operation == "SendMessageBatch" and when == "before" and count == 2 else None
    )
    assert harness.receive_stream(*records) == ["2"]
    assert len(harness.stack.queued()) == 1


def test_poison_is_retried_while_the_dead_letter_queue_does_not_take_it(
    harness: PublishHarness,
) -> None:
    broken = a_started_call(harness.stack)
    broken["dynamodb"]["NewImage"]["emits"] = {"S": "["}
    harness.stack.aws.faults["SendMessageBatch"] = "refuse"
    assert harness.receive_stream(broken) == ["1"]


def test_a_message_is_small_and_has_no_body(harness: PublishHarness) -> None:
    record = harness.stack.event(status(conversation(), "started", headers={"x": "y" * 2000}))
    assert harness.receive_stream(record) == []
    (message,) = harness.stack.queued()
    assert message["leg"] == message["uuid"] == LEG
    assert len(json.dumps(message)) < 400
