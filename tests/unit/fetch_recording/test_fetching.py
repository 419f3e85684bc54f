"""The function before an AWS and a Vonage that fail: each recording is stored once, or it is dead.

When the faults are over, it is in the bucket exactly once with the right bytes, or in the
dead-letter queue with its reason, and no multipart upload is open.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.aws import template as templates
from tests.support.function_process import FunctionProcesses
from tests.support.recording_stack import message
from tests.support.webhooks import transcribed

from .conftest import LARGE, PACKAGES, SMALL

if TYPE_CHECKING:
    from .conftest import FetchHarness, SampleRecording


def assert_stored_once(workshop: FetchHarness, recording: SampleRecording) -> None:
    storage = workshop.storage
    stored = storage.objects(recording.uuid)
    assert list(stored) == [recording.key]
    assert stored[recording.key].body == recording.content
    (archive,) = storage.items(f"recording#{recording.uuid}")
    assert (archive["sha256"], archive["size"]) == (recording.sha256, str(len(recording.content)))
    assert len(storage.items(recording.conversation)) == 1
    assert recording.key not in storage.uploads()
    assert not storage.dead()


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_a_recording_is_stored_with_what_is_known_of_it(
    workshop: FetchHarness, content: bytes
) -> None:
    # given a recording
    recording = workshop.recording(content)
    # when its message comes
    assert workshop.failed(recording.body) == 0
    # then it is in the bucket, and the table says what it is
    assert_stored_once(workshop, recording)
    stored = workshop.storage.objects(recording.uuid)[recording.key]
    assert stored.content_type == "audio/wav"
    assert stored.metadata == {
        "conversation": recording.conversation,
        "recording": recording.uuid,
        "start": "2026-03-29T21:19:05Z",
        "end": "2026-03-29T21:20:05Z",
        "channels": "1",
    }
    (archive,) = workshop.storage.items(f"recording#{recording.uuid}")
    assert archive["sk"] == "record"
    assert archive["key"] == recording.key
    assert float(archive["seconds"]) == round((len(content) - 44) / 32000, 3)
    assert archive["channels"] == "1"
    assert archive["start_time"] == "2026-03-29T21:19:05Z"


def test_the_event_is_kept_like_every_other(workshop: FetchHarness) -> None:
    recording = workshop.recording()
    workshop.deliver(recording.body)
    (kept,) = workshop.storage.items(recording.conversation)
    assert (kept["kind"], kept["method"]) == ("record", "POST")
    assert json.loads(kept["body"]) == recording.fields


def test_a_transcript_is_stored_beside_its_recording(workshop: FetchHarness) -> None:
    recording = workshop.recording()
    text = json.dumps({"ver": "1.0.0", "channels": []}).encode()
    url = workshop.files.put("transcript", text)
    fields = transcribed(
        recording.conversation, recording_uuid=recording.uuid, transcription_url=url
    )
    assert workshop.failed(recording.body, message(fields)) == 0
    key = f"transcripts/{recording.conversation}/{recording.uuid}"
    stored = workshop.storage.objects(recording.uuid)[key]
    assert (stored.body, stored.content_type) == (text, "application/json")
    kinds = [item["sk"] for item in workshop.storage.items(f"recording#{recording.uuid}")]
    assert kinds == ["record", "transcription"]


def test_a_recording_that_is_stored_is_not_fetched_again(workshop: FetchHarness) -> None:
    recording = workshop.recording()
    for _ in range(3):
        assert workshop.failed(recording.body) == 0
    assert len(workshop.files.asked) == 1
    assert_stored_once(workshop, recording)


def test_a_recording_that_is_stored_without_its_record_is_read_from_the_bucket(
    workshop: FetchHarness,
) -> None:
    # given a recording in the bucket of which the table knows nothing
    recording = workshop.recording(LARGE)
    workshop.deliver(recording.body)
    key = {"pk": {"S": f"recording#{recording.uuid}"}, "sk": {"S": "record"}}
    workshop.storage.clients["dynamodb"].delete_item(TableName=workshop.storage.table, Key=key)
    # when its message comes again
    assert workshop.failed(recording.body) == 0
    # then the table knows it, and Vonage was asked once
    assert_stored_once(workshop, recording)
    assert len(workshop.files.asked) == 1


# Vonage at fault


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        *((status, SMALL) for status in (401, 403, 404, 408, 429, 500, 502, 503)),
        *((fault, content) for fault in ("cut", "short", "long") for content in (SMALL, LARGE)),
    ],
    ids=lambda it: f"{len(it)} bytes" if isinstance(it, bytes) else str(it),
)
def test_a_fault_of_vonages_that_passes_puts_a_recording_off(
    workshop: FetchHarness, fault: Any, content: bytes
) -> None:
    recording = workshop.recording(content)
    workshop.files.faults = [fault]
    # 401 fetches the key anew, and what is too long is cut off where it should have ended
    assert workshop.until_done(recording.body) == 2 or fault in (401, "long")
    assert_stored_once(workshop, recording)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [([410], "gone"), ([404, 404, 404], "gone"), ([400], "refused"), ([451], "refused")],
)
def test_a_recording_that_vonage_no_longer_has_is_given_up(
    workshop: FetchHarness, faults: list[Any], reason: str
) -> None:
    recording = workshop.recording()
    workshop.files.faults = list(faults)
    assert workshop.until_done(recording.body) == len(faults)
    (dead,) = workshop.storage.dead()
    assert (dead.reason, dead.attempts) == (reason, str(len(faults)))
    assert dead.body == recording.body


def test_the_seventh_failure_is_the_last(workshop: FetchHarness) -> None:
    recording = workshop.recording()
    workshop.files.faults = [500] * 7
    assert workshop.until_done(recording.body) == 7
    (dead,) = workshop.storage.dead()
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
        (SMALL, {"recording_uuid": None}, "malformed"),
    ],
)
def test_what_cannot_get_better_is_given_up_at_once(
    workshop: FetchHarness, content: bytes, changes: dict[str, Any], reason: str
) -> None:
    recording = workshop.recording(content, **changes)
    assert workshop.failed(recording.body) == 0
    (dead,) = workshop.storage.dead()
    assert dead.reason == reason
    assert not workshop.storage.objects(recording.uuid)


def test_a_recording_larger_than_the_setting_is_given_up(workshop: FetchHarness) -> None:
    recording = workshop.recording(SMALL + bytes(33 * 1024 * 1024))
    assert workshop.failed(recording.body) == 0
    assert [dead.reason for dead in workshop.storage.dead()] == ["too_large"]


@pytest.mark.parametrize("body", ["", "x", "[]", "{}", '{"method": "POST"}', "[" * 10_000])
def test_a_message_that_is_no_job_is_given_up_and_does_not_hold_up_its_batch(
    workshop: FetchHarness, body: str
) -> None:
    recording = workshop.recording()
    records = [workshop.storage.record(body or " "), workshop.storage.record(recording.body)]
    outcome = workshop.functions("fetch_recording", {"Records": records}, 300.0)
    assert outcome.reply == {"batchItemFailures": []}
    assert [dead.reason for dead in workshop.storage.dead()] == ["malformed"]
    assert_stored_once(workshop, recording)


def test_a_message_that_fails_alone_stays_on_the_queue(workshop: FetchHarness) -> None:
    good, bad = workshop.recording(), workshop.recording()
    workshop.files.faults = [500]
    records = [workshop.storage.record(one.body) for one in (bad, good)]
    outcome = workshop.functions("fetch_recording", {"Records": records}, 300.0)
    failures = [one["itemIdentifier"] for one in outcome.reply["batchItemFailures"]]
    assert failures == [records[0]["messageId"]]
    assert_stored_once(workshop, good)


# AWS at fault


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
        ("HeadObject", 2),
        ("PutItem", 2),
        ("ListMultipartUploads", 1),
    ],
)
def test_a_fault_of_aws_at_any_step_loses_nothing(
    workshop: FetchHarness, operation: str, count: int, when: str, fault: Any
) -> None:
    """Each fault lasts longer than boto3's own three attempts."""
    recording = workshop.recording(LARGE)
    left = 3

    def watch(asked: str, number: int, at: str) -> Any:
        nonlocal left
        if (asked, at) == (operation, when) and number >= count and left:
            left -= 1
            return fault
        return None

    workshop.storage.aws.watch = watch
    workshop.until_done(recording.body)
    assert left == 0 or operation == "GetSecretValue"  # which is kept for a while
    assert_stored_once(workshop, recording)


