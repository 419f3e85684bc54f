"""`voicectl switchboard`: show, change and restore the switchboard."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.voicectl.calls.call_helpers import answered, look
from tests.voicectl.cli_process import platform_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from local.local_platform import LocalPlatform
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")

NUMBER = "447700900000"
LIMIT = 40.0  # seconds


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """A separate platform, since changes apply to later calls for a while."""
    async with platform_in(tmp_path_factory.mktemp("own")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def board(terminal: CliTerminal) -> AsyncIterator[CliTerminal]:
    """A terminal with an empty switchboard, emptied again after the test."""
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


async def test_a_number_is_routed_to_a_flow_and_back(board: CliTerminal) -> None:
    ran = await board("--yes", "switchboard", "number", f"+{NUMBER}", "voicemail")
    assert "numbers" in ran.out
    assert "voicemail" in ran.out
    assert "within 30 seconds" in ran.out
    assert "`voicectl --local switchboard undo`" in ran.out
    assert await held(board) == {"numbers": {NUMBER: "voicemail"}}
    await board("--yes", "switchboard", "number", NUMBER)
    assert await held(board) == {"numbers": {}}


@pytest.mark.parametrize("spelling", ["dialing", "dialling"])
async def test_dialing_is_turned_off_and_the_rest_stays(board: CliTerminal, spelling: str) -> None:
    await store(board, {"numbers": {NUMBER: "greet"}})
    assert (await board("--yes", "switchboard", spelling, "off")).status == 0
    denied = await board("call", "--to", "447700900123", "--flow", "greet")
    assert denied.status == 1
    assert re.search(r"nothing was dialed: .*\boff\b", denied.err)
    assert await held(board) == {"numbers": {NUMBER: "greet"}, "dialling": "off"}


async def is_over(terminal: CliTerminal, leg: str) -> bool:
    return bool((await look(terminal, leg))["over"])


async def test_dialing_off_shows_live_calls_and_leaves_them(board: CliTerminal) -> None:
    leg = await answered(board, "447700900701")
    ran = await board("--yes", "switchboard", "dialing", "off")
    assert ran.status == 0, ran
    assert leg in ran.out
    assert "Vonage still dials for them" in ran.out
    assert "--hang-up" in ran.out
    result = await board.json("switchboard", "dialing", "off")
    assert (leg in result["live"], result["hung_up"]) == (True, [])
    dry = await board("--dry-run", "switchboard", "dialing", "off", "--hang-up")
    assert "would hang them up" in dry.out
    assert not await is_over(board, leg)
    # and if that is asked for, all of them are hung up, also if dialing is off already
    ended = await board.json("switchboard", "dialing", "off", "--hang-up")
    assert set(ended["hung_up"]) == set(ended["live"])
    assert leg in ended["hung_up"]
    assert await is_over(board, leg)
    assert "no live calls" in (await board("--yes", "switchboard", "dialing", "off")).out


@pytest.mark.parametrize(("answer", "over"), [("y", True), ("n", False)])
async def test_in_a_terminal_dialing_off_offers_to_hang_up(
    board: CliTerminal, answer: str, over: bool
) -> None:
    leg = await answered(board, "447700900702")
    ours, theirs = os.openpty()
    os.write(ours, f"y\n{answer}\n".encode())
    try:
        process = await board.start("switchboard", "dialing", "off", stdin=theirs)
        out, err = await asyncio.wait_for(process.communicate(), LIMIT)
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Hang them all up?" in out.decode(), err
    assert await held(board) == {"dialling": "off"}
    assert await is_over(board, leg) == over
    await board("hangup", leg)


async def test_after_a_failed_list_of_live_calls_dialing_is_off(board: CliTerminal) -> None:
    await board.vonage("PUT", "/sim/faults", {"api_429": {"probability": 1}})
    ran = await board("--json", "switchboard", "dialing", "off")
    await board.vonage("PUT", "/sim/faults", {})
    assert (ran.status, ran.json["changed"]) == (1, True)
    assert "cannot list the live calls, which continue" in ran.err
    assert await held(board) == {"dialling": "off"}


async def test_hang_up_is_only_for_dialing_off(board: CliTerminal) -> None:
    ran = await board("--yes", "switchboard", "dialing", "on", "--hang-up")
    assert (ran.status, ran.err) == (2, "error: --hang-up is only for `dialing off`\n")


async def test_a_document_with_dialing_is_stored_with_dialling(board: CliTerminal) -> None:
    await store(board, {"dialing": "off"})
    assert await held(board) == {"dialling": "off"}
    file = board.folder / "same.json"
    file.write_text('{"dialing": "off"}')
    assert (await board("--yes", "switchboard", "set", str(file))).out == "nothing to change\n"


async def test_a_document_with_both_spellings_is_rejected(board: CliTerminal) -> None:
    file = board.folder / "both.json"
    file.write_text('{"dialing": "on", "dialling": "off"}')
    ran = await board("--yes", "switchboard", "set", str(file))
    assert ran.status == 1
    assert "dialing: also given as dialling" in ran.err
    assert await held(board) == {}


async def test_undo_restores_the_version_before_and_a_second_undo_reverts_it(
    board: CliTerminal,
) -> None:
    await store(board, {"dialling": "off"})
    ran = await board("--yes", "switchboard", "undo")
    assert "dialling: off → (none)" in ran.out
    assert await held(board) == {}
    await board("--yes", "switchboard", "undo")
    assert await held(board) == {"dialling": "off"}


async def test_an_invalid_document_is_rejected_with_all_problems(
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
async def test_undo_fixes_an_invalid_document_from_outside(
    board: CliTerminal, before: Any, text: str
) -> None:
    await store(board, before)
    put_directly(board, text)
    shown = await board("switchboard", "show")
    assert (shown.status, "warning: " in shown.err) == (1, True), shown
    ran = await board("--yes", "switchboard", "undo")
    assert ran.status == 0, ran
    current = await board.json("switchboard", "show")
    assert (current["document"], current["problems"]) == (before, [])


def put_directly(terminal: CliTerminal, text: str) -> None:
    """Store a text without the application, as a user of the AWS console can."""
    client = terminal.platform.moto.client("secretsmanager")
    secret = terminal.platform.stack.secrets["SwitchboardSecret"]
    client.put_secret_value(SecretId=secret, SecretString=text)


async def test_an_invalid_part_can_be_replaced(board: CliTerminal) -> None:
    put_directly(board, '{"numbers": null}')
    assert (await board("--yes", "switchboard", "number", NUMBER, "greet")).status == 0
    assert await held(board) == {"numbers": {NUMBER: "greet"}}


async def test_a_part_that_is_null_is_rejected_and_not_treated_as_missing(
    board: CliTerminal,
) -> None:
    file = board.folder / "null.json"
    file.write_text('{"dialling": null}')
    ran = await board("--yes", "switchboard", "set", str(file))
    assert ran.status == 1
    assert "dialling: must be on or off" in ran.err


async def test_a_file_with_a_duplicate_key_is_rejected(board: CliTerminal) -> None:
    file = board.folder / "twice.json"
    file.write_text('{"dialling": "off", "dialling": "on"}')
    ran = await board("--yes", "switchboard", "set", str(file))
    assert ran.status == 2
    assert "duplicate key: dialling" in ran.err
    assert await held(board) == {}


async def test_a_file_that_is_not_json_is_not_sent(board: CliTerminal) -> None:
    file = board.folder / "broken.json"
    file.write_text("dialling: off")
    ran = await board("switchboard", "set", str(file))
    assert ran.status == 2
    assert "is not valid JSON" in ran.err


async def test_without_confirmation_nothing_changes(board: CliTerminal) -> None:
    ran = await board("switchboard", "dialing", "off")
    assert ran.status == 1
    assert "--yes" in ran.err
    dry = await board("--dry-run", "switchboard", "dialing", "off")
    assert "dialling: (none) → off" in dry.out
    assert await held(board) == {}


async def test_the_same_document_changes_nothing(board: CliTerminal) -> None:
    await store(board, {"dialling": "on"})
    ran = await board("--yes", "switchboard", "dialing", "on")
    assert ran.out == "nothing to change\n"


def editor(folder: Path, script: str) -> dict[str, str]:
    """Create an editor that runs a script with the file's path as its argument."""
    program = folder / "editor.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"EDITOR": str(program)}


