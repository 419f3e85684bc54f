"""The timeline of a call, the calls of a day, and the link to a recording."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from botocore.exceptions import ReadTimeoutError

from records.recording_item import ArchiveKey, FileInfo, labels_of, recording_item
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


def events(api: ApiHarness, leg: str = LEG) -> HarnessResponse:
    return api.send("GET", f"/calls/{leg}/events")


def test_the_events_of_a_call_become_a_timeline(api: ApiHarness) -> None:
    for event in (
        status("completed", 9, duration="5", rate="0.1", price="0.01"),
        status("started", 1),
        status("answered", 4),
    ):
        api.store_event(**event)
    body = events(api).body
    (leg,) = body["legs"]
    assert (leg["uuid"], leg["state"], leg["ended"]) == (LEG, "completed", True)
    assert (leg["from"], leg["to"], leg["outcome"]) == ("442079460000", "447700900123", "answered")
    assert leg["costs"]["price"] == "0.01"
    assert [one["fields"]["status"] for one in body["events"]] == [
        *("started", "answered", "completed")
    ]
    assert (body["complete"], body["next"]) == (True, None)


def test_a_timeline_reads_no_attribute_that_it_does_not_need(api: ApiHarness) -> None:
    """Parsing responses takes most of the time of a long timeline."""
    read: list[set[str]] = []

    def record(parsed: dict[str, Any], **_: Any) -> None:
        read.extend(set(item) for item in parsed["Items"])

    api.store_event(**status("started", 1))
    api.plain.meta.events.register("after-call.dynamodb.Query", record)
    try:
        assert events(api).status == 200
    finally:
        api.plain.meta.events.unregister("after-call.dynamodb.Query", record)
    # The index of legs has the conversation; the conversation has the event.
    assert read == [{"pk"}, {"sk", "method", "body"}]


@pytest.mark.parametrize("spelling", [LEG, LEG.replace("-", ""), LEG.upper()])
def test_a_leg_is_found_by_every_spelling_of_its_uuid(api: ApiHarness, spelling: str) -> None:
    api.store_event(**status("started", 1))
    assert events(api, spelling).status == 200


def test_the_timeline_includes_the_other_legs_of_the_conversations(api: ApiHarness) -> None:
    api.store_event(**status("started", 1))
    api.store_event(**status("started", 2, OTHER))
    api.store_event(
        payload={"foo": "bar"}, conversation_uuid=CONVERSATION, timestamp=f"{DAY}T08:00:03.000Z"
    )
    body = events(api).body
    assert len(body["legs"]) == 2
    assert [one["kind"] for one in body["events"]] == ["status", "status", "notify"]


def test_the_timeline_of_a_transferred_call_includes_all_its_conversations(api: ApiHarness) -> None:
    api.store_event(**status("started", 1))
    api.store_event(**status("answered", 2, conversation_uuid="CON-second"))
    api.store_event(**status("answered", 3, OTHER, conversation_uuid="CON-second"))
    legs = {leg["uuid"]: leg for leg in events(api).body["legs"]}
    assert legs[LEG]["conversations"] == [CONVERSATION, "CON-second"]
    assert OTHER in legs


def test_an_event_sent_as_a_query_string_is_returned_like_any_other(api: ApiHarness) -> None:
    api.put_item(
        {
            "pk": CONVERSATION,
            "sk": "x",
            "leg": LEG.replace("-", ""),
            "method": "GET",
            "body": f"flow=greet&status=answered&uuid={LEG}&timestamp={DAY}T08%3A00%3A00.000Z"
            f"&conversation_uuid={CONVERSATION}&headers=%7B%22a%22%3A1%7D",
        }
    )
    (event,) = events(api).body["events"]
    assert event["fields"]["status"] == "answered"
    assert event["fields"]["headers"] == {"a": 1}
    assert "flow" not in event["fields"]


def test_a_call_without_stored_events_is_not_found(api: ApiHarness) -> None:
    assert events(api).status == 404


@pytest.mark.parametrize("uuid", [LEG, LEG.replace("-", ""), LEG.upper()])
def test_a_leg_is_shown_as_vonage_wrote_it(api: ApiHarness, uuid: str) -> None:
    api.store_event(**status("started", 1, uuid))
    body = events(api).body
    assert [one["uuid"] for one in (*body["legs"], *body["events"])] == [uuid, uuid]


# Pages of a timeline

LAMBDA_LIMIT = 6 * 1024 * 1024  # bytes of a response as JSON


def pages(api: ApiHarness) -> list[Any]:
    """Read a timeline page by page, each within Lambda's limit."""
    found: list[Any] = []
    cursor = None
    while True:
        query = "" if cursor is None else f"cursor={cursor}"
        response = api.send("GET", f"/calls/{LEG}/events", query=query)
        assert response.status == 200, response.body
        written = {"statusCode": 200, "headers": response.headers, "body": response.text}
        assert len(json.dumps(written).encode()) < LAMBDA_LIMIT
        found.append(response.body)
        cursor = response.body["next"]
        if cursor is None:
            return found
        assert len(found) < 100


