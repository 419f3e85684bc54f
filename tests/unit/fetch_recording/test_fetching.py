"""The function with faults of AWS and Vonage.

After the faults, each recording is in the bucket once and unchanged, or in the dead-letter queue
with the reason. No multipart upload is open.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fetch_recording.bucket import PART
from local.aws import template as templates
from tests.support.function_process import FunctionProcesses
from tests.support.recording_stack import message
from tests.support.webhooks import conversation, transcribed

from .conftest import LARGE, PACKAGES, SMALL

if TYPE_CHECKING:
    from .conftest import FetchHarness, SampleRecording


def assert_stored_once(harness: FetchHarness, recording: SampleRecording) -> None:
    storage = harness.storage
    stored = storage.objects(recording.uuid)
    assert list(stored) == [recording.key]
    assert stored[recording.key].body == recording.content
    (archive,) = storage.items(f"recording#{recording.uuid}")
    assert (archive["sha256"], archive["size"]) == (recording.sha256, str(len(recording.content)))
    assert len(storage.items(recording.conversation)) == 1
    assert recording.key not in storage.uploads()
    assert not storage.dead()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_recording_is_stored_with_its_metadata_and_item(
    harness: FetchHarness, content: bytes
) -> None:
    # given a recording
    recording = harness.recording(content)
    # when its message is delivered
    assert harness.failed(recording.body) == 0
    # then it is in the bucket, and its item is in the table
    assert_stored_once(harness, recording)
    stored = harness.storage.objects(recording.uuid)[recording.key]
    assert stored.content_type == "audio/wav"
    assert stored.metadata == {
        "conversation": recording.conversation,
        "recording": recording.uuid,
        "start": "2026-03-29T21:19:05Z",
        "end": "2026-03-29T21:20:05Z",
        "channels": "1",
    }
    (archive,) = harness.storage.items(f"recording#{recording.uuid}")
    assert archive["sk"] == "record"
    assert archive["key"] == recording.key
    assert float(archive["seconds"]) == round((len(content) - 44) / 32000, 3)
    assert archive["channels"] == "1"
    assert archive["start_time"] == "2026-03-29T21:19:05Z"


def test_the_event_of_a_recording_is_stored_like_any_other(harness: FetchHarness) -> None:
    recording = harness.recording()
    harness.deliver(recording.body)
    (item,) = harness.storage.items(recording.conversation)
    assert (item["kind"], item["method"]) == ("record", "POST")
    assert json.loads(item["body"]) == recording.fields


def test_a_transcript_is_stored_with_its_recording(harness: FetchHarness) -> None:
    recording = harness.recording()
    text = json.dumps({"ver": "1.0.0", "channels": []}).encode()
    url = harness.files.put("transcript", text)
    fields = transcribed(
        recording.conversation, recording_uuid=recording.uuid, transcription_url=url
    )
    assert harness.failed(recording.body, message(fields)) == 0
    key = f"transcripts/{recording.conversation}/{recording.uuid}"
    stored = harness.storage.objects(recording.uuid)[key]
    assert (stored.body, stored.content_type) == (text, "application/json")
    kinds = [item["sk"] for item in harness.storage.items(f"recording#{recording.uuid}")]
    assert kinds == ["record", "transcription"]


def test_a_stored_recording_is_not_fetched_again(harness: FetchHarness) -> None:
    recording = harness.recording()
    for _ in range(3):
        assert harness.failed(recording.body) == 0
    assert len(harness.files.asked) == 1
    assert_stored_once(harness, recording)


def test_a_missing_item_is_rebuilt_from_the_stored_object(
    harness: FetchHarness,
) -> None:
    # given a recording in the bucket without its item
    recording = harness.recording(LARGE)
    harness.deliver(recording.body)
    key = {"pk": {"S": f"recording#{recording.uuid}"}, "sk": {"S": "record"}}
    harness.storage.clients["dynamodb"].delete_item(TableName=harness.storage.table, Key=key)
    # when its message is delivered again
    assert harness.failed(recording.body) == 0
    # then its item is stored, and it was downloaded once
    assert_stored_once(harness, recording)
    assert len(harness.files.asked) == 1


@pytest.mark.parametrize(
    ("content", "upload"),
    [
        (SMALL, {"PutObject": 1}),
        (
            LARGE,
            {
                "CreateMultipartUpload": 1,
                "UploadPart": -(-len(LARGE) // PART),
                "CompleteMultipartUpload": 1,
                "ListMultipartUploads": 1,
            },
        ),
    ],
    ids=["small", "large"],
)
def test_aws_requests_of_a_recording(
    harness: FetchHarness, content: bytes, upload: dict[str, int]
) -> None:
    """Looks once for the object; S3's success then needs no second look."""
    assert harness.failed(harness.recording().body) == 0  # the secret is read
    harness.storage.aws.asked.clear()
    assert harness.failed(harness.recording(content).body) == 0
    assert harness.storage.aws.asked == {"PutItem": 2, "HeadObject": 1} | upload


