"""`voicectl recordings`: list recordings, and save them verified."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.voicectl.calls.call_helpers import recorded

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_recording_is_saved_as_it_was_stored(terminal: CliTerminal) -> None:
    made = await recorded(terminal, "447700900630")
    known = made["recording"]
    assert "url" not in known
    saved = await terminal.json("recordings", made["uuid"], "--save", "here")
    file = terminal.folder / saved["recordings"][0]["file"]
    content = file.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (known["size"], known["sha256"])
    assert [one.name for one in (terminal.folder / "here").iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o600

    assert (await terminal("recordings", made["uuid"])).out.endswith("\n1 recording\n")
    # A second save changes nothing; a file with different content is not overwritten.
    assert await terminal.json("recordings", made["uuid"], "--save", "here") == saved
    file.write_bytes(b"something else")
    refused = await terminal("recordings", made["uuid"], "--save", "here")
    assert refused.status == 1
    assert "exists with different content" in refused.err
    assert file.read_bytes() == b"something else"


async def test_a_download_that_differs_is_not_saved(terminal: CliTerminal) -> None:
    made = await recorded(terminal, "447700900631")
    known = made["recording"]
    s3 = terminal.platform.moto.client("s3")
    bucket = terminal.platform.stack.outputs["BucketName"]
    key = f"recordings/{known['conversation_uuid']}/{known['uuid']}"
    s3.put_object(Bucket=bucket, Key=key, Body=b"cut")
    ran = await terminal("recordings", made["uuid"], "--save", "here")
    assert ran.status == 1
    assert "differs from what was stored (3 of" in ran.err
    assert list((terminal.folder / "here").iterdir()) == []
