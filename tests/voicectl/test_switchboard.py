"""`switchboard`: flows, hours and dialling, changed and put back from a terminal."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.voicectl.cli_process import platform_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from local.local_platform import LocalPlatform
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")

NUMBER = "447700900000"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """A platform of its own: callers hear for a while what was changed here."""
    async with platform_in(tmp_path_factory.mktemp("own")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def board(terminal: CliTerminal) -> AsyncIterator[CliTerminal]:
    """A terminal before an empty switchboard, which is empty again when the test ends."""
    await store(terminal, {})
    yield terminal
    await store(terminal, {})


async def store(terminal: CliTerminal, document: Any) -> None:
    file = terminal.folder / "document.json"
    file.write_text(json.dumps(document))
    ran = await terminal("--yes", "switchboard", "set", str(file))
    assert ran.status == 0, ran


async def held(terminal: CliTerminal) -> Any:
    return (await terminal.json("switchboard", "show"))["document"]


async def test_a_number_is_led_to_a_flow_and_back(board: CliTerminal) -> None:
    ran = await board("--yes", "switchboard", "number", f"+{NUMBER}", "voicemail")
    assert "numbers" in ran.out
    assert "voicemail" in ran.out
    assert "within 30 seconds" in ran.out
    assert await held(board) == {"numbers": {NUMBER: "voicemail"}}
    await board("--yes", "switchboard", "number", NUMBER)
    assert await held(board) == {"numbers": {}}


async def test_dialling_is_stopped_and_the_rest_stays(board: CliTerminal) -> None:
    await store(board, {"numbers": {NUMBER: "greet"}})
    assert (await board("--yes", "switchboard", "dialling", "off")).status == 0
    refused = await board("call", "--to", "447700900123", "--flow", "greet")
    assert refused.status == 1
    assert "switched off" in refused.err
    assert await held(board) == {"numbers": {NUMBER: "greet"}, "dialling": "off"}


async def test_one_command_undoes_a_change_and_once_more_takes_that_back(
    board: CliTerminal,
) -> None:
    await store(board, {"dialling": "off"})
    ran = await board("--yes", "switchboard", "undo")
    assert "dialling: off → (none)" in ran.out
    assert await held(board) == {}
    await board("--yes", "switchboard", "undo")
    assert await held(board) == {"dialling": "off"}


async def test_a_broken_document_is_refused_with_every_fault_and_nothing_is_changed(
    board: CliTerminal,
) -> None:
    before = (await board.json("switchboard", "show"))["version"]
    file = board.folder / "broken.json"
    file.write_text('{"dialling": "of", "numbers": {"447700900000": "no_such_flow"}}')
    ran = await board("--yes", "switchboard", "set", str(file))
    assert ran.status == 1
    assert "dialling: must be on or off" in ran.err
    assert f"numbers.{NUMBER}: must be a call flow" in ran.err
    assert (await board.json("switchboard", "show"))["version"] == before


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ({}, r'{"\ud800": "half a character"}'),
        ({}, '{"dialling": null}'),
        ({"dialling": "on"}, '{"dialling": "off", "dialling": "on"}'),
    ],
)
async def test_one_command_mends_what_somebody_broke_past_the_application(
    board: CliTerminal, before: Any, text: str
) -> None:
    await store(board, before)
    smash(board, text)
    shown = await board("switchboard", "show")
    assert (shown.status, "warning: " in shown.err) == (1, True), shown
    ran = await board("--yes", "switchboard", "undo")
    assert ran.status == 0, ran
    told = await board.json("switchboard", "show")
    assert (told["document"], told["problems"]) == (before, [])


def smash(terminal: CliTerminal, text: str) -> None:
    """Write it past the application, as somebody may in the console."""
    client = terminal.platform.cloud.client("secretsmanager")
    secret = terminal.platform.stack.secrets["SwitchboardSecret"]
    client.put_secret_value(SecretId=secret, SecretString=text)


async def test_a_part_that_is_broken_is_replaced_by_one_that_is_not(board: CliTerminal) -> None:
    smash(board, '{"numbers": null}')
    assert (await board("--yes", "switchboard", "number", NUMBER, "greet")).status == 0
    assert await held(board) == {"numbers": {NUMBER: "greet"}}


async def test_a_part_that_is_null_is_refused_and_not_taken_for_one_that_is_left_out(
    board: CliTerminal,
) -> None:
    file = board.folder / "null.json"
    file.write_text('{"dialling": null}')
    ran = await board("--yes", "switchboard", "set", str(file))
    assert ran.status == 1
    assert "dialling: must be on or off" in ran.err


async def test_a_file_that_names_a_part_twice_is_refused(board: CliTerminal) -> None:
    file = board.folder / "twice.json"
    file.write_text('{"dialling": "off", "dialling": "on"}')
    ran = await board("--yes", "switchboard", "set", str(file))
    assert ran.status == 2
    assert "dialling stands in it twice" in ran.err
    assert await held(board) == {}


async def test_what_is_no_json_never_leaves_the_terminal(board: CliTerminal) -> None:
    file = board.folder / "broken.json"
    file.write_text("dialling: off")
    ran = await board("switchboard", "set", str(file))
    assert ran.status == 2
    assert "is no JSON" in ran.err


async def test_without_a_yes_nothing_is_changed(board: CliTerminal) -> None:
    ran = await board("switchboard", "dialling", "off")
    assert ran.status == 1
    assert "--yes" in ran.err
    dry = await board("--dry-run", "switchboard", "dialling", "off")
    assert "dialling: (none) → off" in dry.out
    assert await held(board) == {}


async def test_the_same_document_changes_nothing(board: CliTerminal) -> None:
    await store(board, {"dialling": "on"})
    ran = await board("--yes", "switchboard", "dialling", "on")
    assert ran.out == "nothing to change\n"


def editor(folder: Path, script: str) -> dict[str, str]:
    """Make an editor that does this to the file that it is given."""
    program = folder / "editor.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"EDITOR": str(program)}


async def test_it_is_changed_in_an_editor(board: CliTerminal) -> None:
    writes = editor(board.folder, """echo '{"dialling": "off"}' > "$1" """)
    ran = await board("--yes", "switchboard", "edit", environment=writes)
    assert ran.status == 0, ran
    assert await held(board) == {"dialling": "off"}
    assert not (board.folder / ".connect" / "switchboard.json").exists()


@pytest.mark.parametrize("written", ['{"dialling": "of"}', "no JSON"])
async def test_an_edited_document_that_is_refused_is_kept_as_a_draft(
    board: CliTerminal, written: str
) -> None:
    writes = editor(board.folder, f"""echo '{written}' > "$1" """)
    ran = await board("switchboard", "edit", environment=writes)  # nobody is here to be asked
    assert ran.status == 1
    draft = board.folder / ".connect" / "switchboard.json"
    assert draft.read_text() == f"{written}\n"
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    # and the next time it is gone on with
    mends = editor(board.folder, """grep -q . "$1" && echo '{"dialling": "off"}' > "$1" """)
    ran = await board("--yes", "switchboard", "edit", environment=mends)
    assert "going on with the draft" in ran.err
    assert await held(board) == {"dialling": "off"}


async def test_where_nobody_is_asked_the_editor_is_not_opened_again(board: CliTerminal) -> None:
    writes = editor(board.folder, """echo '{"dialling": "of"}' > "$1"; echo once >> opened""")
    ran = await board("--yes", "switchboard", "edit", environment=writes)
    assert ran.status == 1
    assert "your draft is in" in ran.err
    assert (board.folder / "opened").read_text() == "once\n"


async def test_a_trial_tells_where_the_draft_is(board: CliTerminal) -> None:
    writes = editor(board.folder, """echo '{"dialling": "off"}' > "$1" """)
    ran = await board("--dry-run", "switchboard", "edit", environment=writes)
    assert ran.status == 0
    assert "dialling: (none) → off" in ran.out
    assert "your draft is in" in ran.out
    assert await held(board) == {}


async def test_where_storing_fails_it_is_not_said_that_nothing_was_changed(
    board: CliTerminal,
) -> None:
    # given Secrets Manager, which fails while the editor is open
    client = board.platform.cloud.client("secretsmanager")
    secret = board.platform.stack.secrets["SwitchboardSecret"]
    writes = editor(
        board.folder,
        """
        touch opened
        while [ ! -e gone ]; do sleep 0.1; done
        echo '{"dialling": "off"}' > "$1"
        """,
    )
    editing = asyncio.create_task(board("--yes", "switchboard", "edit", environment=writes))
    try:
        while not (board.folder / "opened").exists():
            assert not editing.done()
            await asyncio.sleep(0.05)
        client.delete_secret(SecretId=secret)
        (board.folder / "gone").touch()
        ran = await editing
    finally:
        client.restore_secret(SecretId=secret)
    assert ran.status == 1
    assert "nothing was changed" not in ran.err
    assert "`show` tells what holds; your draft is in" in ran.err


async def test_an_editor_that_fails_changes_nothing(board: CliTerminal) -> None:
    for environment in (editor(board.folder, "exit 3"), {"EDITOR": "/no/such/editor"}):
        ran = await board("--yes", "switchboard", "edit", environment=environment)
        assert ran.status == 1
        assert "editor" in ran.err
    assert await held(board) == {}


async def test_a_change_of_somebody_else_meanwhile_is_not_overwritten(board: CliTerminal) -> None:
    # given an editor during whose work another terminal stores something
    other = board.folder / "other.json"
    other.write_text('{"numbers": {}}')
    script = f"""
    {sys.executable} -m voicectl --local --yes switchboard set {other} > /dev/null || exit 1
    echo '{{"dialling": "off"}}' > "$1"
    """
    ran = await board("--yes", "switchboard", "edit", environment=editor(board.folder, script))
    assert ran.status == 1
    assert "Somebody changed the switchboard meanwhile" in ran.err
    assert await held(board) == {"numbers": {}}


async def test_doctor_tells_what_the_switchboard_keeps_from_happening(board: CliTerminal) -> None:
    await store(board, {"dialling": "off", "closed": {"announcement": "We are closed."}})
    checks = (await board("--json", "doctor")).json["checks"]
    told = [one["text"] for one in checks if one["check"] == "switchboard"]
    assert any("dialling is off" in text for text in told)
    assert any("closed at all hours" in text for text in told)
