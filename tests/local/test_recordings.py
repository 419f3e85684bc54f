"""Recordings on the local platform, from the call to the bucket, with faults of Vonage."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from local.local_platform import LocalPlatform, PlatformOptions
from vonage_client import TokenSource, UrlAllowlist, VoiceClient, open_download, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import requests

ROOT = Path(__file__).parents[2]
SPEED = 10.0
PATIENCE = 30.0  # seconds
CALLER, CALLEE = "447700900000", "447700900001"

pytestmark = pytest.mark.asyncio(loop_scope="module")


class RecordingHarness:
    """The platform, and clients to record calls and to inspect what is stored."""

    def __init__(self, platform: LocalPlatform) -> None:
        self.platform = platform
        self.http: requests.Session = session()
        self.http.trust_env = False
        self.http.verify = platform.vonage.ca_file
        keys = platform.credentials
        secret = {"application_id": keys.application_id, "private_key": keys.private_key}
        self.tokens = TokenSource(lambda: json.dumps(secret))
        self.voice = VoiceClient(self.http, self.tokens, base_url=platform.vonage.tls_url)
        self.s3 = platform.moto.client("s3")
        self.bucket = platform.stack.outputs["BucketName"]

    async def record(self, **options: Any) -> str:
        """Place a call with a recording, and return the conversation's UUID."""
        url = f"{self.platform.api_url}/webhooks/recordings"
        ncco = [
            {"action": "record", "endOnSilence": 3, "eventUrl": [url], **options},
            {"action": "talk", "text": "Goodbye."},
        ]
        call = {
            "to": [{"type": "phone", "number": CALLEE}],
            "from": {"type": "phone", "number": CALLER},
            "ncco": ncco,
        }
        placed = await asyncio.to_thread(self.voice.create_call, call)
        return str(placed["conversation_uuid"])

    async def set_faults(self, **faults: Any) -> None:
        """Set exactly these faults of the simulated Vonage."""
        url = f"{self.platform.vonage.http_url}/sim/faults"
        async with aiohttp.ClientSession() as http, http.put(url, json=faults) as response:
            assert response.status == 200, await response.text()

    def items(self, partition: str) -> list[dict[str, str]]:
        """Return the table's items with a partition key."""
        response = self.platform.moto.client("dynamodb").query(
            TableName=self.platform.stack.outputs["TableName"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )
        return [{k: next(iter(v.values())) for k, v in one.items()} for one in response["Items"]]

    async def archived(self, conversation: str, folder: str = "recordings") -> dict[str, str]:
        """Wait until a recording is in the bucket and in the table, and return its table item."""
        async with asyncio.timeout(PATIENCE):
            while True:
                keys = await asyncio.to_thread(self._keys, f"{folder}/{conversation}/")
                for key in keys:
                    items = self.items(f"recording#{key.rpartition('/')[2]}")
                    for item in items:
                        if item["key"] == key:
                            return item
                await asyncio.sleep(0.1)

    async def dead_letter(self) -> dict[str, Any]:
        """Wait for a message in the dead-letter queue, and return its attributes."""
        sqs = self.platform.moto.client("sqs")
        queue = self.platform.stack.outputs["RecordingsDeadLetterQueueUrl"]
        async with asyncio.timeout(PATIENCE):
            while True:
                found = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])
                for message in found.get("Messages", []):
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                    attributes = message["MessageAttributes"].items()
                    return {name: value["StringValue"] for name, value in attributes}
                await asyncio.sleep(0.1)

    def stored(self, archive: dict[str, str]) -> bytes:
        """Return the content of an object in the bucket."""
        response = self.s3.get_object(Bucket=self.bucket, Key=archive["key"])
        return bytes(response["Body"].read())

    def at_vonage(self, conversation: str, kind: str = "record") -> bytes:
        """Return Vonage's own copy of a file, whose URL is in the stored event."""
        (event,) = (item for item in self.items(conversation) if item["kind"] == kind)
        fields = json.loads(event["body"])
        url = fields.get("recording_url") or fields["transcription_url"]
        allowlist = UrlAllowlist(self.platform.vonage.tls_url.removeprefix("https://"))
        with open_download(self.http, self.tokens, allowlist, url, max_bytes=10**8) as download:
            return b"".join(download.chunks())

    def uploads(self) -> list[Any]:
        """Return the open multipart uploads."""
        found = self.s3.list_multipart_uploads(Bucket=self.bucket)
        return list(found.get("Uploads", []))

    def _keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RecordingHarness]:
    """The real application, with retries within one or two seconds."""
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("platform"),
        speed=SPEED,
        environment={"RETRY_SECONDS": "1"},
    )
    async with LocalPlatform(ROOT, options) as platform:
        yield RecordingHarness(platform)