@pytest.mark.parametrize(
    ("text", "conversations"),
    [("\u3042" * 60_000, 1), ("\u3042" * 60_000, 40), ('"\\' * 40_000, 1)],
    ids=["japanese", "conversations", "escaped"],
)
def test_a_large_timeline_is_read_page_by_page(
    api: ApiHarness, text: str, conversations: int
) -> None:
    for second in range(40):
        conversation = f"CON-{second % conversations}"
        event = status("started", second, conversation_uuid=conversation, note=text)
        api.store_event(**event)
    found = pages(api)
    seconds = [one["timestamp"][17:19] for page in found for one in page["events"]]
    assert sorted(seconds) == [f"{second:02}" for second in range(40)]
    assert len(found) > 1
    assert {page["complete"] for page in found} == {False}
    for page in found:
        times = [one["timestamp"] for one in page["events"]]
        assert times == sorted(times)


def test_a_timeline_of_many_legs_is_read_page_by_page(api: ApiHarness) -> None:
    for number in range(40):
        leg = f"{number:032x}" if number else LEG
        api.store_event(**status("started", number, leg, **{"from": "\u3042" * 60_000}))
    found = pages(api)
    assert sum(len(page["legs"]) for page in found) == 40


def test_one_event_is_returned_however_large(api: ApiHarness) -> None:
    api.store_event(**status("started", 1, **{"from": "\x7f" * 390_000}))
    assert len(pages(api)) == 1


@pytest.mark.parametrize(
    "values",
    [
        ["CON-other", "x"],
        [CONVERSATION],
        [CONVERSATION, ""],
        [CONVERSATION, 1],
        [CONVERSATION, "\ud800"],
        [CONVERSATION, "x" * 1025],
        "x",
        1,
        {},
    ],
    ids=range(9),
)
def test_a_cursor_of_another_call_is_refused(api: ApiHarness, values: object) -> None:
    api.store_event(**status("started", 1))
    query = {"cursor": cursor_of(values)}
    response = api.send("GET", f"/calls/{LEG}/events", query=query)
    assert (response.status, response.body["code"]) == (400, "invalid")


def test_an_unknown_parameter_of_a_timeline_is_refused(api: ApiHarness) -> None:
    response = api.send("GET", f"/calls/{LEG}/events", query="page=2")
    assert (response.status, response.body["field"]) == (400, "page")


# The calls of a day


def day(api: ApiHarness, **query: Any) -> HarnessResponse:
    return api.send("GET", "/history", query={"day": DAY} | query)


def test_a_day_lists_the_calls_that_started_and_completed(api: ApiHarness) -> None:
    api.store_event(**status("started", 1))
    api.store_event(**status("answered", 2))
    api.store_event(**status("completed", 9, duration="5"))
    api.store_event(**status("started", 1, timestamp="2027-01-14T08:00:00Z"))
    body = day(api).body
    assert [(one["status"], one["time"][11:19]) for one in body["entries"]] == [
        ("started", "08:00:01"),
        ("completed", "08:00:09"),
    ]
    assert body["entries"][1] == {
        "time": f"{DAY}T08:00:09.000Z",
        "uuid": LEG,
        "conversation_uuid": CONVERSATION,
        "status": "completed",
        "direction": "outbound",
        "from": "442079460000",
        "to": "447700900123",
        "duration": "5",
    }
    assert body["next"] is None


