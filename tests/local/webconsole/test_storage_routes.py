"""The routes for stored events, recordings and transcripts."""

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

AUDIO = bytes(range(256)) * 40_000  # 10,240,000 bytes, more than one chunk
SIZE = len(AUDIO)


@dataclass(frozen=True)
class StoredRecording:
    """Writes a recording and its transcript, as fetch_recording stores them."""

    uuid: str
    platform: LocalPlatform

    def put(self, kind: str, key: str, content: bytes, content_type: str) -> None:
        bucket = self.platform.stack.outputs["BucketName"]
        self.platform.moto.client("s3").put_object(
            Bucket=bucket, Key=key, Body=content, ContentType=content_type
        )
        self.item(pk={"S": f"recording#{self.uuid}"}, sk={"S": kind}, key={"S": key})

    def item(self, **attributes: Any) -> None:
        table = self.platform.stack.outputs["TableName"]
        self.platform.moto.client("dynamodb").put_item(TableName=table, Item=attributes)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stored(real: LocalPlatform) -> StoredRecording:
    """A stored recording of several megabytes, with a transcript."""
    recording = StoredRecording(str(uuid.uuid4()), real)
    key = f"CON-1/{recording.uuid}"
    await asyncio.to_thread(recording.put, "record", f"recordings/{key}", AUDIO, "audio/mpeg")
    text = json.dumps({"text": "hello"}).encode()
    await asyncio.to_thread(
        recording.put, "transcription", f"transcripts/{key}", text, "application/json"
    )
    return recording


async def test_returns_the_stored_items_of_a_conversation(client: ConsoleClient) -> None:
    leg = await client.place_call()
    conversation = leg["conversation_uuid"]

    async def are_stored() -> bool:
        response = await client.get(f"/api/conversations/{conversation}/items")
        return {"started", "answered"} <= {item.get("status") for item in response["items"]}

    await until(are_stored)
    items = (await client.get(f"/api/conversations/{conversation}/items"))["items"]
    assert {item["pk"] for item in items} == {conversation}
    started = next(item for item in items if item["status"] == "started")
    assert started["from"] == "447700900123"
    assert isinstance(started["expires_at"], int)


