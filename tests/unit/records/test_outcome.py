"""records.outcome: what each call comes to, and which legs and recordings belong to it."""

from __future__ import annotations

from typing import Any

import pytest

from records.event import parse_event
from records.outcome import CallOutcome, call_outcome, caller_of

ROOM = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
CALLER, OTHER, CALLEE = "1" * 32, "2" * 32, "3" * 32
Fields = dict[str, Any]


def at(second: int) -> str:
    return f"2026-03-29T21:{20 + second // 60:02}:{second % 60:02}.500Z"


def leg(
    uuid: str, begun: int, answered: int | None, ended: int | None, *more: str, **fields: Any
) -> list[Fields]:
    """Return the events of a leg; ``more`` are statuses a second after it was answered."""
    common = {"uuid": uuid, "conversation_uuid": ROOM, "from": "447700900123", "to": "44207946000"}
    common |= {"direction": "inbound" if uuid in (CALLER, OTHER) else "outbound"} | fields
    events = [{"status": "started", "timestamp": at(begun)}]
    if answered is not None:
        events.append({"status": "answered", "timestamp": at(answered)})
        events += [{"status": one, "timestamp": at(answered + 1)} for one in more]
    if ended is not None:
        duration = 0 if answered is None else ended - answered
        completed = {"status": "completed", "timestamp": at(ended), "duration": str(duration)}
        events.append(completed)
    return [common | one for one in events]


def outcome(*legs: list[Fields], of: str = CALLER) -> CallOutcome:
    found = call_outcome([parse_event(one) for events in legs for one in events], of)
    assert found is not None
    return found


def recording(uuid: str, begun: int, ended: int) -> list[Fields]:
    times = {"start_time": at(begun)[:19] + "Z", "end_time": at(ended)[:19] + "Z"}
    url = "https://api.nexmo.com/v1/files/1"
    event = {"recording_uuid": uuid, "recording_url": url, "conversation_uuid": ROOM} | times
    return [event | {"timestamp": at(ended)}]


ROOT = leg(CALLER, 0, 1, 60)


@pytest.mark.parametrize(
    ("others", "result", "rung"),
    [
        ([], "alone", 0),
        ([leg(CALLEE, 5, None, 25)], "unanswered", 1),
        ([leg(CALLEE, 5, 10, 60)], "connected", 1),
        ([leg(CALLEE, 5, None, 25), leg("4" * 32, 26, 30, 60)], "connected", 2),
        ([leg(CALLEE, 5, 10, 60, "human")], "connected", 1),
        ([leg(CALLEE, 5, 10, 60, "machine")], "unanswered", 1),
        ([leg(CALLEE, 5, 10, None)], "connected", 1),
        ([leg(OTHER, 30, 31, 90)], "connected", 0),
        ([leg(OTHER, 70, 71, 90)], "alone", 0),
        ([leg(OTHER, 60, 60, 90)], "alone", 0),
        ([leg(CALLEE, 70, 71, 90)], "alone", 0),
    ],
)
def test_the_result_is_whether_anybody_talked_to_the_caller(
    others: list[list[Fields]], result: str, rung: int
) -> None:
    found = outcome(ROOT, *others)
    assert (found.result, found.rung, found.seconds) == (result, rung, 59)


def test_a_lost_answered_event_is_seen_by_the_duration() -> None:
    callee = [one for one in leg(CALLEE, 5, 10, 60) if one["status"] != "answered"]
    assert outcome(ROOT, callee).result == "connected"
    early = [one for one in leg(CALLEE, -20, -15, -5) if one["status"] == "completed"]
    assert outcome(ROOT, early).result == "alone"


@pytest.mark.parametrize(
    ("others", "has_line", "missed"),
    [
        ([], False, False),
        ([], True, True),
        ([leg(CALLEE, 5, None, 25)], False, True),
        ([leg(CALLEE, 5, 10, 60)], True, False),
    ],
)
def test_an_announcement_misses_nobody(
    others: list[list[Fields]], has_line: bool, missed: bool
) -> None:
    assert outcome(ROOT, *others).is_missed(has_line=has_line) is missed


def test_a_placed_call_misses_nobody() -> None:
    unanswered = outcome(leg(CALLEE, 0, None, 20), of=CALLEE)
    assert (unanswered.result, unanswered.rung) == ("unanswered", 0)
    assert outcome(leg(CALLEE, 0, 5, 20), of=CALLEE).result == "alone"
    assert not unanswered.is_missed(has_line=True)


def test_only_the_root_leg_has_an_outcome() -> None:
    events = [parse_event(one) for one in (*ROOT, *leg(CALLEE, 5, 10, 60))]
    assert call_outcome(events, CALLEE) is None
    assert call_outcome(events, "9" * 32) is None
    assert call_outcome([], CALLER) is None


def test_a_placed_call_that_moves_to_a_room_keeps_its_outcome() -> None:
    own = leg(CALLEE, 0, 5, 60, conversation_uuid="CON-own")
    moved = {"type": "transfer", "uuid": CALLEE, "conversation_uuid_from": "CON-own"}
    moved |= {"conversation_uuid_to": ROOM, "timestamp": at(10)}
    found = outcome(own, [moved], leg(OTHER, 20, 21, 90), of=CALLEE)
    assert (found.conversation, found.result) == ("CON-own", "connected")


def test_the_seconds_are_counted_where_the_duration_is_lost() -> None:
    events = [{k: v for k, v in one.items() if k != "duration"} for one in ROOT]
    assert outcome(events).seconds == 59
    assert outcome(ROOT[:1]).seconds == 0


def test_a_call_has_the_recordings_made_during_it() -> None:
    files = [recording("r-2", 30, 40), recording("r-1", 10, 20), recording("r-late", 62, 80)]
    assert outcome(ROOT, *files, recording("r-1", 10, 20)).recordings == ("r-1", "r-2")


def test_a_recording_is_by_the_caller_who_was_in_the_room() -> None:
    other = leg(OTHER, 100, 101, 160, **{"from": "447700900999"})
    events = [parse_event(one) for one in (*ROOT, *other, *leg(CALLEE, 105, 110, 150))]
    assert getattr(caller_of(events, at(120)), "from_", None) == "447700900999"
    for time in (at(30), at(90), None, "soon"):
        assert getattr(caller_of(events, time), "from_", None) == "447700900123"
    assert caller_of([]) is None
