"""`voicectl redrive`: dead letters are retried, and none is lost."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import pytest_asyncio

from tests.support.faulty_proxy import FaultyAws
from tests.voicectl.calls.call_helpers import recorded, until, with_stack_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIMIT = 60.0  # seconds


class Queues(NamedTuple):
    """The queues of a terminal's stack by name, such as ``overflow`` and ``overflow dead``."""

    terminal: CliTerminal
    sqs: Any
    urls: dict[str, str]

    def send_to_dlq(self, queue: str, body: dict[str, Any], **attributes: str) -> None:
        """Send a message to a dead-letter queue."""
        self.sqs.send_message(
            QueueUrl=self.urls[f"{queue} dead"],
            MessageBody=json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )

    def counts(self, queue: str) -> tuple[int, int]:
        """Return the numbers of visible and hidden messages of a queue."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        visible, hidden = (int(found["Attributes"][name]) for name in names)
        return visible, hidden


@pytest_asyncio.fixture(loop_scope="session")
async def stack(terminal: CliTerminal) -> Queues:
    """The platform with its own queues, which functions consume."""
    names = terminal.platform.stack.names
    urls = {
        f"{name}{dead}": names[f"{resource}{kind}Queue"]
        for name, resource in (
            ("recordings", "Recordings"),
            ("overflow", "Overflow"),
            ("call-events", "CallEvents"),
        )
        for dead, kind in (("", ""), (" dead", "DeadLetter"))
    }
    return Queues(terminal, terminal.platform.moto.client("sqs"), urls)


@pytest_asyncio.fixture(loop_scope="session")
async def queues(terminal: CliTerminal, tmp_path: Path) -> Queues:
    """The platform with queues of one test, which nothing consumes."""
    sqs = terminal.platform.moto.client("sqs")
    urls: dict[str, str] = {}
    for name in ("recordings", "overflow", "call-events"):
        made = f"{name}-{uuid.uuid4()}"
        dead = sqs.create_queue(QueueName=f"{made}-dead")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
        policy = {"deadLetterTargetArn": found["QueueArn"], "maxReceiveCount": 100}
        attributes = {"RedrivePolicy": json.dumps(policy)}
        own = sqs.create_queue(QueueName=made, Attributes=attributes)["QueueUrl"]
        urls |= {name: own, f"{name} dead": dead}
    outputs = {
        "RecordingsQueueUrl": urls["recordings"],
        "OverflowQueueUrl": urls["overflow"],
        "CallEventsQueueUrl": urls["call-events"],
    }
    return Queues(with_stack_file(terminal, tmp_path / "queues", outputs=outputs), sqs, urls)


@pytest.fixture
def faulty(terminal: CliTerminal) -> Iterator[FaultyAws]:
    with FaultyAws(terminal.platform.moto.url) as aws:
        yield aws


def event() -> dict[str, Any]:
    """Return an event as it is in the overflow queue."""
    conversation, now = f"CON-{uuid.uuid4()}", "2026-01-31T12:00:00.000Z"
    fields = {"conversation_uuid": conversation, "status": "ringing", "timestamp": now}
    return {
        "pk": conversation,
        "sk": f"{now}#status#-#{uuid.uuid4()}",
        "kind": "status",
        "method": "POST",
        "body": json.dumps(fields),
        "expires_at": int(time.time()) + 86400,
    }


async def test_an_event_from_the_dead_letter_queue_is_stored(stack: Queues) -> None:
    item = event()
    stack.send_to_dlq("overflow", item)
    shown = await stack.terminal.json("redrive", "--all")
    (message,) = (one for one in shown["messages"] if item["pk"] in one["what"])
    assert (message["queue"], message["receive_count"]) == ("overflow", 1)
    assert message["reason"].startswith("received too often")
    assert message["what"] == f"status ringing {item['pk']}"
    assert message["id"] in shown["sent"]
    cloud, table = stack.terminal.platform.moto, stack.terminal.platform.stack.outputs["TableName"]
    dynamodb = cloud.client("dynamodb")
    key = {name: {"S": item[name]} for name in ("pk", "sk")}

    async def stored() -> bool:
        found = await asyncio.to_thread(dynamodb.get_item, TableName=table, Key=key)
        return "Item" in found

    await until(stored)


async def test_a_recording_from_the_dead_letter_queue_is_fetched(stack: Queues) -> None:
    made = await recorded(stack.terminal, "447700900640")
    known = made["recording"]
    timeline = await stack.terminal.json("timeline", made["uuid"])
    fields = next(one["fields"] for one in timeline["events"] if one["kind"] == "record")
    delete_recording(stack.terminal, known)
    job = {"method": "POST", "body": json.dumps(fields), "own": [], "received_at": time.time()}
    stack.send_to_dlq(
        "recordings", job, reason="failed_too_often", detail="Vonage left", attempts="7"
    )

    ran = await stack.terminal("redrive", "--all", "--queue", "recordings")
    assert "failed_too_often\tVonage left\t7\t1\t" in ran.out, ran

    async def again() -> bool:
        listed = await stack.terminal.json("recordings", made["uuid"])
        return bool(listed["recordings"][0]["state"] == "kept")

    await until(again)


def delete_recording(terminal: CliTerminal, known: dict[str, Any]) -> None:
    """Restore the state from before a recording was fetched."""
    cloud, outputs = terminal.platform.moto, terminal.platform.stack.outputs
    item = {"pk": {"S": f"recording#{known['uuid']}"}, "sk": {"S": "record"}}
    cloud.client("dynamodb").delete_item(TableName=outputs["TableName"], Key=item)
    key = f"recordings/{known['conversation_uuid']}/{known['uuid']}"
    cloud.client("s3").delete_object(Bucket=outputs["BucketName"], Key=key)


async def test_a_call_event_from_the_dead_letter_queue_is_sent_back(queues: Queues) -> None:
    message = {"what": "started", "leg": "0" * 32, "from": "447700900641", "to": "447700900000"}
    queues.send_to_dlq("call-events", message)
    shown = await queues.terminal.json("redrive", "--all", "--queue", "call-events")
    (one,) = shown["messages"]
    assert (one["queue"], one["what"]) == ("call-events", f"started {'0' * 32}")
    assert "447700900641" not in json.dumps(shown)
    assert queues.counts("call-events dead") == (0, 0)
    (sent,) = queues.sqs.receive_message(QueueUrl=queues.urls["call-events"])["Messages"]
    assert json.loads(sent["Body"]) == message


async def test_a_stack_without_a_queue_of_call_events_is_to_be_deployed(
    queues: Queues, tmp_path: Path
) -> None:
    content = json.loads((queues.terminal.folder / ".local" / "stack.json").read_text())
    del content["outputs"]["CallEventsQueueUrl"]
    (queues.terminal.folder / ".local" / "stack.json").write_text(json.dumps(content))
    ran = await queues.terminal("redrive", "--all", "--queue", "call-events")
    assert (ran.status, "Deploy this checkout" in ran.err) == (1, True), ran
    queues.send_to_dlq("overflow", event())
    assert len((await queues.terminal.json("redrive", "--all"))["sent"]) == 1


async def test_a_dry_run_shows_the_messages_and_releases_them(queues: Queues) -> None:
    queues.send_to_dlq("overflow", event())
    shown = await queues.terminal.json("redrive", "--dry-run")
    assert (len(shown["messages"]), shown["sent"], shown["left"]) == (1, [], 1)
    assert queues.counts("overflow dead") == (1, 0)


async def test_without_a_prompt_all_messages_are_released(queues: Queues) -> None:
    queues.send_to_dlq("overflow", event())
    ran = await queues.terminal("redrive")
    assert (ran.status, ran.err.startswith("error: cannot prompt")) == (1, True)
    assert queues.counts("overflow dead") == (1, 0)


async def test_only_confirmed_messages_are_sent_back(queues: Queues) -> None:
    queues.send_to_dlq("overflow", event())
    queues.send_to_dlq("overflow", event())
    ours, theirs = os.openpty()
    os.write(ours, b"y\nn\n")
    try:
        process = await queues.terminal.start("redrive", stdin=theirs)
        out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    finally:
        os.close(ours)
        os.close(theirs)
    assert out.decode().endswith("1 sent back, 1 left\n"), err
    assert queues.counts("overflow dead") == (1, 0)


async def test_after_a_failed_deletion_the_message_is_in_both_queues(
    queues: Queues, faulty: FaultyAws
) -> None:
    queues.send_to_dlq("overflow", event())
    faulty.faults["DeleteMessage"] = "error"
    other = with_stack_file(queues.terminal, queues.terminal.folder / "faulty", aws_url=faulty.url)
    ran = await other("redrive", "--all")
    assert ran.status == 1, ran
    assert queues.counts("overflow dead") == (1, 0)
    assert queues.counts("overflow") == (1, 0)
    assert len((await queues.terminal.json("redrive", "--all"))["sent"]) == 1
    assert queues.counts("overflow dead") == (0, 0)


async def test_if_killed_before_the_deletion_no_message_is_lost(
    queues: Queues, faulty: FaultyAws
) -> None:
    queues.send_to_dlq("overflow", event())
    faulty.faults["DeleteMessage"] = "hang"
    other = with_stack_file(queues.terminal, queues.terminal.folder / "faulty", aws_url=faulty.url)
    running = await other.start("redrive", "--all")

    async def deleting() -> bool:
        return faulty.asked["DeleteMessage"] > 0

    await until(deleting)
    running.kill()
    await running.communicate()
    assert queues.counts("overflow") == (1, 0)
    assert queues.counts("overflow dead") == (0, 1)  # hidden until the visibility timeout