def test_pages_have_no_gaps_and_no_duplicates(api: ApiHarness) -> None:
    for second in range(7):
        api.store_event(**status("started", second))
    seen, cursor = [], None
    for _ in range(9):
        body = day(api, page_size=2, **({"cursor": cursor} if cursor else {})).body
        seen += [one["time"] for one in body["entries"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert cursor is None
    assert seen == [f"{DAY}T08:00:{second:02}.000Z" for second in range(7)]


@pytest.mark.parametrize("uuid", [LEG, LEG.replace("-", ""), LEG.upper()])
def test_a_day_shows_legs_as_vonage_wrote_them(api: ApiHarness, uuid: str) -> None:
    api.store_event(**status("started", 1, uuid))
    assert [one["uuid"] for one in day(api).body["entries"]] == [uuid]


def test_every_leg_of_a_long_day_is_shown_as_vonage_wrote_it(api: ApiHarness) -> None:
    legs = [str(UUID(int=number)) for number in range(1, 204)]
    for number, leg in enumerate(legs):
        time = f"{DAY}T08:{number // 60:02}:{number % 60:02}.000Z"
        api.store_event(**status("started", 0, leg, timestamp=time))
    assert [one["uuid"] for one in day(api, page_size=1000).body["entries"]] == legs


def test_legs_that_the_table_leaves_out_are_shown_without_dashes(
    api: ApiHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.store_event(**status("started", 1))
    requests: list[Any] = []

    def throttled(RequestItems: dict[str, Any]) -> dict[str, Any]:
        requests.append(RequestItems)
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr(api.dynamodb, "batch_get_item", throttled, raising=False)
    assert day(api).body["entries"][0]["uuid"] == LEG.replace("-", "")
    assert len(requests) == 3


def test_a_day_without_calls_is_empty(api: ApiHarness) -> None:
    assert day(api).body == {"day": DAY, "entries": [], "next": None}


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
def test_an_invalid_cursor_is_refused(api: ApiHarness, cursor: str) -> None:
    assert day(api, cursor=cursor).status == 400


# Recordings


def archive(api: ApiHarness, kind: str = "record") -> None:
    key = ArchiveKey(kind, CONVERSATION, RECORDING)
    sound = (2.5, 2) if kind == "record" else (None, None)
    content = FileInfo(38000, "ab" * 32, "cd" * 4, "audio/mpeg", *sound)
    times = {"start_time": f"{DAY}T08:00:00Z", "end_time": f"{DAY}T08:00:05Z"}
    api.put_item(recording_item(key, content, times, api.now, 30))


def test_a_recording_has_a_link_that_is_valid_for_five_minutes(api: ApiHarness) -> None:
    archive(api)
    body = api.send("GET", f"/recordings/{RECORDING}").body
    link = urlsplit(body["url"])
    assert link.path.endswith(f"/recordings/{CONVERSATION}/{RECORDING}")
    expires = {name.lower(): value for name, value in parse_qs(link.query).items()}
    assert body["expires_in"] == 300
    assert "x-amz-expires" in expires or "expires" in expires
    assert (body["seconds"], body["channels"], body["size"]) == (2.5, 2, 38000)
    assert body["content_type"] == "audio/mpeg"
    assert "transcript_url" not in body


def test_a_transcript_has_a_link_as_well(api: ApiHarness) -> None:
    archive(api)
    archive(api, "transcription")
    body = api.send("GET", f"/recordings/{RECORDING}").body
    assert f"/transcripts/{CONVERSATION}/{RECORDING}" in body["transcript_url"]


@pytest.mark.parametrize("stored", [None, "transcription"])
def test_a_missing_recording_is_not_found(api: ApiHarness, stored: str | None) -> None:
    if stored:
        archive(api, stored)
    response = api.send("GET", f"/recordings/{RECORDING}")
    assert response.status == 404
    assert "not fetched yet" in response.body["detail"]


# Voicemails


def leave(api: ApiHarness, number: int = 1, **changes: Any) -> str:
    """Store a voicemail with the events of its call, and return its recording."""
    recording = str(UUID(int=number))
    conversation = f"CON-{recording}"
    key = ArchiveKey("record", conversation, recording)
    details: dict[str, str | int] = {"start_time": f"{DAY}T08:00:{number:02}Z"}
    details |= labels_of({"purpose": "voicemail", "line": "442079460000"})
    content = FileInfo(38000, "ab" * 32, "cd" * 4, "audio/mpeg", 2.5, 1)
    item = recording_item(key, content, details, api.now, 30) | changes
    api.put_item({name: value for name, value in item.items() if value is not None})
    call = {"conversation_uuid": conversation, "from": "447700900123", "to": "442079460000"}
    ringing = {"from": "442079460000", "to": "447700900456", "direction": "outbound"}
    api.store_event(**status("started", 2, OTHER, **call | ringing))
    api.store_event(**status("answered", 3, **call, direction="inbound"))
    return recording


def transcribe(api: ApiHarness, recording: str, content: bytes | None, size: int = 100) -> None:
    key = ArchiveKey("transcription", f"CON-{recording}", recording)
    file = FileInfo(size, "ab" * 32, "cd" * 4, "application/json", None, None)
    api.put_item(recording_item(key, file, {}, api.now, 30))
    if content is not None:
        api.put_object(key.object_key, content)


def voicemails(api: ApiHarness, **query: Any) -> HarnessResponse:
    return api.send("GET", "/voicemails", query={"month": "2027-01"} | query)


def test_a_voicemail_has_its_caller_its_line_and_its_length(api: ApiHarness) -> None:
    recording = leave(api)
    assert voicemails(api).body == {
        "month": "2027-01",
        "voicemails": [
            {
                "recording_uuid": recording,
                "conversation_uuid": f"CON-{recording}",
                "at": f"{DAY}T08:00:01Z",
                "from": "447700900123",
                "to": "442079460000",
                "line": "442079460000",
                "seconds": 2.5,
                "size": 38000,
                "transcript": None,
            }
        ],
        "next": None,
    }


def test_a_voicemail_outlives_the_events_of_its_call(api: ApiHarness) -> None:
    recording = leave(api, start_time=None, line=None, seconds=None)
    api.delete_partition(f"CON-{recording}")
    (found,) = voicemails(api).body["voicemails"]
    assert (found["recording_uuid"], found["at"][:10]) == (recording, DAY)
    assert [found[name] for name in ("from", "to", "line", "seconds")] == [None] * 4


def test_other_recordings_and_other_months_are_left_out(api: ApiHarness) -> None:
    archive(api)
    leave(api, 1, day="voicemail#2027-02")
    assert voicemails(api).body["voicemails"] == []
    assert len(voicemails(api, month="2027-02").body["voicemails"]) == 1


def test_without_a_month_it_is_this_one(api: ApiHarness) -> None:
    months = [datetime.now(UTC).isoformat()[:7]]
    found = api.send("GET", "/voicemails").body["month"]
    months.append(datetime.now(UTC).isoformat()[:7])
    assert found in months


def test_a_day_does_not_list_voicemails(api: ApiHarness) -> None:
    leave(api)
    assert {one["status"] for one in day(api).body["entries"]} == {"started"}


def test_pages_of_voicemails_have_no_gaps_and_no_duplicates(api: ApiHarness) -> None:
    left = [leave(api, number) for number in range(1, 8)]
    seen: list[str] = []
    query: dict[str, Any] = {"page_size": 2}
    for _ in range(9):
        body = voicemails(api, **query).body
        times = [one["at"] for one in body["voicemails"]]
        assert times == sorted(times)
        seen += [one["recording_uuid"] for one in body["voicemails"]]
        if body["next"] is None:
            break
        query["cursor"] = body["next"]
    assert sorted(seen) == left


@pytest.mark.parametrize("cursor", ["x", cursor_of(["voicemail#2027-02", "a", "b"])])
def test_a_cursor_of_another_month_is_refused(api: ApiHarness, cursor: str) -> None:
    assert voicemails(api, cursor=cursor).status == 400


SENTENCES = {"channels": [{"transcript": [{"sentence": " One\nloaf, "}, {"sentence": "please."}]}]}
LONG = {"channels": [{"transcript": [{"sentence": "é" * 121}]}]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps(SENTENCES).encode(), "One loaf, please."),
        (json.dumps(LONG).encode(), "é" * 119 + "…"),
        (b'{"channels": [{"transcript": [{"sentence": 1}, 2]}, 3, {}]}', ""),
        (b"[]", ""),
        (b'{"channels": 1}', ""),
        (b"\xff", ""),
        (None, None),
    ],
    ids=["sentences", "long", "numbers", "array", "number", "binary", "deleted"],
)
def test_a_voicemail_has_the_first_words_of_its_transcript(
    api: ApiHarness, content: bytes | None, words: str | None
) -> None:
    transcribe(api, leave(api), content)
    assert voicemails(api).body["voicemails"][0]["transcript"] == words


def test_a_transcript_of_many_hours_is_not_read(api: ApiHarness) -> None:
    transcribe(api, leave(api), json.dumps(SENTENCES).encode(), 1_000_001)
    assert voicemails(api).body["voicemails"][0]["transcript"] is None


@pytest.mark.parametrize(
    "path",
    [
        f"/calls/{LEG}/events",
        f"/history?day={DAY}",
        "/voicemails?month=2027-01",
        f"/recordings/{RECORDING}",
    ],
)
def test_a_table_that_cannot_be_read_returns_503(api: ApiHarness, path: str) -> None:
    api.dynamodb.fails["query"] = [ReadTimeoutError(endpoint_url="http://127.0.0.1")]
    where, _, query = path.partition("?")
    assert api.send("GET", where, query=query).status == 503