def test_two_at_once_store_one_recording(workshop: FetchHarness) -> None:
    # given somebody else who stores the same recording while we upload it
    recording = workshop.recording(LARGE)
    storage = workshop.storage

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
    # when we come second
    assert workshop.failed(recording.body) == 0
    # then what is there is found to be right, and our upload is gone
    assert_stored_once(workshop, recording)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_other_bytes_under_the_key_of_a_recording_are_left_alone_and_told(
    workshop: FetchHarness, content: bytes
) -> None:
    recording = workshop.recording(content)
    storage = workshop.storage

    def watch(asked: str, number: int, at: str) -> Any:
        if asked in ("CompleteMultipartUpload", "PutObject") and at == "before":
            storage.clients["s3"].put_object(
                Bucket=storage.bucket, Key=recording.key, Body=b"other"
            )
        return None

    storage.aws.watch = watch
    assert workshop.failed(recording.body) == 0
    assert [dead.reason for dead in storage.dead()] == ["differs"]
    assert storage.objects(recording.uuid)[recording.key].body == b"other"
    assert recording.key not in storage.uploads()


def test_an_upload_that_was_left_behind_is_aborted(workshop: FetchHarness) -> None:
    recording = workshop.recording(LARGE)
    storage = workshop.storage
    storage.clients["s3"].create_multipart_upload(Bucket=storage.bucket, Key=recording.key)
    assert workshop.failed(recording.body) == 0
    assert_stored_once(workshop, recording)


