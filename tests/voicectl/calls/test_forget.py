"""`voicectl forget`: delete the data of real calls on the local platform."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.voicectl.calls.call_helpers import inbound, recorded

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")


def everything(terminal: CliTerminal) -> str:
    """Return all items of the table and all keys in the bucket, as one text."""
    cloud, outputs = terminal.platform.moto, terminal.platform.stack.outputs
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=outputs["TableName"])
    items = [item for page in pages for item in page["Items"]]
    listed = cloud.client("s3").list_object_versions(Bucket=outputs["BucketName"])
    return json.dumps([items, [one["Key"] for one in listed.get("Versions", [])]])


async def test_all_data_of_a_number_is_deleted_and_that_of_another_stays(
    terminal: CliTerminal,
) -> None:
    number, another, key = "447700900650", "447700900651", str(uuid.uuid4())
    made = await recorded(terminal, number, "--key", key)
    other = await recorded(terminal, another)
    await inbound(terminal, number)
    before = everything(terminal)
    assert all(one in before for one in (number, key, made["recording"]["uuid"]))

    result = await terminal.json("forget", f"+{number}", "--yes")
    assert result["deleted"] is True
    assert (result["found"]["calls"], result["found"]["objects"]) == (2, 1)
    after = everything(terminal)
    assert not [
        one
        for one in (number, key, made["conversation_uuid"], made["recording"]["uuid"])
        if one in after
    ]
    left: dict[str, Any] = await terminal.json("recordings", other["uuid"])
    assert left["recordings"] == [other["recording"]]

    again = await terminal.json("forget", number, "--yes")
    assert (set(again["found"].values()), again["deleted"]) == ({0}, False)
    assert any("backups" in text for text in again["not_reached"])


async def test_a_dry_run_shows_the_data_and_deletes_nothing(terminal: CliTerminal) -> None:
    number = "447700900652"
    await inbound(terminal, number)
    ran = await terminal("forget", number, "--dry-run")
    assert "found " in ran.out, ran
    assert "deleted" not in ran.out
    assert number in everything(terminal)


async def test_without_a_prompt_nothing_is_deleted(terminal: CliTerminal) -> None:
    number = "447700900653"
    await inbound(terminal, number)
    ran = await terminal("forget", number)
    assert (ran.status, "cannot prompt" in ran.err) == (1, True)
    assert number in everything(terminal)


async def test_json_requires_yes_or_dry_run(terminal: CliTerminal) -> None:
    ran = await terminal("--json", "forget", "447700900654")
    assert ran.status == 2
    assert "Pass --yes to delete" in ran.json["error"]


async def test_a_number_in_the_switchboard_is_named_and_one_of_its_lines_is_rejected(
    terminal: CliTerminal,
) -> None:
    blocked, line = "447700900656", "447700900657"
    file = terminal.folder / "switchboard.json"
    try:
        documents: list[Any] = [{"lines": {line: {"blocked": [blocked]}}}, {"lines": {line: {}}}]
        for document in documents:
            file.write_text(json.dumps(document))
            assert (await terminal("--yes", "switchboard", "set", str(file))).status == 0
            result = await terminal.json("forget", blocked, "--yes")
            named = [one for one in result["not_reached"] if one.startswith("the switchboard")]
            assert len(named) == 1, named
        assert "version before" in named[0]
        rejected = await terminal("forget", line, "--yes")
        assert (rejected.status, "your Vonage numbers" in rejected.err) == (1, True), rejected
    finally:
        file.write_text("{}")
        await terminal("--yes", "switchboard", "set", str(file))


@pytest.mark.parametrize(
    ("number", "status", "error"),
    [
        ("447700900000", 1, "is one of your Vonage numbers"),
        ("07700 900123", 2, "is not an E.164 number"),
        ("44770090012345678", 2, "is not an E.164 number"),
        ("everybody", 2, "is not an E.164 number"),
    ],
)
async def test_an_own_or_invalid_number_is_rejected(
    terminal: CliTerminal, number: str, status: int, error: str
) -> None:
    ran = await terminal("forget", number, "--yes")
    assert (ran.status, error in ran.err) == (status, True), ran