async def test_converts_every_dynamodb_type_to_plain_json(
    client: ConsoleClient, stored: StoredRecording
) -> None:
    conversation = f"CON-{uuid.uuid4()}"
    stored.item(
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
    (item,) = (await client.get(f"/api/conversations/{conversation}/items"))["items"]
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


async def test_returns_no_items_for_an_unknown_conversation(client: ConsoleClient) -> None:
    assert await client.get("/api/conversations/CON-none/items") == {"items": []}


@pytest.mark.parametrize("name", ["a%2Fb", "%00", "a%20b", "x" * 200, "%23", "..%2f.."])
async def test_does_not_look_up_an_invalid_identifier(client: ConsoleClient, name: str) -> None:
    await client.get(f"/api/conversations/{name}/items", 404)
    await client.get(f"/api/recordings/{name}/audio", 404)


async def test_returns_a_recording_with_its_transcript(
    client: ConsoleClient, stored: StoredRecording
) -> None:
    response = await client.get(f"/api/recordings/{stored.uuid}")
    assert response["archive"]["key"].startswith("recordings/")
    assert response["transcript"]["key"].startswith("transcripts/")


async def test_returns_nulls_for_a_recording_that_is_not_stored_yet(client: ConsoleClient) -> None:
    name = str(uuid.uuid4())
    assert await client.get(f"/api/recordings/{name}") == {"archive": None, "transcript": None}
    for part in ("audio", "transcript"):
        response = await client.get(f"/api/recordings/{name}/{part}", 404)
        assert response["title"] == "Not Found"


async def get(
    client: ConsoleClient, stored: StoredRecording, part: str = "audio", **headers: str
) -> tuple[Any, bytes]:
    url = f"{client.url}/api/recordings/{stored.uuid}/{part}"
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.http.get(url, headers=fields) as response:
        return response, await response.read()


async def test_sends_a_whole_recording(client: ConsoleClient, stored: StoredRecording) -> None:
    response, content = await get(client, stored)
    assert (response.status, response.content_type) == (200, "audio/mpeg")
    assert response.headers["Accept-Ranges"] == "bytes"
    assert content == AUDIO


async def test_sends_a_transcript(client: ConsoleClient, stored: StoredRecording) -> None:
    response, content = await get(client, stored, "transcript")
    assert (response.status, response.content_type) == (200, "application/json")
    assert json.loads(content) == {"text": "hello"}


@pytest.mark.parametrize(
    ("header", "first", "end"),
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
async def test_sends_a_range_with_206(
    client: ConsoleClient, stored: StoredRecording, header: str, first: int, end: int
) -> None:
    response, content = await get(client, stored, Range=header)
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert int(response.headers["Content-Length"]) == end - first
    assert content == AUDIO[first:end]


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
async def test_rejects_an_unsatisfiable_range_with_416(
    client: ConsoleClient, stored: StoredRecording, header: str
) -> None:
    response, content = await get(client, stored, Range=header)
    assert (response.status, content) == (416, b"")
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "header",
    ["bytes=-", "bytes=9-3", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes", "bytes=1-2-3"],
)
async def test_ignores_a_header_that_is_not_a_single_range(
    client: ConsoleClient, stored: StoredRecording, header: str
) -> None:
    response, content = await get(client, stored, Range=header)
    assert (response.status, len(content)) == (200, SIZE)


async def test_sends_everything_if_the_browser_has_another_version(
    client: ConsoleClient, stored: StoredRecording
) -> None:
    response, _ = await get(client, stored)
    same, _ = await get(client, stored, Range="bytes=0-9", If_Range=response.headers["ETag"])
    other, _ = await get(client, stored, Range="bytes=0-9", If_Range='"other"')
    assert (same.status, other.status) == (206, 200)


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "text/javascript", ""])
async def test_sends_active_content_as_octet_stream(
    client: ConsoleClient, real: LocalPlatform, kind: str
) -> None:
    other = StoredRecording(str(uuid.uuid4()), real)
    await asyncio.to_thread(other.put, "record", f"recordings/{other.uuid}", b"<b>", kind)
    response, _ = await get(client, other)
    assert response.content_type == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_sends_an_empty_object(client: ConsoleClient, real: LocalPlatform) -> None:
    other = StoredRecording(str(uuid.uuid4()), real)
    await asyncio.to_thread(other.put, "record", f"recordings/{other.uuid}", b"", "audio/wav")
    assert (await get(client, other))[1] == b""
    assert (await get(client, other, Range="bytes=0-"))[0].status == 416


async def test_returns_502_if_the_object_is_missing(
    client: ConsoleClient, real: LocalPlatform
) -> None:
    other = StoredRecording(str(uuid.uuid4()), real)
    other.item(
        pk={"S": f"recording#{other.uuid}"}, sk={"S": "record"}, key={"S": "recordings/gone"}
    )
    response = await client.get(f"/api/recordings/{other.uuid}/audio", 502)
    assert response["title"] == "The bucket cannot be read"


async def test_stalled_downloads_do_not_block_others(
    client: ConsoleClient, stored: StoredRecording
) -> None:
    url = f"{client.url}/api/recordings/{stored.uuid}/audio"
    async with aiohttp.ClientSession() as http:
        stalled = [await http.get(url) for _ in range(12)]
        assert (await get(client, stored))[1] == AUDIO
        for response in stalled:
            response.close()


async def test_returns_no_items_without_a_table(harness: ConsoleHarness) -> None:
    assert await harness.client.get("/api/conversations/CON-1/items") == {"items": []}
    await harness.client.get("/api/recordings/1/audio", 404)