# Faults of Vonage


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        *((status, SMALL) for status in (401, 403, 404, 408, 429, 500, 502, 503)),
        *(
            (fault, content)
            for fault in ("cut", "half", "short", "long", "no length", "two lengths")
            for content in (SMALL, LARGE)
        ),
    ],
    ids=lambda it: f"{len(it)} bytes" if isinstance(it, bytes) else str(it),
)
def test_after_a_temporary_fault_of_vonage_the_recording_is_retried(
    harness: FetchHarness, fault: Any, content: bytes
) -> None:
    recording = harness.recording(content)
    harness.files.faults = [fault]
    # A download that is too long is cut off at its expected end, chunks have a length of their own,
    # and without any length, it is enough that the event's size arrives. 401 refreshes an old key.
    harmless = fault in ("long", "no length", "two lengths")
    assert harness.until_done(recording.body) == (1 if harmless else 2) or fault == 401
    assert_stored_once(harness, recording)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [([410], "gone"), ([400], "refused"), ([451], "refused")],
)
def test_a_recording_that_vonage_no_longer_has_goes_to_the_dead_letter_queue(
    harness: FetchHarness, faults: list[Any], reason: str
) -> None:
    recording = harness.recording()
    harness.files.faults = list(faults)
    assert harness.until_done(recording.body) == len(faults)
    (dead,) = harness.storage.dead()
    assert (dead.reason, dead.attempts) == (reason, str(len(faults)))
    assert dead.body == recording.body


def test_a_file_that_is_not_found_is_gone_once_its_event_is_five_first_pauses_old(
    harness: FetchHarness,
) -> None:
    recording = harness.recording()
    recording.received_at += 30  # still new after seven attempts; the first pause is a second
    harness.files.faults = [404] * 6
    assert harness.until_done(recording.body) == 7
    assert_stored_once(harness, recording)
    other = harness.recording()
    other.received_at -= 6
    harness.files.faults = [404]
    assert harness.failed(other.body) == 0
    assert [dead.reason for dead in harness.storage.dead()] == ["gone"]


def test_the_seventh_failure_goes_to_the_dead_letter_queue(harness: FetchHarness) -> None:
    recording = harness.recording()
    harness.files.faults = [500] * 7
    assert harness.until_done(recording.body) == 7
    (dead,) = harness.storage.dead()
    assert (dead.reason, dead.attempts) == ("failed_too_often", "7")


@pytest.mark.parametrize(
    ("content", "changes", "reason"),
    [
        (b"<html>not found</html>", {}, "not_audio"),
        (b'{"a": 1}', {}, "not_audio"),
        (b"", {"size": 5}, "empty"),
        (SMALL, {"size": 0}, "empty"),
        (SMALL, {"recording_url": ""}, "empty"),
        (SMALL, {"recording_url": "https://evil.test/v1/files/x?nexmo.com"}, "url_host"),
        (SMALL, {"recording_url": "http://api.nexmo.com/v1/files/x"}, "url_scheme"),
        (SMALL, {"recording_uuid": "../../x"}, "malformed"),
        (SMALL, {"recording_uuid": "."}, "malformed"),
        (SMALL, {"recording_uuid": ".."}, "malformed"),
        (SMALL, {"recording_uuid": 7}, "malformed"),
        (SMALL, {"recording_uuid": None}, "malformed"),
    ],
)
def test_after_a_permanent_failure_the_event_is_stored_and_the_message_is_dead(
    harness: FetchHarness, content: bytes, changes: dict[str, Any], reason: str
) -> None:
    recording = harness.recording(content, **changes)
    assert harness.failed(recording.body) == 0
    (dead,) = harness.storage.dead()
    assert dead.reason == reason
    assert not harness.storage.objects(recording.uuid)
    (item,) = harness.storage.items(recording.conversation)
    assert json.loads(item["body"]) == recording.fields


