"""What happened, read back: the timeline of a call, the calls of a day, the link to a recording."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ReadTimeoutError

from records.recording_item import ArchiveKey, FileInfo, recording_item
from tests.unit.calls.api_harness import CONVERSATION, LEG

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness, HarnessResponse

DAY = "2027-01-15"
OTHER = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
RECORDING = "30cf9a4f-5f4a-4c4a-9c4a-1a2b3c4d5e6f"


def status(name: str, second: int, leg: str = LEG, **more: Any) -> dict[str, Any]:
    return {
        "status": name,
        "uuid": leg,
        "conversation_uuid": CONVERSATION,
        "timestamp": f"{DAY}T08:00:{second:02}.000Z",
        "direction": "outbound",
        "from": "442079460000",
        "to": "447700900123",
    } | more


def events(stage: ApiHarness, leg: str = LEG) -> HarnessResponse:
    return stage.ask("GET", f"/calls/{leg}/events")


def test_the_events_of_a_call_are_folded(stage: ApiHarness) -> None:
    for event in (
        status("completed", 9, duration="5", rate="0.1", price="0.01"),
        status("started", 1),
        status("answered", 4),
    ):
        stage.keep(**event)
    body = events(stage).body
    (leg,) = body["legs"]
    assert (leg["uuid"], leg["state"], leg["ended"]) == (LEG.replace("-", ""), "completed", True)
    assert (leg["from"], leg["to"], leg["outcome"]) == ("442079460000", "447700900123", "answered")
    assert leg["costs"]["price"] == "0.01"
    assert [one["fields"]["status"] for one in body["events"]] == [
        *("started", "answered", "completed")
    ]
    assert body["complete"] is True


@pytest.mark.parametrize("written", [LEG, LEG.replace("-", ""), LEG.upper()])
def test_a_leg_is_found_however_it_is_written(stage: ApiHarness, written: str) -> None:
    stage.keep(**status("started", 1))
    assert events(stage, written).status == 200


def test_the_other_legs_of_its_conversations_are_told_as_well(stage: ApiHarness) -> None:
    stage.keep(**status("started", 1))
    stage.keep(**status("started", 2, OTHER))
    stage.keep(
        payload={"foo": "bar"}, conversation_uuid=CONVERSATION, timestamp=f"{DAY}T08:00:03.000Z"
    )
    body = events(stage).body
    assert len(body["legs"]) == 2
    assert [one["kind"] for one in body["events"]] == ["status", "status", "notify"]


def test_a_call_that_was_transferred_is_told_in_all_its_conversations(stage: ApiHarness) -> None:
    stage.keep(**status("started", 1))
    stage.keep(**status("answered", 2, conversation_uuid="CON-second"))
    stage.keep(**status("answered", 3, OTHER, conversation_uuid="CON-second"))
    legs = {leg["uuid"]: leg for leg in events(stage).body["legs"]}
    assert legs[LEG.replace("-", "")]["conversations"] == [CONVERSATION, "CON-second"]
    assert OTHER.replace("-", "") in legs


def test_an_event_that_came_as_a_query_string_is_told_like_any_other(stage: ApiHarness) -> None:
    stage.put(
        {
            "pk": CONVERSATION,
            "sk": "x",
            "leg": LEG.replace("-", ""),
            "method": "GET",
            "body": f"flow=greet&status=answered&uuid={LEG}&timestamp={DAY}T08%3A00%3A00.000Z"
            f"&conversation_uuid={CONVERSATION}&headers=%7B%22a%22%3A1%7D",
        }
    )
    (event,) = events(stage).body["events"]
    assert event["fields"]["status"] == "answered"
    assert event["fields"]["headers"] == {"a": 1}
    assert "flow" not in event["fields"]


def test_a_call_of_which_nothing_is_kept_is_not_found(stage: ApiHarness) -> None:
    assert events(stage).status == 404


def test_more_than_an_answer_holds_is_said_to_be_incomplete(stage: ApiHarness) -> None:
    for second in range(16):
        stage.keep(**status("started", second, padding="x" * 250_000))
    reply = events(stage)
    assert reply.body["complete"] is False
    assert len(json.dumps(reply.body)) < 5_500_000  # Lambda takes 6 MB


# The calls of a day


def day(stage: ApiHarness, **query: Any) -> HarnessResponse:
    return stage.ask("GET", "/history", query={"day": DAY} | query)


def test_a_day_lists_what_began_and_what_ended_on_it(stage: ApiHarness) -> None:
    stage.keep(**status("started", 1))
    stage.keep(**status("answered", 2))
    stage.keep(**status("completed", 9, duration="5"))
    stage.keep(**status("started", 1, timestamp="2027-01-14T08:00:00Z"))
    body = day(stage).body
    assert [(one["status"], one["time"][11:19]) for one in body["entries"]] == [
        ("started", "08:00:01"),
        ("completed", "08:00:09"),
    ]
    assert body["entries"][1] == {
        "time": f"{DAY}T08:00:09.000Z",
        "uuid": LEG.replace("-", ""),
        "conversation_uuid": CONVERSATION,
        "status": "completed",
        "direction": "outbound",
        "from": "442079460000",
        "to": "447700900123",
        "duration": "5",
    }
    assert body["next"] is None


def test_pages_follow_one_another_without_gap_or_repetition(stage: ApiHarness) -> None:
    for second in range(7):
        stage.keep(**status("started", second))
    seen, cursor = [], None
    for _ in range(9):
        body = day(stage, page_size=2, **({"cursor": cursor} if cursor else {})).body
        seen += [one["time"] for one in body["entries"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert cursor is None
    assert seen == [f"{DAY}T08:00:{second:02}.000Z" for second in range(7)]


def test_a_day_without_calls_is_empty(stage: ApiHarness) -> None:
    assert day(stage).body == {"day": DAY, "entries": [], "next": None}


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        cursor_of({}),
        cursor_of([]),
        cursor_of(["2027-01-14", "a", "b"]),
        cursor_of([DAY, "a"]),
        cursor_of([DAY, "a", ""]),
        cursor_of([DAY, "a", 1]),
        "_" * 2000,
    ],
    ids=range(8),
)
def test_a_cursor_that_is_none_of_this_day_is_refused(stage: ApiHarness, cursor: str) -> None:
    assert day(stage, cursor=cursor).status == 400


# Recordings


def archive(stage: ApiHarness, kind: str = "record") -> None:
    place = ArchiveKey(kind, CONVERSATION, RECORDING)
    sound = (2.5, 2) if kind == "record" else (None, None)
    content = FileInfo(38000, "ab" * 32, "cd" * 4, "audio/mpeg", *sound)
    told = {"start_time": f"{DAY}T08:00:00Z", "end_time": f"{DAY}T08:00:05Z"}
    stage.put(recording_item(place, content, told, stage.now, 30))


def test_a_recording_is_told_of_with_a_link_that_lives_five_minutes(stage: ApiHarness) -> None:
    archive(stage)
    body = stage.ask("GET", f"/recordings/{RECORDING}").body
    link = urlsplit(body["url"])
    assert link.path.endswith(f"/recordings/{CONVERSATION}/{RECORDING}")
    expires = {name.lower(): value for name, value in parse_qs(link.query).items()}
    assert body["expires_in"] == 300
    assert "x-amz-expires" in expires or "expires" in expires
    assert (body["seconds"], body["channels"], body["size"]) == (2.5, 2, 38000)
    assert body["content_type"] == "audio/mpeg"
    assert "transcript_url" not in body


def test_its_transcript_has_a_link_as_well(stage: ApiHarness) -> None:
    archive(stage)
    archive(stage, "transcription")
    body = stage.ask("GET", f"/recordings/{RECORDING}").body
    assert f"/transcripts/{CONVERSATION}/{RECORDING}" in body["transcript_url"]


@pytest.mark.parametrize("kept", [None, "transcription"])
def test_a_recording_that_is_not_there_is_not_found(stage: ApiHarness, kept: str | None) -> None:
    if kept:
        archive(stage, kept)
    reply = stage.ask("GET", f"/recordings/{RECORDING}")
    assert reply.status == 404
    assert "not fetched yet" in reply.body["detail"]


@pytest.mark.parametrize(
    "path", [f"/calls/{LEG}/events", f"/history?day={DAY}", f"/recordings/{RECORDING}"]
)
def test_a_table_that_cannot_be_read_is_said_to_be_so(stage: ApiHarness, path: str) -> None:
    stage.dynamodb.fails["query"] = [ReadTimeoutError(endpoint_url="http://127.0.0.1")]
    where, _, query = path.partition("?")
    assert stage.ask("GET", where, query=query).status == 503
