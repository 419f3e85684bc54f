"""What is found of a number, and that all of it goes, whatever fails in between."""

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

HIM, HER, OWN = "447700900123", "447700900456", "447700900000"


@pytest.fixture
def shelf() -> Iterator[SeededStack]:
    with SeededStack() as made:
        yield made


def leg() -> str:
    return uuid.uuid4().hex


def status(conversation: str, which: str, caller: str, **changes: Any) -> dict[str, Any]:
    """Give an event of a leg that rang our number."""
    return {
        "conversation_uuid": conversation,
        "uuid": which,
        "from": caller,
        "to": OWN,
        "status": "ringing",
        "timestamp": "2026-01-31T12:00:00.000Z",
    } | changes


def forget(shelf: SeededStack, number: str = HIM) -> dict[str, int]:
    """Find what is kept of a number, delete it, and say how much it was."""
    keeper = shelf.keeper()
    kept = keeper.find(number)
    assert keeper.delete(kept) == 0
    return kept.counts()


def test_a_call_goes_with_all_its_legs_and_another_stays(shelf: SeededStack) -> None:
    shelf.keep(status("CON-a", leg(), HIM))
    shelf.keep(status("CON-a", leg(), OWN, to=HER))
    shelf.keep({"conversation_uuid": "CON-a", "payload": {"step": 1}})
    shelf.record("CON-a", "rec-a")
    shelf.keep(status("CON-b", leg(), HER))
    shelf.record("CON-b", "rec-b")
    found = forget(shelf)
    assert (found["events"], found["archives"], found["objects"]) == (5, 2, 2)
    assert shelf.partitions() == {"CON-b", "recording#rec-b"}
    assert shelf.versions() == {"recordings/CON-b/rec-b", "transcripts/CON-b/rec-b"}


def test_the_second_time_there_is_nothing(shelf: SeededStack) -> None:
    shelf.keep(status("CON-a", leg(), HIM))
    shelf.record("CON-a", "rec-a")
    forget(shelf)
    assert not any(forget(shelf).values())


def test_his_leg_is_followed_into_a_conference_and_hers_is_not_followed_out(
    shelf: SeededStack,
) -> None:
    his, hers = leg(), leg()
    moved = {"type": "transfer", "conversation_uuid_to": "CON-room", "uuid": his}
    shelf.keep(status("CON-a", his, HIM))
    shelf.keep(moved | {"conversation_uuid_from": "CON-a"})
    shelf.keep({"conversation_uuid": "CON-room", "uuid": hers, "dtmf": {"digits": "1"}})
    shelf.record("CON-room", "rec-room")
    shelf.keep(status("CON-b", hers, HER))
    forget(shelf)
    assert shelf.partitions() == {"CON-b"}
    assert shelf.versions() == set()


def test_what_only_names_the_number_goes_alone(shelf: SeededStack) -> None:
    typed = {"conversation_uuid": "CON-b", "uuid": leg(), "dtmf": {"digits": f"{HIM}#"}}
    shelf.keep(typed)
    stays = shelf.keep(status("CON-b", leg(), HER))
    found = forget(shelf)
    assert (found["calls"], found["events"]) == (0, 1)
    assert shelf.items() == {stays}


def test_of_a_day_of_events_that_name_no_call_only_his_go(shelf: SeededStack) -> None:
    shelf.keep({"from": HIM, "timestamp": "2026-01-31T12:00:00.000Z"})
    stays = shelf.keep({"from": HER, "timestamp": "2026-01-31T12:00:00.000Z"})
    forget(shelf)
    assert shelf.items() == {stays}


@pytest.mark.parametrize(
    "written", [f" {HIM}", f"+{HIM}", f"00{HIM}", f"sip:{HIM}@example.com", f"tel:+{HIM};x=1"]
)
def test_the_number_is_found_however_it_is_written(shelf: SeededStack, written: str) -> None:
    shelf.keep(status("CON-a", leg(), written))
    forget(shelf)
    assert shelf.items() == set()


def test_the_number_is_found_in_the_query_of_a_get_request(shelf: SeededStack) -> None:
    shelf.keep(f"flow=greet&conversation_uuid=CON-a&uuid={leg()}&from=%2B{HIM}&status=ringing")
    forget(shelf)
    assert shelf.items() == set()


def test_a_longer_number_is_another_one(shelf: SeededStack) -> None:
    shelf.keep(status("CON-b", leg(), f"{HIM}4"))
    shelf.keep(status("CON-c", leg(), f"1{HIM}"))
    assert not any(forget(shelf).values())


def test_every_version_marker_and_upload_goes(shelf: SeededStack) -> None:
    shelf.keep(status("CON-a", leg(), HIM))
    shelf.record("CON-a", "rec-a")
    shelf.s3.put_object(Bucket=shelf.bucket, Key="recordings/CON-a/rec-a", Body=b"newer")
    shelf.s3.delete_object(Bucket=shelf.bucket, Key="recordings/CON-a/rec-a")
    for key in ("recordings/CON-a/rec-2", "recordings/CON-b/rec-3"):
        shelf.s3.create_multipart_upload(Bucket=shelf.bucket, Key=key)
    forget(shelf)
    assert shelf.versions() == {"recordings/CON-b/rec-3"}


