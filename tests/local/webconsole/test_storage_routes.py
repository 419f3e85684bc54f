"""What the page shows of the table and the bucket."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from tests.local.webconsole.harness import until

if TYPE_CHECKING:
    from local.local_platform import LocalPlatform
    from tests.local.webconsole.harness import ConsoleClient, ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")

AUDIO = bytes(range(256)) * 40_000  # 10,240,000 bytes, more than is read at once
SIZE = len(AUDIO)


@dataclass(frozen=True)
class Shelf:
    """A recording and its transcript that are kept."""

    recording: str
    platform: LocalPlatform

    def put(self, kind: str, key: str, content: bytes, content_type: str) -> None:
        bucket = self.platform.stack.outputs["BucketName"]
        self.platform.cloud.client("s3").put_object(
            Bucket=bucket, Key=key, Body=content, ContentType=content_type
        )
        self.item(pk={"S": f"recording#{self.recording}"}, sk={"S": kind}, key={"S": key})

    def item(self, **attributes: Any) -> None:
        table = self.platform.stack.outputs["TableName"]
        self.platform.cloud.client("dynamodb").put_item(TableName=table, Item=attributes)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shelf(real: LocalPlatform) -> Shelf:
    """A recording of some megabytes, kept as fetch_recording keeps one."""
    made = Shelf(str(uuid.uuid4()), real)
    key = f"CON-1/{made.recording}"
    await asyncio.to_thread(made.put, "record", f"recordings/{key}", AUDIO, "audio/mpeg")
    text = json.dumps({"text": "hello"}).encode()
    await asyncio.to_thread(
        made.put, "transcription", f"transcripts/{key}", text, "application/json"
    )
    return made


async def test_the_items_of_a_conversation_are_shown_as_they_are_kept(page: ConsoleClient) -> None:
    leg = await page.ring()
    conversation = leg["conversation_uuid"]

    async def are_kept() -> bool:
        found = await page.get(f"/api/conversations/{conversation}/items")
        return {"started", "answered"} <= {item.get("status") for item in found["items"]}

    await until(are_kept)
    items = (await page.get(f"/api/conversations/{conversation}/items"))["items"]
    assert {item["pk"] for item in items} == {conversation}
    started = next(item for item in items if item["status"] == "started")
    assert started["from"] == "447700900123"
    assert isinstance(started["expires_at"], int)


async def test_a_value_of_every_kind_is_shown_as_plain_json(
    page: ConsoleClient, shelf: Shelf
) -> None:
    conversation = f"CON-{uuid.uuid4()}"
    shelf.item(
        pk={"S": conversation},
        sk={"S": "x"},
        whole={"N": "12345678901234567890"},
        half={"N": "0.5"},
        nothing={"NULL": True},
        yes={"BOOL": True},
        raw={"B": b"\x00\xff"},
        list={"L": [{"N": "1"}, {"S": "<b>"}]},
        map={"M": {"a": {"N": "2"}}},
        numbers={"NS": ["3", "1"]},
        words={"SS": ["b", "a"]},
    )
    (item,) = (await page.get(f"/api/conversations/{conversation}/items"))["items"]
    assert item == {
        "pk": conversation,
        "sk": "x",
        "whole": 12345678901234567890,
        "half": 0.5,
        "nothing": None,
        "yes": True,
        "raw": "AP8=",
        "list": [1, "<b>"],
        "map": {"a": 2},
        "numbers": [1, 3],
        "words": ["a", "b"],
    }


async def test_a_conversation_of_which_nothing_is_kept_has_no_items(page: ConsoleClient) -> None:
    assert await page.get("/api/conversations/CON-none/items") == {"items": []}


@pytest.mark.parametrize("name", ["a%2Fb", "%00", "a%20b", "x" * 200, "%23", "..%2f.."])
async def test_what_is_no_identifier_is_not_looked_up(page: ConsoleClient, name: str) -> None:
    await page.get(f"/api/conversations/{name}/items", 404)
    await page.get(f"/api/recordings/{name}/audio", 404)


async def test_a_recording_is_shown_with_its_transcript(page: ConsoleClient, shelf: Shelf) -> None:
    told = await page.get(f"/api/recordings/{shelf.recording}")
    assert told["archive"]["key"].startswith("recordings/")
    assert told["transcript"]["key"].startswith("transcripts/")


async def test_a_recording_that_is_not_kept_yet_is_shown_as_nothing(page: ConsoleClient) -> None:
    name = str(uuid.uuid4())
    assert await page.get(f"/api/recordings/{name}") == {"archive": None, "transcript": None}
    for part in ("audio", "transcript"):
        told = await page.get(f"/api/recordings/{name}/{part}", 404)
        assert told["title"] == "Not Found"


async def get(
    page: ConsoleClient, shelf: Shelf, part: str = "audio", **headers: str
) -> tuple[Any, bytes]:
    url = f"{page.url}/api/recordings/{shelf.recording}/{part}"
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with page.http.get(url, headers=given) as reply:
        return reply, await reply.read()


async def test_a_recording_is_sent_whole(page: ConsoleClient, shelf: Shelf) -> None:
    reply, content = await get(page, shelf)
    assert (reply.status, reply.content_type) == (200, "audio/mpeg")
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert content == AUDIO


async def test_a_transcript_is_sent(page: ConsoleClient, shelf: Shelf) -> None:
    reply, content = await get(page, shelf, "transcript")
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(content) == {"text": "hello"}


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        ("bytes=100-199", 100, 200),
        ("BYTES=100-199", 100, 200),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        (f"bytes=5-{SIZE * 9}", 5, SIZE),
        ("bytes=-10", SIZE - 10, SIZE),
        (f"bytes=-{SIZE * 9}", 0, SIZE),
        ("bytes=4194300-4194310", 4194300, 4194311),
    ],
)
async def test_a_part_is_sent_as_206(
    page: ConsoleClient, shelf: Shelf, asked: str, first: int, end: int
) -> None:
    reply, content = await get(page, shelf, Range=asked)
    assert reply.status == 206
    assert reply.headers["Content-Range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert int(reply.headers["Content-Length"]) == end - first
    assert content == AUDIO[first:end]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
async def test_a_part_that_is_not_there_is_416(
    page: ConsoleClient, shelf: Shelf, asked: str
) -> None:
    reply, content = await get(page, shelf, Range=asked)
    assert (reply.status, content) == (416, b"")
    assert reply.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=-", "bytes=9-3", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes", "bytes=1-2-3"],
)
async def test_what_is_no_single_range_is_answered_with_all_of_it(
    page: ConsoleClient, shelf: Shelf, asked: str
) -> None:
    reply, content = await get(page, shelf, Range=asked)
    assert (reply.status, len(content)) == (200, SIZE)


async def test_a_part_of_another_object_than_the_browser_has_is_not_sent(
    page: ConsoleClient, shelf: Shelf
) -> None:
    reply, _ = await get(page, shelf)
    same, _ = await get(page, shelf, Range="bytes=0-9", If_Range=reply.headers["ETag"])
    other, _ = await get(page, shelf, Range="bytes=0-9", If_Range='"other"')
    assert (same.status, other.status) == (206, 200)


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/javascript", ""])
async def test_what_could_be_a_page_is_sent_as_none(
    page: ConsoleClient, real: LocalPlatform, kind: str
) -> None:
    other = Shelf(str(uuid.uuid4()), real)
    await asyncio.to_thread(other.put, "record", f"recordings/{other.recording}", b"<b>", kind)
    reply, _ = await get(page, other)
    assert reply.content_type == "application/octet-stream"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_empty_object_is_sent_as_nothing(page: ConsoleClient, real: LocalPlatform) -> None:
    other = Shelf(str(uuid.uuid4()), real)
    await asyncio.to_thread(other.put, "record", f"recordings/{other.recording}", b"", "audio/wav")
    assert (await get(page, other))[1] == b""
    assert (await get(page, other, Range="bytes=0-"))[0].status == 416


async def test_an_item_whose_object_is_gone_is_explained(
    page: ConsoleClient, real: LocalPlatform
) -> None:
    other = Shelf(str(uuid.uuid4()), real)
    other.item(
        pk={"S": f"recording#{other.recording}"}, sk={"S": "record"}, key={"S": "recordings/gone"}
    )
    told = await page.get(f"/api/recordings/{other.recording}/audio", 502)
    assert told["title"] == "The bucket cannot be read"


async def test_a_page_that_stops_listening_holds_nobody_up(
    page: ConsoleClient, shelf: Shelf
) -> None:
    url = f"{page.url}/api/recordings/{shelf.recording}/audio"
    async with aiohttp.ClientSession() as http:
        stalled = [await http.get(url) for _ in range(12)]
        assert (await get(page, shelf))[1] == AUDIO
        for reply in stalled:
            reply.close()


async def test_without_a_table_there_are_no_items(booth: ConsoleHarness) -> None:
    assert await booth.page.get("/api/conversations/CON-1/items") == {"items": []}
    await booth.page.get("/api/recordings/1/audio", 404)