# What the URL of a recording says about it

LABELED = {"purpose": "voicemail", "line": "442079460000", "flow": "reception", "transcript": "1"}
LABELS = {"purpose": "voicemail", "line": "442079460000", "flow": "reception"}


def test_a_message_of_a_caller_is_labeled_and_listed_by_its_month(harness: FetchHarness) -> None:
    recording = harness.recording()
    recording.state = LABELED
    assert harness.failed(recording.body) == 0
    (item,) = harness.storage.items(f"recording#{recording.uuid}")
    assert {name: item[name] for name in LABELS} == LABELS
    assert item["expects_transcript"] == "1"
    assert (item["sk"], item["day"]) == ("record", f"voicemail#{item['stored_at'][:7]}")


def test_another_recording_is_not_listed(harness: FetchHarness) -> None:
    recording = harness.recording()
    assert harness.failed(recording.body) == 0
    (item,) = harness.storage.items(f"recording#{recording.uuid}")
    assert not {"purpose", "line", "flow", "expects_transcript", "day"} & set(item)


def test_a_recording_that_is_given_up_is_recorded_once_as_lost(harness: FetchHarness) -> None:
    recording = harness.recording(size=0)
    recording.state = LABELED
    for _ in range(2):  # the second time after a redrive
        assert harness.failed(recording.body) == 0
    assert len(harness.storage.dead()) == 2
    (item,) = harness.storage.items(f"recording#{recording.uuid}")
    assert (item["sk"], item["kind"], item["reason"]) == ("lost", "lost", "empty")
    assert item["conversation"] == recording.conversation
    assert {name: item[name] for name in LABELS} == LABELS
    assert int(item["expires_at"]) > 0


def test_a_transcript_that_is_given_up_is_not_a_lost_recording(harness: FetchHarness) -> None:
    fields = transcribed(conversation(), recording_uuid=str(uuid.uuid4()), transcription_url="x")
    assert harness.failed(message(fields)) == 0
    assert len(harness.storage.dead()) == 1
    assert harness.storage.items(f"recording#{fields['recording_uuid']}") == []


def test_a_lost_recording_that_the_table_does_not_take_is_retried_and_dies_at_last(
    harness: FetchHarness,
) -> None:
    # The event is stored first, and then the item of the lost recording.
    harness.storage.aws.watch = lambda operation, count, when: (
        "refuse" if operation == "PutItem" and when == "before" and count % 2 == 0 else None
    )
    other = harness.recording(size=0)
    assert harness.failed(other.body, attempt=7) == 1
    assert harness.storage.dead() == []
    assert harness.failed(other.body, attempt=8) == 0
    (dead,) = harness.storage.dead()
    assert (dead.reason, dead.attempts) == ("empty", "8")
    assert harness.storage.items(f"recording#{other.uuid}") == []


def test_a_recording_over_the_size_limit_goes_to_the_dead_letter_queue(
    harness: FetchHarness,
) -> None:
    recording = harness.recording(SMALL + bytes(33 * 1024 * 1024))
    assert harness.failed(recording.body) == 0
    assert [dead.reason for dead in harness.storage.dead()] == ["too_large"]


@pytest.mark.parametrize("body", ["", "x", "[]", "{}", '{"method": "POST"}', "[" * 10_000])
def test_a_malformed_message_does_not_block_its_batch(harness: FetchHarness, body: str) -> None:
    recording = harness.recording()
    records = [harness.storage.record(body or " "), harness.storage.record(recording.body)]
    result = harness.functions("fetch_recording", {"Records": records}, 300.0)
    assert result.reply == {"batchItemFailures": []}
    assert [dead.reason for dead in harness.storage.dead()] == ["malformed"]
    assert_stored_once(harness, recording)


def test_only_the_message_that_fails_stays_on_the_queue(harness: FetchHarness) -> None:
    good, bad = harness.recording(), harness.recording()
    harness.files.faults = [500]
    records = [harness.storage.record(one.body) for one in (bad, good)]
    result = harness.functions("fetch_recording", {"Records": records}, 300.0)
    failures = [one["itemIdentifier"] for one in result.reply["batchItemFailures"]]
    assert failures == [records[0]["messageId"]]
    assert_stored_once(harness, good)