def test_a_dead_letter_queue_that_does_not_answer_leaves_the_message_where_it_is(
    workshop: FetchHarness,
) -> None:
    recording = workshop.recording(size=0)
    workshop.storage.aws.faults["SendMessage"] = "error"
    assert workshop.failed(recording.body) == 1
    workshop.storage.aws.reset()
    assert workshop.failed(recording.body) == 0
    assert [dead.reason for dead in workshop.storage.dead()] == ["empty"]


# Time


def test_with_too_little_time_left_nothing_is_begun(workshop: FetchHarness) -> None:
    recording = workshop.recording()
    assert workshop.failed(recording.body, attempt=7, seconds_left=44.0) == 1
    assert not workshop.files.asked
    assert not workshop.storage.dead()
    assert workshop.storage.aws.asked["ChangeMessageVisibility"] == 1


def test_a_failure_is_put_off_on_the_queue(workshop: FetchHarness) -> None:
    recording = workshop.recording()
    workshop.files.faults = [500]
    assert workshop.failed(recording.body) == 1
    assert workshop.storage.aws.asked["ChangeMessageVisibility"] == 1


# What is logged


def test_no_line_holds_an_address_a_token_or_a_key(
    workshop: FetchHarness, capfd: pytest.CaptureFixture[str]
) -> None:
    good, bad = workshop.recording(), workshop.recording(recording_url="https://evil.test/x")
    workshop.files.faults = [500]
    environment = workshop.storage.environment(workshop.files)
    with FunctionProcesses(environment, PACKAGES) as own:  # one whose standard error is read here
        talking = replace(workshop, functions=own)
        talking.deliver(good.body)
        talking.deliver(good.body, bad.body)
    said = capfd.readouterr().err
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    outcomes = [line["outcome"] for line in lines if line.get("message") == "recording"]
    assert outcomes == ["failed", "stored", "dead"]
    assert "https://" not in said.replace("https://docs", "")
    assert "Bearer" not in said
    assert "PRIVATE KEY" not in said
    assert not [token for token in workshop.files.tokens if token.removeprefix("Bearer ") in said]


# Rights


# What each operation asks a role for (AWS service authorization reference).
RIGHTS = {
    "PutItem": {"dynamodb:PutItem"},
    "GetItem": {"dynamodb:GetItem"},
    "HeadObject": {"s3:GetObject", "s3:ListBucket"},  # the latter to be told 404 and not 403
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
# What Lambda itself does on the function's behalf.
OF_THE_SERVICE = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
}


def test_the_role_allows_what_the_function_asks_of_aws_and_nothing_else(
    workshop: FetchHarness,
) -> None:
    storage = workshop.storage
    recording = workshop.recording(LARGE)
    workshop.files.faults = ["cut"]
    with FunctionProcesses(storage.environment(workshop.files), PACKAGES) as functions:
        new = replace(workshop, functions=functions)
        new.until_done(recording.body)  # an upload is aborted
        new.until_done(recording.body)  # a repeat
        key = {"pk": {"S": f"recording#{recording.uuid}"}, "sk": {"S": "record"}}
        storage.clients["dynamodb"].delete_item(TableName=storage.table, Key=key)
        new.until_done(recording.body)  # what is stored is read
        new.until_done(workshop.recording().body)
        new.until_done(workshop.recording(size=0).body)
    asked = set[str]().union(*(RIGHTS[operation] for operation in storage.aws.asked))
    assert asked == _granted() - OF_THE_SERVICE


def _granted() -> set[str]:
    path = Path(__file__).parents[3] / "template.yaml"
    role = templates.read(path, "eu-west-1", {}, {}).resources["FetchRecordingRole"]
    (policy,) = role["Properties"]["Policies"]
    found: set[str] = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        found.update([actions] if isinstance(actions, str) else actions)
    return found
