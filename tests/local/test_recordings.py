"""Recordings on the local platform: from the call to the bucket, with Vonage at fault as well."""

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
CALLER, FRIEND = "447700900000", "447700900001"

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Studio:
    """The platform, and calls on it that are recorded."""

    def __init__(self, platform: LocalPlatform) -> None:
        self.platform = platform
        self.http: requests.Session = session()
        self.http.trust_env = False
        self.http.verify = platform.vonage.ca_file
        known = platform.credentials
        secret = {"application_id": known.application_id, "private_key": known.private_key}
        self.tokens = TokenSource(lambda: json.dumps(secret))
        self.voice = VoiceClient(self.http, self.tokens, base_url=platform.vonage.tls_url)
        self.s3 = platform.cloud.client("s3")
        self.bucket = platform.stack.outputs["BucketName"]

    async def record(self, **options: Any) -> str:
        """Place a call on which somebody speaks and is recorded; give the conversation."""
        url = f"{self.platform.api_url}/webhooks/recordings"
        ncco = [
            {"action": "record", "endOnSilence": 3, "eventUrl": [url], **options},
            {"action": "talk", "text": "Goodbye."},
        ]
        call = {
            "to": [{"type": "phone", "number": FRIEND}],
            "from": {"type": "phone", "number": CALLER},
            "ncco": ncco,
        }
        made = await asyncio.to_thread(self.voice.create_call, call)
        return str(made["conversation_uuid"])

    async def faults(self, **knobs: Any) -> None:
        """Turn exactly these of the simulated Vonage's knobs on."""
        url = f"{self.platform.vonage.http_url}/sim/faults"
        async with aiohttp.ClientSession() as http, http.put(url, json=knobs) as reply:
            assert reply.status == 200, await reply.text()

    def items(self, partition: str) -> list[dict[str, str]]:
        """Give what the table keeps in a partition."""
        found = self.platform.cloud.client("dynamodb").query(
            TableName=self.platform.stack.outputs["TableName"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )
        return [{k: next(iter(v.values())) for k, v in one.items()} for one in found["Items"]]

    async def archived(self, conversation: str, folder: str = "recordings") -> dict[str, str]:
        """Wait until a recording is in the bucket and in the table; give what the table says."""
        async with asyncio.timeout(PATIENCE):
            while True:
                keys = await asyncio.to_thread(self._keys, f"{folder}/{conversation}/")
                for key in keys:
                    items = self.items(f"recording#{key.rpartition('/')[2]}")
                    for item in items:
                        if item["key"] == key:
                            return item
                await asyncio.sleep(0.1)

    async def dead(self) -> dict[str, Any]:
        """Wait for a message in the dead-letter queue; give its attributes."""
        sqs = self.platform.cloud.client("sqs")
        queue = self.platform.stack.outputs["RecordingsDeadLetterQueueUrl"]
        async with asyncio.timeout(PATIENCE):
            while True:
                found = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"])
                for message in found.get("Messages", []):
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                    told = message["MessageAttributes"].items()
                    return {name: value["StringValue"] for name, value in told}
                await asyncio.sleep(0.1)

    def stored(self, archive: dict[str, str]) -> bytes:
        """Give what is in the bucket."""
        answer = self.s3.get_object(Bucket=self.bucket, Key=archive["key"])
        return bytes(answer["Body"].read())

    def at_vonage(self, conversation: str, kind: str = "record") -> bytes:
        """Give what Vonage itself has, by the event that the table keeps."""
        (event,) = (item for item in self.items(conversation) if item["kind"] == kind)
        fields = json.loads(event["body"])
        url = fields.get("recording_url") or fields["transcription_url"]
        guard = UrlAllowlist(self.platform.vonage.tls_url.removeprefix("https://"))
        with open_download(self.http, self.tokens, guard, url, max_bytes=10**8) as download:
            return b"".join(download.chunks())

    def uploads(self) -> list[Any]:
        """Give the multipart uploads that are open."""
        found = self.s3.list_multipart_uploads(Bucket=self.bucket)
        return list(found.get("Uploads", []))

    def _keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Studio]:
    """The real application; what failed comes again within a second or two."""
    options = PlatformOptions(
        folder=tmp_path_factory.mktemp("platform"),
        speed=SPEED,
        environment={"RETRY_SECONDS": "1"},
    )
    async with LocalPlatform(ROOT, options) as platform:
        yield Studio(platform)


async def assert_stored(studio: Studio, conversation: str) -> dict[str, str]:
    archive = await studio.archived(conversation)
    stored = studio.stored(archive)
    assert stored == await asyncio.to_thread(studio.at_vonage, conversation)
    assert hashlib.sha256(stored).hexdigest() == archive["sha256"]
    assert not studio.uploads()
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
async def test_a_recording_of_each_form_is_archived(
    studio: Studio, options: dict[str, Any], content_type: str, channels: str
) -> None:
    await studio.faults()
    archive = await assert_stored(studio, await studio.record(**options))
    assert (archive["content_type"], archive["channels"]) == (content_type, channels)
    assert float(archive["seconds"]) > 2


async def test_a_transcript_is_archived(studio: Studio) -> None:
    await studio.faults()
    conversation = await studio.record(transcription={"language": "en-US"})
    archive = await studio.archived(conversation, "transcripts")
    told = await asyncio.to_thread(studio.at_vonage, conversation, "transcription")
    assert studio.stored(archive) == told
    assert archive["content_type"] == "application/json"


@pytest.mark.parametrize("knob", ["record_truncated", "record_wrong_size"])
async def test_a_fault_of_vonages_is_over_with_the_next_attempt(studio: Studio, knob: str) -> None:
    await studio.faults(**{knob: {"probability": 1, "times": 1}})
    await assert_stored(studio, await studio.record())


async def test_a_vonage_whose_api_fails_is_asked_again(studio: Studio) -> None:
    # given a call that is being recorded
    await studio.faults(record_late={"probability": 1, "value": 5})
    conversation = await studio.record()
    # when the API fails for a while
    await asyncio.sleep(0.5)
    await studio.faults(api_5xx={"probability": 1, "times": 2})
    # then the recording is there nevertheless
    await assert_stored(studio, conversation)


async def test_a_recording_without_content_is_dead_with_its_reason(studio: Studio) -> None:
    await studio.faults(record_empty=1)
    conversation = await studio.record()
    told = await studio.dead()
    assert told["reason"] == "empty"
    kinds = [item["kind"] for item in studio.items(conversation)]
    assert "record" in kinds  # the event is kept nevertheless


async def test_a_webhook_that_comes_twice_is_one_recording(studio: Studio) -> None:
    await studio.faults(duplicate_delivery=1)
    conversation = await studio.record()
    await assert_stored(studio, conversation)
    kinds = [item["kind"] for item in studio.items(conversation)]
    assert kinds.count("record") == 1


async def test_an_address_that_is_not_vonages_is_dead_with_its_reason(studio: Studio) -> None:
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
    studio.platform.cloud.client("sqs").send_message(
        QueueUrl=studio.platform.stack.outputs["RecordingsQueueUrl"], MessageBody=json.dumps(job)
    )
    assert (await studio.dead())["reason"] == "url_host"