# Faults of AWS


@pytest.mark.parametrize(
    ("fault", "when"), [("throttle", "before"), ("cut", "before"), ("cut", "after")]
)
@pytest.mark.parametrize(
    ("operation", "count"),
    [
        ("PutItem", 1),
        ("HeadObject", 1),
        ("GetSecretValue", 1),
        ("CreateMultipartUpload", 1),
        ("UploadPart", 1),
        ("UploadPart", 2),
        ("UploadPart", 3),
        ("CompleteMultipartUpload", 1),
        ("PutItem", 2),
        ("ListMultipartUploads", 1),
    ],
)
def test_an_aws_fault_at_any_step_loses_nothing(
    harness: FetchHarness, operation: str, count: int, when: str, fault: Any
) -> None:
    """Each fault lasts for all three attempts of boto3."""
    recording = harness.recording(LARGE)
    left = 3

    def watch(asked: str, number: int, at: str) -> Any:
        nonlocal left
        if (asked, at) == (operation, when) and number >= count and left:
            left -= 1
            return fault
        return None

    harness.storage.aws.watch = watch
    harness.until_done(recording.body)
    assert left == 0 or operation == "GetSecretValue"  # whose value is cached
    assert_stored_once(harness, recording)


@pytest.mark.parametrize(
    ("fault", "when", "looks"),
    [("throttle", "before", 1), ("cut", "before", 1), ("cut", "after", 2)],
)
def test_an_object_whose_response_was_lost_is_verified(
    harness: FetchHarness, fault: Any, when: str, looks: int
) -> None:
    # given a request that boto3 repeats, after S3 stored the object or before
    recording = harness.recording()
    harness.storage.aws.watch = lambda asked, number, at: (
        fault if (asked, number, at) == ("PutObject", 1, when) else None
    )
    # when the recording is fetched
    assert harness.failed(recording.body) == 0
    # then it is stored, and looked for again only if the repetition found it
    assert harness.storage.aws.asked["PutObject"] == 2
    assert harness.storage.aws.asked["HeadObject"] == looks
    assert_stored_once(harness, recording)


def test_concurrent_uploads_store_one_object(harness: FetchHarness) -> None:
    # given another invocation that stores the same recording during the upload
    recording = harness.recording(LARGE)
    storage = harness.storage

    def watch(asked: str, number: int, at: str) -> Any:
        if (asked, number, at) == ("CompleteMultipartUpload", 1, "before"):
            storage.clients["s3"].put_object(
                Bucket=storage.bucket,
                Key=recording.key,
                Body=recording.content,
                ChecksumAlgorithm="CRC32",
            )
        return None

    storage.aws.watch = watch
    # when the upload completes second
    assert harness.failed(recording.body) == 0
    # then the stored object is verified, and the upload is aborted
    assert_stored_once(harness, recording)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_another_file_under_the_key_is_kept_and_reported(
    harness: FetchHarness, content: bytes
) -> None:
    recording = harness.recording(content)
    storage = harness.storage

    def watch(asked: str, number: int, at: str) -> Any:
        if asked in ("CompleteMultipartUpload", "PutObject") and at == "before":
            storage.clients["s3"].put_object(
                Bucket=storage.bucket, Key=recording.key, Body=b"other"
            )
        return None

    storage.aws.watch = watch
    assert harness.failed(recording.body) == 0
    assert [dead.reason for dead in storage.dead()] == ["differs"]
    assert storage.objects(recording.uuid)[recording.key].body == b"other"
    assert recording.key not in storage.uploads()


def test_a_stale_upload_is_aborted(harness: FetchHarness) -> None:
    recording = harness.recording(LARGE)
    storage = harness.storage
    storage.clients["s3"].create_multipart_upload(Bucket=storage.bucket, Key=recording.key)
    assert harness.failed(recording.body) == 0
    assert_stored_once(harness, recording)


def test_a_stored_recording_is_done_although_stale_uploads_cannot_be_listed(
    harness: FetchHarness,
) -> None:
    recording = harness.recording(LARGE)
    harness.storage.aws.faults["ListMultipartUploads"] = "refuse"
    assert harness.failed(recording.body) == 0
    assert_stored_once(harness, recording)


