"""`python -m voicectl forget` on the whole platform: of calls that were played, nothing stays."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.voicectl.calls.call_helpers import recorded, ring

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")


def everything(terminal: CliTerminal) -> str:
    """Give all that the table holds, and all keys in the bucket, as one text."""
    cloud, outputs = terminal.platform.cloud, terminal.platform.stack.outputs
    pages = cloud.client("dynamodb").get_paginator("scan").paginate(TableName=outputs["TableName"])
    items = [item for page in pages for item in page["Items"]]
    listed = cloud.client("s3").list_object_versions(Bucket=outputs["BucketName"])
    return json.dumps([items, [one["Key"] for one in listed.get("Versions", [])]])


async def test_of_a_forgotten_number_nothing_is_kept_and_of_another_all(
    terminal: CliTerminal,
) -> None:
    his, hers, key = "447700900650", "447700900651", str(uuid.uuid4())
    made = await recorded(terminal, his, "--key", key)
    other = await recorded(terminal, hers)
    await ring(terminal, his)
    before = everything(terminal)
    assert all(one in before for one in (his, key, made["recording"]["uuid"]))

    told_of = await terminal.json("forget", f"+{his}", "--yes")
    assert told_of["deleted"] is True
    assert (told_of["found"]["calls"], told_of["found"]["objects"]) == (2, 1)
    after = everything(terminal)
    assert not [
        one
        for one in (his, key, made["conversation_uuid"], made["recording"]["uuid"])
        if one in after
    ]
    kept: dict[str, Any] = await terminal.json("recordings", other["uuid"])
    assert kept["recordings"] == [other["recording"]]

    again = await terminal.json("forget", his, "--yes")
    assert (set(again["found"].values()), again["deleted"]) == ({0}, False)
    assert any("backups" in text for text in again["not_reached"])


async def test_a_dry_run_shows_what_is_kept_and_leaves_it(terminal: CliTerminal) -> None:
    his = "447700900652"
    await ring(terminal, his)
    ran = await terminal("forget", his, "--dry-run")
    assert "kept: " in ran.out, ran
    assert "deleted" not in ran.out
    assert his in everything(terminal)


async def test_where_nobody_can_be_asked_nothing_is_deleted(terminal: CliTerminal) -> None:
    his = "447700900653"
    await ring(terminal, his)
    ran = await terminal("forget", his)
    assert (ran.status, "nobody is here to be asked" in ran.err) == (1, True)
    assert his in everything(terminal)


async def test_a_script_must_say_that_it_means_it(terminal: CliTerminal) -> None:
    ran = await terminal("--json", "forget", "447700900654")
    assert ran.status == 1
    assert "say --yes to delete" in ran.json["error"]


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        ("447700900000", 1, "is a Vonage number of yours"),
        ("07700 900123", 2, "is no E.164 number"),
        ("44770090012345678", 2, "is no E.164 number"),
        ("everybody", 2, "is no E.164 number"),
    ],
)
async def test_a_number_that_cannot_be_forgotten_is_told_why(
    terminal: CliTerminal, number: str, status: int, said: str
) -> None:
    ran = await terminal("forget", number, "--yes")
    assert (ran.status, said in ran.err) == (status, True), ran
