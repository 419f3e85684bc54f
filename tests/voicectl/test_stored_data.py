"""Find and delete the data of a number completely, also after failures."""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.voicectl.seeded_stack import SeededStack, stored_item
from voicectl.errors import VoicectlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NUMBER, OTHER, OWN = "447700900123", "447700900456", "447700900000"


@pytest.fixture
def stack() -> Iterator[SeededStack]:
    with SeededStack() as made:
        yield made


def leg() -> str:
    return uuid.uuid4().hex


def status(conversation: str, which: str, caller: str, **changes: Any) -> dict[str, Any]:
    """Return an event of an inbound leg."""
    return {
        "conversation_uuid": conversation,
        "uuid": which,
        "from": caller,
        "to": OWN,
        "status": "ringing",
        "timestamp": "2026-01-31T12:00:00.000Z",
    } | changes


def forget(stack: SeededStack, number: str = NUMBER) -> dict[str, int]:
    """Find and delete the data of a number, and return the counts."""
    eraser = stack.eraser()
    found = eraser.find(number)
    assert eraser.delete(found) == 0
    return found.counts()


def test_a_call_is_deleted_with_all_its_legs_and_another_stays(stack: SeededStack) -> None:
    stack.store(status("CON-a", leg(), NUMBER))
    stack.store(status("CON-a", leg(), OWN, to=OTHER))
    stack.store({"conversation_uuid": "CON-a", "payload": {"step": 1}})
    stack.record("CON-a", "rec-a")
    stack.store(status("CON-b", leg(), OTHER))
    stack.record("CON-b", "rec-b")
    found = forget(stack)
    assert (found["events"], found["archives"], found["objects"]) == (5, 2, 2)
    assert stack.partitions() == {"CON-b", "recording#rec-b"}
    assert stack.versions() == {"recordings/CON-b/rec-b", "transcripts/CON-b/rec-b"}


def test_a_second_run_finds_nothing(stack: SeededStack) -> None:
    stack.store(status("CON-a", leg(), NUMBER))
    stack.record("CON-a", "rec-a")
    forget(stack)
    assert not any(forget(stack).values())


def test_a_leg_is_followed_into_a_conference_but_other_legs_are_not_followed_out(
    stack: SeededStack,
) -> None:
    ours, theirs = leg(), leg()
    moved = {"type": "transfer", "conversation_uuid_to": "CON-room", "uuid": ours}
    stack.store(status("CON-a", ours, NUMBER))
    stack.store(moved | {"conversation_uuid_from": "CON-a"})
    stack.store({"conversation_uuid": "CON-room", "uuid": theirs, "dtmf": {"digits": "1"}})
    stack.record("CON-room", "rec-room")
    stack.store(status("CON-b", theirs, OTHER))
    forget(stack)
    assert stack.partitions() == {"CON-b"}
    assert stack.versions() == set()


def test_an_event_that_only_contains_the_number_is_deleted_individually(stack: SeededStack) -> None:
    typed = {"conversation_uuid": "CON-b", "uuid": leg(), "dtmf": {"digits": f"{NUMBER}#"}}
    stack.store(typed)
    stays = stack.store(status("CON-b", leg(), OTHER))
    found = forget(stack)
    assert (found["calls"], found["events"]) == (0, 1)
    assert stack.items() == {stays}


def test_events_without_a_call_are_deleted_individually(stack: SeededStack) -> None:
    stack.store({"from": NUMBER, "timestamp": "2026-01-31T12:00:00.000Z"})
    stays = stack.store({"from": OTHER, "timestamp": "2026-01-31T12:00:00.000Z"})
    forget(stack)
    assert stack.items() == {stays}


@pytest.mark.parametrize(
    "written",
    [f" {NUMBER}", f"+{NUMBER}", f"00{NUMBER}", f"sip:{NUMBER}@example.com", f"tel:+{NUMBER};x=1"],
)
def test_the_number_is_found_in_each_notation(stack: SeededStack, written: str) -> None:
    stack.store(status("CON-a", leg(), written))
    forget(stack)
    assert stack.items() == set()