async def test_the_document_is_changed_in_an_editor(board: CliTerminal) -> None:
    writes = editor(board.folder, """echo '{"dialling": "off"}' > "$1" """)
    ran = await board("--yes", "switchboard", "edit", environment=writes)
    assert ran.status == 0, ran
    assert await held(board) == {"dialling": "off"}
    assert not (board.folder / ".connect" / "switchboard.json").exists()


def many_lines(characters: int) -> dict[str, Any]:
    """Return a document with business lines that has this many characters as JSON."""
    line = {"greeting": "G" * 900, "ring": [{"number": "447700900001", "seconds": 20}]}
    document = {"lines": {f"44770091{number:04}": dict(line) for number in range(40)}}
    missing = characters - len(json.dumps(document))
    number = 0
    while missing > 0:
        document["lines"][f"44770091{number:04}"]["thanks"] = "T" * min(900, max(1, missing - 14))
        missing = characters - len(json.dumps(document))
        number += 1
    return document


async def test_business_lines_of_the_largest_size_are_edited_and_undone(
    board: CliTerminal,
) -> None:
    large = many_lines(59_000)
    content = board.folder / "large.json"
    content.write_text(json.dumps(large))
    await store(board, {"numbers": {NUMBER: "greet"}})
    writes = editor(board.folder, f"""cat {content} > "$1" """)
    ran = await board("--yes", "switchboard", "edit", environment=writes)
    assert ran.status == 0, ran
    assert await held(board) == large
    shorter = editor(board.folder, """sed -i 's/"seconds": 20/"seconds": 25/' "$1" """)
    ran = await board("--yes", "switchboard", "edit", environment=shorter)
    assert "lines.447700910000.ring: " in ran.out, ran
    assert (await board("--yes", "switchboard", "undo")).status == 0
    assert await held(board) == large


