"""`python -m voicectl redrive`: what was given up is tried again, and nothing of it is lost."""

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
from tests.voicectl.calls.call_helpers import recorded, seeing, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIMIT = 60.0  # seconds


class Queues(NamedTuple):
    """The queues behind a terminal, by name: ``overflow`` and ``overflow dead``, and so on."""

    terminal: CliTerminal
    sqs: Any
    urls: dict[str, str]

    def bury(self, queue: str, body: dict[str, Any], **told: str) -> None:
        """Put a message on a dead-letter queue."""
        self.sqs.send_message(
            QueueUrl=self.urls[f"{queue} dead"],
            MessageBody=json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in told.items()
            },
        )

    def full(self, queue: str) -> tuple[int, int]:
        """Say how many messages a queue has: waiting, and hidden."""
        told = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        waiting, hidden = (int(told["Attributes"][name]) for name in names)
        return waiting, hidden


@pytest_asyncio.fixture(loop_scope="session")
async def stack(terminal: CliTerminal) -> Queues:
    """The platform with its own queues, from which functions take."""
    names = terminal.platform.stack.names
    urls = {
        f"{name.lower()}{dead}": names[f"{name}{kind}Queue"]
        for name in ("Recordings", "Overflow")
        for dead, kind in (("", ""), (" dead", "DeadLetter"))
    }
    return Queues(terminal, terminal.platform.cloud.client("sqs"), urls)


@pytest_asyncio.fixture(loop_scope="session")
async def queues(terminal: CliTerminal, tmp_path: Path) -> Queues:
    """The platform with queues of this test's own, from which nothing takes."""
    sqs = terminal.platform.cloud.client("sqs")
    urls: dict[str, str] = {}
    for name in ("recordings", "overflow"):
        made = f"{name}-{uuid.uuid4()}"
        dead = sqs.create_queue(QueueName=f"{made}-dead")["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
        policy = {"deadLetterTargetArn": told["QueueArn"], "maxReceiveCount": 100}
        attributes = {"RedrivePolicy": json.dumps(policy)}
        own = sqs.create_queue(QueueName=made, Attributes=attributes)["QueueUrl"]
        urls |= {name: own, f"{name} dead": dead}
    outputs = {
        "RecordingsQueueUrl": urls["recordings"],
        "OverflowQueueUrl": urls["overflow"],
    }
    return Queues(seeing(terminal, tmp_path / "queues", outputs=outputs), sqs, urls)


@pytest.fixture
def faulty(terminal: CliTerminal) -> Iterator[FaultyAws]:
    with FaultyAws(terminal.platform.cloud.url) as aws:
        yield aws


def event() -> dict[str, Any]:
    """An event as it waits on the overflow queue."""
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


async def test_an_event_that_was_given_up_is_kept_after_all(stack: Queues) -> None:
    item = event()
    stack.bury("overflow", item)
    shown = await stack.terminal.json("redrive", "--all")
    (message,) = (one for one in shown["messages"] if item["pk"] in one["what"])
    assert (message["queue"], message["receive_count"]) == ("overflow", 1)
    assert message["reason"].startswith("received too often")
    assert message["what"] == f"status ringing {item['pk']}"
    assert message["id"] in shown["sent"]
    cloud, table = stack.terminal.platform.cloud, stack.terminal.platform.stack.outputs["TableName"]
    dynamodb = cloud.client("dynamodb")
    key = {name: {"S": item[name]} for name in ("pk", "sk")}

    async def kept() -> bool:
        got = await asyncio.to_thread(dynamodb.get_item, TableName=table, Key=key)
        return "Item" in got

    await until(kept)


async def test_a_recording_that_was_given_up_is_fetched_after_all(stack: Queues) -> None:
    made = await recorded(stack.terminal, "447700900640")
    known = made["recording"]
    told = await stack.terminal.json("timeline", made["uuid"])
    fields = next(one["fields"] for one in told["events"] if one["kind"] == "record")
    forget_recording(stack.terminal, known)
    job = {"method": "POST", "body": json.dumps(fields), "own": [], "received_at": time.time()}
    stack.bury("recordings", job, reason="failed_too_often", detail="Vonage left", attempts="7")

    ran = await stack.terminal("redrive", "--all", "--queue", "recordings")
    assert "failed_too_often\tVonage left\t7\t1\t" in ran.out, ran

    async def again() -> bool:
        listed = await stack.terminal.json("recordings", made["uuid"])
        return bool(listed["recordings"][0]["state"] == "kept")

    await until(again)


def forget_recording(terminal: CliTerminal, known: dict[str, Any]) -> None:
    """Let it be as if a recording had never been fetched."""
    cloud, outputs = terminal.platform.cloud, terminal.platform.stack.outputs
    item = {"pk": {"S": f"recording#{known['uuid']}"}, "sk": {"S": "record"}}
    cloud.client("dynamodb").delete_item(TableName=outputs["TableName"], Key=item)
    key = f"recordings/{known['conversation_uuid']}/{known['uuid']}"
    cloud.client("s3").delete_object(Bucket=outputs["BucketName"], Key=key)


async def test_a_dry_run_shows_and_leaves_what_was_given_up(queues: Queues) -> None:
    queues.bury("overflow", event())
    shown = await queues.terminal.json("redrive", "--dry-run")
    assert (len(shown["messages"]), shown["sent"], shown["left"]) == (1, [], 1)
    assert queues.full("overflow dead") == (1, 0)


async def test_where_nobody_can_be_asked_all_is_given_back(queues: Queues) -> None:
    queues.bury("overflow", event())
    ran = await queues.terminal("redrive")
    assert (ran.status, ran.err.startswith("error: nobody is here to be asked")) == (1, True)
    assert queues.full("overflow dead") == (1, 0)


async def test_who_is_asked_sends_back_one_and_leaves_the_other(queues: Queues) -> None:
    queues.bury("overflow", event())
    queues.bury("overflow", event())
    ours, theirs = os.openpty()
    os.write(ours, b"y\nn\n")
    try:
        process = await queues.terminal.start("redrive", stdin=theirs)
        out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    finally:
        os.close(ours)
        os.close(theirs)
    assert out.decode().endswith("1 sent back, 1 left\n"), err
    assert queues.full("overflow dead") == (1, 0)


async def test_a_message_whose_deletion_fails_is_on_both_queues_and_ends_as_one(
    queues: Queues, faulty: FaultyAws
) -> None:
    queues.bury("overflow", event())
    faulty.faults["DeleteMessage"] = "error"
    other = seeing(queues.terminal, queues.terminal.folder / "faulty", aws_url=faulty.url)
    ran = await other("redrive", "--all")
    assert ran.status == 1, ran
    assert queues.full("overflow dead") == (1, 0)
    assert queues.full("overflow") == (1, 0)
    assert len((await queues.terminal.json("redrive", "--all"))["sent"]) == 1
    assert queues.full("overflow dead") == (0, 0)


async def test_killed_before_it_deletes_it_has_lost_nothing(
    queues: Queues, faulty: FaultyAws
) -> None:
    queues.bury("overflow", event())
    faulty.faults["DeleteMessage"] = "hang"
    other = seeing(queues.terminal, queues.terminal.folder / "faulty", aws_url=faulty.url)
    running = await other.start("redrive", "--all")

    async def deleting() -> bool:
        return faulty.asked["DeleteMessage"] > 0

    await until(deleting)
    running.kill()
    await running.communicate()
    assert queues.full("overflow") == (1, 0)
    assert queues.full("overflow dead") == (0, 1)  # hidden, and back when its time is over