def test_the_number_is_found_in_the_query_of_a_get_request(stack: SeededStack) -> None:
    stack.store(f"flow=greet&conversation_uuid=CON-a&uuid={leg()}&from=%2B{NUMBER}&status=ringing")
    forget(stack)
    assert stack.items() == set()


def test_a_longer_number_does_not_match(stack: SeededStack) -> None:
    stack.store(status("CON-b", leg(), f"{NUMBER}4"))
    stack.store(status("CON-c", leg(), f"1{NUMBER}"))
    assert not any(forget(stack).values())


def test_every_version_delete_marker_and_upload_is_deleted(stack: SeededStack) -> None:
    stack.store(status("CON-a", leg(), NUMBER))
    stack.record("CON-a", "rec-a")
    stack.s3.put_object(Bucket=stack.bucket, Key="recordings/CON-a/rec-a", Body=b"newer")
    stack.s3.delete_object(Bucket=stack.bucket, Key="recordings/CON-a/rec-a")
    for key in ("recordings/CON-a/rec-2", "recordings/CON-b/rec-3"):
        stack.s3.create_multipart_upload(Bucket=stack.bucket, Key=key)
    forget(stack)
    assert stack.versions() == {"recordings/CON-b/rec-3"}


def test_a_recording_without_a_table_item_is_deleted(stack: SeededStack) -> None:
    stack.store(status("CON-a", leg(), NUMBER))
    stack.s3.put_object(Bucket=stack.bucket, Key="recordings/CON-a/rec-a", Body=b"abc")
    forget(stack)
    assert stack.versions() == set()


def test_recordings_without_a_conversation_stay_and_are_reported(stack: SeededStack) -> None:
    stack.store(status("unknown", leg(), NUMBER))
    stack.s3.put_object(Bucket=stack.bucket, Key="recordings/unknown/rec-a", Body=b"abc")
    found = stack.eraser().find(NUMBER)
    assert found.objects == ()
    assert any("named no conversation" in text for text in found.unreached)


def test_the_idempotency_records_of_the_calls_are_deleted_and_others_stay(
    stack: SeededStack,
) -> None:
    ours = str(uuid.uuid4())
    stack.store(status("CON-a", ours, OWN, to=NUMBER))
    stack.claim("of-the-leg", 201, {"uuid": ours})
    stack.claim("of-the-call", 201, {"uuid": leg(), "conversation_uuid": "CON-a"})
    stack.claim("refused", 400, {"detail": f"to: {NUMBER} is not reachable"})
    stack.claim(f"call-{NUMBER}", 409, {})
    stack.claim("of-another-call", 201, {"uuid": leg(), "conversation_uuid": "CON-b"})
    assert forget(stack)["claims"] == 4
    assert stack.partitions() == {"idempotency#of-another-call"}


def test_messages_are_deleted_and_others_become_visible_again(stack: SeededStack) -> None:
    def job(conversation: str) -> dict[str, Any]:
        body = f'{{"conversation_uuid": "{conversation}", "recording_uuid": "r"}}'
        return {"method": "POST", "body": body, "own": [], "received_at": 1.0}

    # So far, only the queue has an event of this call.
    stack.send("overflow dead", stored_item(status("CON-a", leg(), NUMBER)))
    stack.send("recordings dead", job("CON-a"))
    stack.send("recordings", job("CON-a"))
    theirs = stored_item(status("CON-b", leg(), OTHER))
    stack.send("overflow dead", theirs)
    stack.send("overflow", theirs)
    stack.send("recordings dead", job("CON-b"))
    assert forget(stack)["messages"] == 3
    left = {name: stack.messages(name) for name in stack.urls}
    assert left == {
        "overflow": [theirs],
        "overflow dead": [theirs],
        "recordings": [],
        "recordings dead": [job("CON-b")],
        "call-events": [],
        "call-events dead": [],
    }