async def test_business_lines_that_are_too_long_stay_as_a_draft(board: CliTerminal) -> None:
    content = board.folder / "large.json"
    content.write_text(json.dumps(many_lines(62_000)))
    writes = editor(board.folder, f"""cat {content} > "$1" """)
    ran = await board("--yes", "switchboard", "edit", environment=writes)
    assert (ran.status, "longer than 60000 characters" in ran.err) == (1, True), ran
    assert (board.folder / ".connect" / "switchboard.json").read_text() == content.read_text()
    assert await held(board) == {}


async def test_every_fault_of_a_line_is_shown_with_where_it_is(board: CliTerminal) -> None:
    faults = {"ring": [{"number": "447700900001", "seconds": 1}], "colour": "red"}
    file = board.folder / "faults.json"
    file.write_text(json.dumps({"lines": {NUMBER: faults}}))
    ran = await board("--yes", "switchboard", "set", str(file))
    assert ran.status == 1
    assert f"lines.{NUMBER}.ring[0].seconds" in ran.err
    assert f"lines.{NUMBER}.colour" in ran.err
    assert await held(board) == {}


@pytest.mark.parametrize("written", ['{"dialling": "of"}', "no JSON"])
async def test_an_edited_document_that_is_rejected_stays_as_a_draft(
    board: CliTerminal, written: str
) -> None:
    writes = editor(board.folder, f"""echo '{written}' > "$1" """)
    ran = await board("switchboard", "edit", environment=writes)
    assert ran.status == 1
    draft = board.folder / ".connect" / "switchboard.json"
    assert draft.read_text() == f"{written}\n"
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    # and the next edit continues with it
    fixes = editor(board.folder, """grep -q . "$1" && echo '{"dialling": "off"}' > "$1" """)
    ran = await board("--yes", "switchboard", "edit", environment=fixes)
    assert "continuing with the draft" in ran.err
    assert await held(board) == {"dialling": "off"}


async def test_with_yes_the_editor_is_opened_once(board: CliTerminal) -> None:
    writes = editor(board.folder, """echo '{"dialling": "of"}' > "$1"; echo once >> opened""")
    ran = await board("--yes", "switchboard", "edit", environment=writes)
    assert ran.status == 1
    assert "Your draft is in" in ran.err
    assert (board.folder / "opened").read_text() == "once\n"


async def test_a_dry_run_of_edit_names_the_draft(board: CliTerminal) -> None:
    writes = editor(board.folder, """echo '{"dialling": "off"}' > "$1" """)
    ran = await board("--dry-run", "switchboard", "edit", environment=writes)
    assert ran.status == 0
    assert "dialling: (none) → off" in ran.out
    assert "your draft is in" in ran.out
    assert await held(board) == {}


async def test_after_a_failed_store_the_result_is_reported_as_unknown(
    board: CliTerminal,
) -> None:
    # given that Secrets Manager fails while the editor is open
    client = board.platform.moto.client("secretsmanager")
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
    assert "nothing changed" not in ran.err
    assert "check with `voicectl --local switchboard show`. Your draft is in" in ran.err


async def test_an_editor_that_fails_changes_nothing(board: CliTerminal) -> None:
    for environment in (editor(board.folder, "exit 3"), {"EDITOR": "/no/such/editor"}):
        ran = await board("--yes", "switchboard", "edit", environment=environment)
        assert ran.status == 1
        assert "editor" in ran.err
    assert await held(board) == {}


async def test_a_concurrent_change_is_not_overwritten(board: CliTerminal) -> None:
    # given that another terminal stores a document while the editor is open
    other = board.folder / "other.json"
    other.write_text('{"numbers": {}}')
    script = f"""
    "{sys.executable}" -m voicectl --local --yes switchboard set "{other}" > /dev/null || exit 1
    echo '{{"dialling": "off"}}' > "$1"
    """
    ran = await board("--yes", "switchboard", "edit", environment=editor(board.folder, script))
    assert ran.status == 1
    assert "The switchboard was changed by someone else" in ran.err
    assert await held(board) == {"numbers": {}}


async def test_doctor_warns_when_dialing_is_off_or_it_is_always_closed(board: CliTerminal) -> None:
    await store(board, {"dialling": "off", "closed": {"announcement": "We are closed."}})
    checks = (await board("--json", "doctor")).json["checks"]
    texts = [one["text"] for one in checks if one["check"] == "switchboard"]
    assert any("outbound dialing is off" in text for text in texts)
    assert any("closed at all hours" in text for text in texts)
