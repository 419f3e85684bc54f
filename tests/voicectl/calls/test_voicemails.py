"""`voicectl voicemails`: list messages, play one, and save them."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.voicectl.calls.call_helpers import leave_voicemail
from tests.voicectl.cli_process import RENTED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")
MONTH = "2020-02"


@pytest_asyncio.fixture(loop_scope="session")
async def messages(terminal: CliTerminal) -> AsyncIterator[list[str]]:
    """The recordings of two messages, the only ones of their month, in order of time."""
    left = [
        await leave_voicemail(terminal, "447700900660", "One loaf"),
        await leave_voicemail(terminal, "447700900661", "Two loaves for Saturday"),
    ]
    for recording in left:
        put_in_month(terminal, recording, MONTH)
    yield left
    for recording in left:
        put_in_month(terminal, recording, "2020-03")


def put_in_month(terminal: CliTerminal, recording: str, month: str) -> None:
    """Move a message to a month of its own."""
    key = {"pk": {"S": f"recording#{recording}"}, "sk": {"S": "record"}}
    terminal.platform.moto.client("dynamodb").update_item(
        TableName=terminal.platform.stack.outputs["TableName"],
        Key=key,
        UpdateExpression="SET #day = :day",
        ConditionExpression="begins_with(#day, :voicemail)",
        ExpressionAttributeNames={"#day": "day"},
        ExpressionAttributeValues={
            ":day": {"S": f"voicemail#{month}"},
            ":voicemail": {"S": "voicemail#20"},
        },
    )


def browser(folder: Path) -> tuple[dict[str, str], Path]:
    """Return the environment with a browser that stores the URL which it opens, and its file."""
    program, opened = folder / "browser.py", folder / "opened.txt"
    program.write_text(f"import sys\nopen({str(opened)!r}, 'w').write(sys.argv[1])\n")
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(program))} %s"
    return {"BROWSER": command}, opened


async def test_a_new_message_is_the_last_of_this_month(terminal: CliTerminal) -> None:
    recording = await leave_voicemail(terminal, "447700900662", "One loaf")
    listed = (await terminal.json("voicemails"))["voicemails"]
    assert listed[-1]["recording_uuid"] == recording
    assert listed[-1]["from"] == "447700900662"


async def test_messages_are_listed_in_order_of_time(
    terminal: CliTerminal, messages: list[str]
) -> None:
    ran = await terminal("voicemails", "--month", MONTH)
    assert ran.status == 0, ran
    header, *rows, total = ran.out.splitlines()
    assert header.split("\t") == ["number", "time", "caller", "line", "length", "first words"]
    cells = [row.split("\t") for row in rows]
    assert [(one[0], one[2], one[3]) for one in cells] == [
        ("1", "447700900660", RENTED),
        ("2", "447700900661", RENTED),
    ]
    assert all(one[4].startswith("0:") for one in cells)
    assert cells[0][1] < cells[1][1]
    assert total == f"2 voicemails in {MONTH}"


async def test_saved_messages_are_complete(terminal: CliTerminal, messages: list[str]) -> None:
    listed: dict[str, Any] = await terminal.json("voicemails", "--month", MONTH, "--save", "here")
    assert [one["recording_uuid"] for one in listed["voicemails"]] == messages
    for one in listed["voicemails"]:
        content = (terminal.folder / one["file"]).read_bytes()
        assert len(content) == one["size"]
    assert len(list((terminal.folder / "here").iterdir())) == 2


async def test_a_message_opens_in_the_browser(terminal: CliTerminal, messages: list[str]) -> None:
    environment, opened = browser(terminal.folder)
    ran = await terminal("voicemails", "--month", MONTH, "--play", "2", environment=environment)
    assert ran.status == 0, ran
    assert "447700900661" in ran.out
    async with terminal.http.get(opened.read_text()) as response:
        content = await response.read()
    saved = await terminal.json("voicemails", "--month", MONTH, "--save", "here")
    assert content == (terminal.folder / saved["voicemails"][1]["file"]).read_bytes()


async def test_a_dry_run_opens_and_saves_nothing(
    terminal: CliTerminal, messages: list[str]
) -> None:
    environment, opened = browser(terminal.folder)
    words = ("--dry-run", "voicemails", "--month", MONTH)
    for more in (("--play", "1"), ("--save", "here")):
        assert (await terminal(*words, *more, environment=environment)).status == 0
    assert not opened.exists()
    assert not (terminal.folder / "here").exists()


async def test_a_number_that_is_not_listed_is_rejected(
    terminal: CliTerminal, messages: list[str]
) -> None:
    ran = await terminal("voicemails", "--month", MONTH, "--play", "9")
    assert ran.status == 1
    assert "there is no voicemail 9 in 2020-02: expected --play 1 to 2" in ran.err


async def test_a_failed_browser_is_reported(terminal: CliTerminal, messages: list[str]) -> None:
    environment = {"BROWSER": "false %s", "PATH": ""}
    ran = await terminal("voicemails", "--month", MONTH, "--play", "1", environment=environment)
    assert (ran.status, "Set BROWSER" in ran.err) == (1, True), ran


async def test_a_message_that_was_deleted_meanwhile_is_reported(
    terminal: CliTerminal, messages: list[str]
) -> None:
    bucket = terminal.platform.stack.outputs["BucketName"]
    s3 = terminal.platform.moto.client("s3")
    (key,) = (
        one["Key"]
        for one in s3.list_objects_v2(Bucket=bucket, Prefix="recordings/")["Contents"]
        if one["Key"].endswith(messages[0])
    )
    s3.delete_object(Bucket=bucket, Key=key)
    ran = await terminal("voicemails", "--month", MONTH, "--save", "here")
    assert ran.status == 1
    assert "the bucket returned 404" in ran.err


async def test_a_month_without_messages_is_empty(terminal: CliTerminal) -> None:
    ran = await terminal("voicemails", "--month", "2019-12")
    assert (ran.status, ran.out) == (0, "no voicemails in 2019-12\n")
    ran = await terminal("voicemails", "--month", "2019-12", "--play", "1")
    assert (ran.status, "there are no voicemails in 2019-12" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--month", "2026-13"), "'2026-13' is not a month: expected 2026-01"),
        (("--month", "january"), "'january' is not a month"),
        (("--play", "0"), "0 is not in the range x>=1"),
        (("--play", "first"), "'first' is not a valid integer"),
    ],
)
async def test_invalid_arguments_are_rejected(
    terminal: CliTerminal, words: tuple[str, ...], error: str
) -> None:
    ran = await terminal("voicemails", *words)
    assert (ran.status, error in ran.err) == (2, True), ran