@pytest.mark.parametrize("queue", ["call-events", "call-events dead"])
def test_messages_about_call_events_are_deleted_and_others_stay(
    stack: SeededStack, queue: str
) -> None:
    ours, theirs = leg(), leg()
    stack.store(status("CON-a", ours, NUMBER))
    stack.record("CON-a", "rec-a")
    stack.store(status("CON-b", theirs, OTHER))
    for what in (
        {"what": "ended", "leg": ours, "time": "t"},
        {"what": "recording", "recording": "rec-a"},
        {"what": "emitted", "conversation": "CON-a", "name": "order.placed", "data": {}},
        {"what": "started", "leg": leg(), "from": NUMBER, "to": OWN},
        {"what": "item", "pk": "CON-a", "sk": "x"},
    ):
        stack.send(queue, what)
    stays = {"what": "ended", "leg": theirs, "time": "t"}
    stack.send(queue, stays)
    assert forget(stack)["messages"] == 5
    assert stack.messages(queue) == [stays]


def test_what_a_flow_emitted_about_the_number_is_deleted(stack: SeededStack) -> None:
    stack.emit(status("CON-b", leg(), OTHER), {"customer": f"+{NUMBER}"})
    stays = stack.emit(status("CON-b", leg(), OTHER, status="answered"), {"customer": OTHER})
    assert forget(stack)["calls"] == 0
    assert stack.items() == {stays}


def test_a_lost_recording_of_a_call_is_deleted(stack: SeededStack) -> None:
    stack.store(status("CON-a", leg(), NUMBER))
    stack.lose("CON-a", "rec-a")
    stack.lose("CON-b", "rec-b")
    assert forget(stack)["archives"] == 1
    assert stack.partitions() == {"CON-b", "recording#rec-b"}


def test_released_messages_become_visible_again(stack: SeededStack) -> None:
    ours = stored_item(status("CON-a", leg(), NUMBER))
    stack.send("overflow dead", ours)
    eraser = stack.eraser()
    eraser.release(eraser.find(NUMBER))
    assert stack.messages("overflow dead") == [ours]


def test_a_failed_search_releases_all_messages(stack: SeededStack) -> None:
    ours = stored_item(status("CON-a", leg(), NUMBER))
    stack.send("overflow dead", ours)
    stack.fails = lambda operation: operation == "list_objects_v2"
    with pytest.raises(ClientError):
        stack.eraser().find(NUMBER)
    assert stack.messages("overflow dead") == [ours]


def test_unprocessed_items_are_retried(stack: SeededStack) -> None:
    for _ in range(60):
        stack.store(status("CON-a", leg(), NUMBER))
    stack.unprocessed = 40
    assert forget(stack)["events"] == 60
    assert stack.items() == set()


def test_items_that_stay_unprocessed_are_reported_and_found_again(stack: SeededStack) -> None:
    stack.store(status("CON-a", leg(), NUMBER))
    stack.unprocessed = 1000
    eraser = stack.eraser()
    with pytest.raises(VoicectlError, match="did not delete 1 item "):
        eraser.delete(eraser.find(NUMBER))
    stack.unprocessed = 0
    assert forget(stack)["events"] == 1


def failing_at(fatal: int) -> Callable[[str], bool]:
    """Return a function that makes one AWS call fail, counted from the first."""
    calls = itertools.count(1)
    return lambda _operation: next(calls) == fatal


def test_after_a_failure_at_any_call_a_second_run_deletes_the_rest(stack: SeededStack) -> None:
    for fatal in itertools.count(1):
        ours = leg()
        stack.store(status("CON-a", ours, NUMBER))
        stack.store({"type": "transfer", "conversation_uuid_to": "CON-room", "uuid": ours})
        stack.store({"conversation_uuid": "CON-room", "payload": {}})
        stack.record("CON-room", "rec-a")
        stack.claim("key", 201, {"uuid": ours})
        stack.send("recordings dead", {"method": "POST", "body": '{"conversation_uuid":"CON-a"}'})
        stack.s3.create_multipart_upload(Bucket=stack.bucket, Key="recordings/CON-a/r")
        eraser = stack.eraser()
        found = eraser.find(NUMBER)
        stack.fails = failing_at(fatal)
        try:
            eraser.delete(found)
            failed = False
        except ClientError:
            failed = True
            eraser.release(found)
        stack.fails = lambda _operation: False
        forget(stack)
        assert (stack.items(), stack.versions(), stack.messages("recordings dead")) == (
            set(),
            set(),
            [],
        )
        if not failed:
            return