def test_if_the_dead_letter_queue_fails_the_message_stays_on_its_queue(
    harness: FetchHarness,
) -> None:
    recording = harness.recording(size=0)
    harness.storage.aws.faults["SendMessage"] = "error"
    assert harness.failed(recording.body) == 1
    harness.storage.aws.reset()
    assert harness.failed(recording.body) == 0
    assert [dead.reason for dead in harness.storage.dead()] == ["empty"]


# Time limit and retries


def test_with_too_little_time_left_an_attempt_fails(harness: FetchHarness) -> None:
    recording = harness.recording()
    assert harness.failed(recording.body, attempt=6, seconds_left=94.0) == 1
    assert harness.storage.aws.asked["ChangeMessageVisibility"] == 1
    assert harness.failed(recording.body, attempt=7, seconds_left=94.0) == 0
    (dead,) = harness.storage.dead()
    assert dead.reason == "failed_too_often"
    assert not harness.files.asked


def test_a_failure_changes_the_visibility_timeout(harness: FetchHarness) -> None:
    recording = harness.recording()
    harness.files.faults = [500]
    assert harness.failed(recording.body) == 1
    assert harness.storage.aws.asked["ChangeMessageVisibility"] == 1


# Log


def test_no_log_line_contains_a_url_token_or_key(
    harness: FetchHarness, capfd: pytest.CaptureFixture[str]
) -> None:
    good, bad = harness.recording(), harness.recording(recording_url="https://evil.test/x")
    harness.files.faults = [500]
    environment = harness.storage.environment()
    with FunctionProcesses(environment, PACKAGES) as own:  # its standard error is captured
        fresh = replace(harness, functions=own)
        fresh.deliver(good.body)
        fresh.deliver(good.body, bad.body)
    output = capfd.readouterr().err
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    outcomes = [line["outcome"] for line in lines if line.get("message") == "recording"]
    assert outcomes == ["failed", "stored", "dead"]
    assert "https://" not in output.replace("https://docs", "")
    assert "Bearer" not in output
    assert "PRIVATE KEY" not in output
    assert not [token for token in harness.files.tokens if token.removeprefix("Bearer ") in output]


# IAM role


# The IAM actions of each operation (AWS service authorization reference).
ACTIONS = {
    "PutItem": {"dynamodb:PutItem"},
    "GetItem": {"dynamodb:GetItem"},
    "HeadObject": {"s3:GetObject", "s3:ListBucket"},  # without the second, 403 instead of 404
    "GetObject": {"s3:GetObject"},
    "PutObject": {"s3:PutObject"},
    "CreateMultipartUpload": {"s3:PutObject"},
    "UploadPart": {"s3:PutObject"},
    "CompleteMultipartUpload": {"s3:PutObject"},
    "AbortMultipartUpload": {"s3:AbortMultipartUpload"},
    "ListMultipartUploads": {"s3:ListBucketMultipartUploads"},
    "GetSecretValue": {"secretsmanager:GetSecretValue"},
    "SendMessage": {"sqs:SendMessage"},
    "ChangeMessageVisibility": {"sqs:ChangeMessageVisibility"},
}
# The actions of the Lambda service itself.
SERVICE_ACTIONS = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
}


def test_the_role_allows_exactly_the_actions_of_the_function(
    harness: FetchHarness,
) -> None:
    storage = harness.storage
    recording = harness.recording(LARGE)
    harness.files.faults = ["cut"]
    with FunctionProcesses(storage.environment(), PACKAGES) as functions:
        fresh = replace(harness, functions=functions)
        fresh.until_done(recording.body)  # an upload is aborted
        fresh.until_done(recording.body)  # a repeat
        key = {"pk": {"S": f"recording#{recording.uuid}"}, "sk": {"S": "record"}}
        storage.clients["dynamodb"].delete_item(TableName=storage.table, Key=key)
        fresh.until_done(recording.body)  # the stored object is read
        fresh.until_done(harness.recording().body)
        fresh.until_done(harness.recording(size=0).body)
    used = set[str]().union(*(ACTIONS[operation] for operation in storage.aws.asked))
    assert used == _granted() - SERVICE_ACTIONS


def _granted() -> set[str]:
    path = Path(__file__).parents[3] / "template.yaml"
    role = templates.read(path, "eu-west-1", {}, {}).resources["FetchRecordingRole"]
    (policy,) = role["Properties"]["Policies"]
    found: set[str] = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        found.update([actions] if isinstance(actions, str) else actions)
    return found