def test_a_recording_whose_entry_was_never_written_goes_too(shelf: SeededStack) -> None:
    shelf.keep(status("CON-a", leg(), HIM))
    shelf.s3.put_object(Bucket=shelf.bucket, Key="recordings/CON-a/rec-a", Body=b"abc")
    forget(shelf)
    assert shelf.versions() == set()


def test_recordings_of_nobody_stay_and_are_told(shelf: SeededStack) -> None:
    shelf.keep(status("unknown", leg(), HIM))
    shelf.s3.put_object(Bucket=shelf.bucket, Key="recordings/unknown/rec-a", Body=b"abc")
    kept = shelf.keeper().find(HIM)
    assert kept.objects == ()
    assert any("named no conversation" in text for text in kept.unreached)


def test_the_claims_of_his_calls_go_and_others_stay(shelf: SeededStack) -> None:
    his = str(uuid.uuid4())
    shelf.keep(status("CON-a", his, OWN, to=HIM))
    shelf.claim("of-his-leg", 201, {"uuid": his})
    shelf.claim("of-his-call", 201, {"uuid": leg(), "conversation_uuid": "CON-a"})
    shelf.claim("refused", 400, {"detail": f"to: {HIM} is not reachable"})
    shelf.claim(f"call-{HIM}", 409, {})
    shelf.claim("of-her-call", 201, {"uuid": leg(), "conversation_uuid": "CON-b"})
    assert forget(shelf)["claims"] == 4
    assert shelf.partitions() == {"idempotency#of-her-call"}


def test_messages_of_his_go_and_others_can_be_received_again(shelf: SeededStack) -> None:
    def job(conversation: str) -> dict[str, Any]:
        body = f'{{"conversation_uuid": "{conversation}", "recording_uuid": "r"}}'
        return {"method": "POST", "body": body, "own": [], "received_at": 1.0}

    # Of his call, only the queue knows yet.
    shelf.send("overflow dead", stored_item(status("CON-a", leg(), HIM)))
    shelf.send("recordings dead", job("CON-a"))
    shelf.send("recordings", job("CON-a"))
    hers = stored_item(status("CON-b", leg(), HER))
    shelf.send("overflow dead", hers)
    shelf.send("overflow", hers)
    shelf.send("recordings dead", job("CON-b"))
    assert forget(shelf)["messages"] == 3
    left = {name: shelf.messages(name) for name in shelf.urls}
    assert left == {
        "overflow": [hers],
        "overflow dead": [hers],
        "recordings": [],
        "recordings dead": [job("CON-b")],
    }


def test_what_is_left_alone_can_be_received_again(shelf: SeededStack) -> None:
    his = stored_item(status("CON-a", leg(), HIM))
    shelf.send("overflow dead", his)
    keeper = shelf.keeper()
    keeper.leave(keeper.find(HIM))
    assert shelf.messages("overflow dead") == [his]


def test_a_search_that_fails_gives_all_messages_back(shelf: SeededStack) -> None:
    his = stored_item(status("CON-a", leg(), HIM))
    shelf.send("overflow dead", his)
    shelf.fails = lambda operation: operation == "list_objects_v2"
    with pytest.raises(ClientError):
        shelf.keeper().find(HIM)
    assert shelf.messages("overflow dead") == [his]


def test_what_dynamodb_does_not_process_at_first_is_asked_for_again(shelf: SeededStack) -> None:
    for _ in range(60):
        shelf.keep(status("CON-a", leg(), HIM))
    shelf.unprocessed = 40
    assert forget(shelf)["events"] == 60
    assert shelf.items() == set()


def test_what_dynamodb_never_processes_is_told_and_found_again(shelf: SeededStack) -> None:
    shelf.keep(status("CON-a", leg(), HIM))
    shelf.unprocessed = 1000
    keeper = shelf.keeper()
    with pytest.raises(VoicectlError, match="did not delete 1 items"):
        keeper.delete(keeper.find(HIM))
    shelf.unprocessed = 0
    assert forget(shelf)["events"] == 1


def failing_at(fatal: int) -> Callable[[str], bool]:
    """Give what has one call to AWS fail, counted from the first."""
    calls = itertools.count(1)
    return lambda _operation: next(calls) == fatal


def test_wherever_it_fails_a_second_run_leaves_nothing(shelf: SeededStack) -> None:
    for fatal in itertools.count(1):
        his = leg()
        shelf.keep(status("CON-a", his, HIM))
        shelf.keep({"type": "transfer", "conversation_uuid_to": "CON-room", "uuid": his})
        shelf.keep({"conversation_uuid": "CON-room", "payload": {}})
        shelf.record("CON-room", "rec-a")
        shelf.claim("key", 201, {"uuid": his})
        shelf.send("recordings dead", {"method": "POST", "body": '{"conversation_uuid":"CON-a"}'})
        shelf.s3.create_multipart_upload(Bucket=shelf.bucket, Key="recordings/CON-a/r")
        keeper = shelf.keeper()
        kept = keeper.find(HIM)
        shelf.fails = failing_at(fatal)
        try:
            keeper.delete(kept)
            failed = False
        except ClientError:
            failed = True
            keeper.leave(kept)
        shelf.fails = lambda _operation: False
        forget(shelf)
        assert (shelf.items(), shelf.versions(), shelf.messages("recordings dead")) == (
            set(),
            set(),
            [],
        )
        if not failed:
            return
