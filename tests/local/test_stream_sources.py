"""DynamoDB streams as event sources: filters, order, retries, split batches, rollbacks."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.aws.event_pattern import check_pattern, matches
from local.aws.template import TemplateError
from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Items:
    """Items of one test in the table, and the invocations with their stream records."""

    def __init__(self, platform: LocalPlatform) -> None:
        self.platform = platform
        self.prefix = uuid.uuid4().hex
        self.dynamodb = platform.moto.client("dynamodb")
        self.table = platform.stack.outputs["TableName"]

    def item(self, name: str, **texts: str) -> dict[str, Any]:
        attributes = {attribute: {"S": text} for attribute, text in texts.items()}
        return {"TableName": self.table, "Item": {"pk": {"S": self.prefix + name}, **attributes}}

    async def put(self, *names: str, **texts: str) -> None:
        for name in names:
            await asyncio.to_thread(self.dynamodb.put_item, **self.item(name, **texts))

    async def handled(self) -> list[list[str]]:
        """Wait until the stream is read, and return the items' names of each invocation."""
        async with asyncio.timeout(30):
            await self.platform.streams.wait_until_read()
        batches = [[self.name(record) for record in records] for records in self.records()]
        return [[name for name in batch if name] for batch in batches if any(batch)]

    def records(self) -> list[list[dict[str, Any]]]:
        lines = [line.text for line in self.platform.lambdas.log("Follower")]
        return [json.loads(line)["Records"] for line in lines if line.startswith('{"Records"')]

    def name(self, record: dict[str, Any]) -> str:
        key = str(record["dynamodb"]["Keys"]["pk"]["S"])
        return key.removeprefix(self.prefix) if key.startswith(self.prefix) else ""


async def test_a_record_has_the_form_of_lambda(platform: LocalPlatform) -> None:
    items = Items(platform)
    await items.put("a", do="ok")
    await items.handled()
    record = next(one for batch in items.records() for one in batch if items.name(one) == "a")
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["awsRegion"] == "eu-west-1"
    assert "/stream/" in record["eventSourceARN"]
    assert record["dynamodb"]["NewImage"]["do"] == {"S": "ok"}
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], float)
    assert record["dynamodb"]["StreamViewType"] == "NEW_IMAGE"


async def test_records_arrive_once_in_order_and_only_those_that_a_filter_wants(
    platform: LocalPlatform,
) -> None:
    items = Items(platform)
    await items.put("a", "b", do="ok")
    await items.put("c", kind="told")  # an INSERT without `do`
    await items.put("c", do="ok", kind="told")  # a MODIFY
    await items.put("a", do="ok", kind="other")
    await items.put("d", do="ok")
    batches = await items.handled()
    assert [name for batch in batches for name in batch] == ["a", "b", "c", "d"]


async def test_records_before_a_reported_failure_are_not_delivered_again(
    platform: LocalPlatform,
) -> None:
    items = Items(platform)
    await items.put("a", do="ok")
    await items.put("b", do="fail_once")
    await items.put("c", do="ok")
    names = [name for batch in await items.handled() for name in batch]
    assert names.count("a") == 1
    assert names[-2:] == ["b", "c"]
    assert names.count("b") == 2


async def test_a_record_that_always_fails_is_dropped_after_the_retries(
    platform: LocalPlatform,
) -> None:
    items = Items(platform)
    await items.put("a", do="fail")
    await items.put("b", do="ok")
    names = [name for batch in await items.handled() for name in batch]
    assert names.count("a") == 3


async def test_a_crash_splits_the_batch_and_stops_no_other_record(
    platform: LocalPlatform,
) -> None:
    items = Items(platform)
    await items.put("a", do="ok")
    await items.put("b", do="raise")
    await items.put("c", "d", "e", do="ok")
    batches = await items.handled()
    assert batches.count(["b"]) == 3
    names = [name for batch in batches for name in batch]
    assert {"a", "b", "c", "d", "e"} == set(names)
    assert names[-1] == "e"


async def test_a_transaction_that_was_rolled_back_leaves_no_record(
    platform: LocalPlatform,
) -> None:
    items = Items(platform)
    await items.put("a", do="ok")
    refused = {**items.item("a", do="ok"), "ConditionExpression": "attribute_not_exists(pk)"}
    puts = [{"Put": items.item("b", do="ok")}, {"Put": refused}]
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        await asyncio.to_thread(items.dynamodb.transact_write_items, TransactItems=puts)
    await items.put("c", do="ok")
    names = [name for batch in await items.handled() for name in batch]
    assert names == ["a", "c"]


async def test_an_unknown_filter_prevents_the_start(own_project: Path, tmp_path: Path) -> None:
    template = own_project / "template.yaml"
    text = template.read_text()
    template.write_text(text.replace('{"prefix": "tol"}', '{"suffix": "old"}'))
    platform = LocalPlatform(own_project, PlatformOptions(folder=tmp_path / "files"))
    with pytest.raises(TemplateError, match=r"does not support the rule .*suffix"):
        await platform.start()


async def test_an_unknown_setting_prevents_the_start(own_project: Path, tmp_path: Path) -> None:
    template = own_project / "template.yaml"
    text = template.read_text()
    template.write_text(text.replace("MaximumRetryAttempts: 2", "ParallelizationFactor: 2"))
    platform = LocalPlatform(own_project, PlatformOptions(folder=tmp_path / "files"))
    with pytest.raises(TemplateError, match="does not support ParallelizationFactor"):
        await platform.start()


EVENT = {"kind": "record", "count": 1, "none": None, "inner": {"name": "voice.call"}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({}, True),
        ({"kind": ["record"]}, True),
        ({"kind": ["other", "record"]}, True),
        ({"kind": ["other"]}, False),
        ({"kind": ["record"], "count": [2]}, False),
        ({"count": ["1"]}, False),
        ({"none": [None]}, True),
        ({"absent": [None]}, False),
        ({"inner": {"name": [{"prefix": "voice."}]}}, True),
        ({"inner": {"name": [{"prefix": "flow."}]}}, False),
        ({"kind": {"name": [{"exists": False}]}}, True),
        ({"inner": {"name": [{"exists": False}]}}, False),
        ({"absent": {"name": [{"exists": True}]}}, False),
        ({"kind": [{"anything-but": ["other"]}]}, True),
        ({"kind": [{"anything-but": ["record"]}]}, False),
        ({"absent": [{"anything-but": ["record"]}]}, False),
    ],
)
async def test_a_pattern_matches_as_in_lambda(pattern: dict[str, Any], expected: bool) -> None:
    check_pattern(pattern)
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        {"kind": "record"},
        {"kind": [{"suffix": "d"}]},
        {"kind": [{"numeric": [">", 1]}]},
        {"kind": [{"exists": True, "prefix": "r"}]},
        {"kind": [{"anything-but": {"prefix": "r"}}]},
        {"kind": [["record"]]},
        {"$or": [{"kind": ["record"]}]},
        ["record"],
    ],
)
async def test_an_unsupported_pattern_is_an_error(pattern: Any) -> None:
    with pytest.raises(ValueError, match=r"pattern|support|expected|array"):
        check_pattern(pattern)