async def assert_stored(harness: RecordingHarness, conversation: str) -> dict[str, str]:
    archive = await harness.archived(conversation)
    stored = harness.stored(archive)
    assert stored == await asyncio.to_thread(harness.at_vonage, conversation)
    assert hashlib.sha256(stored).hexdigest() == archive["sha256"]
    assert not harness.uploads()
    return archive


@pytest.mark.parametrize(
    ("options", "content_type", "channels"),
    [
        ({}, "audio/mpeg", "1"),
        ({"format": "wav"}, "audio/wav", "1"),
        ({"split": "conversation", "channels": 2}, "audio/mpeg", "2"),
        ({"split": "conversation", "channels": 3, "format": "wav"}, "audio/wav", "3"),
    ],
)
async def test_a_recording_of_each_format_is_archived(
    harness: RecordingHarness, options: dict[str, Any], content_type: str, channels: str
) -> None:
    await harness.set_faults()
    archive = await assert_stored(harness, await harness.record(**options))
    assert (archive["content_type"], archive["channels"]) == (content_type, channels)
    assert float(archive["seconds"]) > 2


async def test_a_transcript_is_archived(harness: RecordingHarness) -> None:
    await harness.set_faults()
    conversation = await harness.record(transcription={"language": "en-US"})
    archive = await harness.archived(conversation, "transcripts")
    original = await asyncio.to_thread(harness.at_vonage, conversation, "transcription")
    assert harness.stored(archive) == original
    assert archive["content_type"] == "application/json"


@pytest.mark.parametrize("fault", ["record_truncated", "record_wrong_size"])
async def test_a_transient_fault_of_vonage_is_retried(
    harness: RecordingHarness, fault: str
) -> None:
    await harness.set_faults(**{fault: {"probability": 1, "times": 1}})
    await assert_stored(harness, await harness.record())


async def test_errors_of_vonages_api_are_retried(harness: RecordingHarness) -> None:
    # given a call with a recording
    await harness.set_faults(record_late={"probability": 1, "value": 5})
    conversation = await harness.record()
    # when the API fails twice
    await asyncio.sleep(0.5)
    await harness.set_faults(api_5xx={"probability": 1, "times": 2})
    # then the recording is stored nevertheless
    await assert_stored(harness, conversation)


async def test_an_empty_recording_moves_to_the_dead_letter_queue_with_the_reason(
    harness: RecordingHarness,
) -> None:
    await harness.set_faults(record_empty=1)
    conversation = await harness.record()
    attributes = await harness.dead_letter()
    assert attributes["reason"] == "empty"
    kinds = [item["kind"] for item in harness.items(conversation)]
    assert "record" in kinds  # the event is stored nevertheless


async def test_a_duplicate_webhook_gives_one_recording(harness: RecordingHarness) -> None:
    await harness.set_faults(duplicate_delivery=1)
    conversation = await harness.record()
    await assert_stored(harness, conversation)
    kinds = [item["kind"] for item in harness.items(conversation)]
    assert kinds.count("record") == 1


async def test_an_untrusted_url_moves_to_the_dead_letter_queue_with_the_reason(
    harness: RecordingHarness,
) -> None:
    job = {
        "method": "POST",
        "body": json.dumps(
            {
                "recording_url": "https://nexmo.com.evil.test/v1/files/x",
                "recording_uuid": str(uuid.uuid4()),
                "conversation_uuid": f"CON-{uuid.uuid4()}",
            }
        ),
        "own": [],
        "received_at": 1.0,
    }
    harness.platform.moto.client("sqs").send_message(
        QueueUrl=harness.platform.stack.outputs["RecordingsQueueUrl"], MessageBody=json.dumps(job)
    )
    assert (await harness.dead_letter())["reason"] == "url_host"
