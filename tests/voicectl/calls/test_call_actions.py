"""Commands that place, change and list calls, on the local platform."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.voicectl.calls.call_helpers import WAITING, answered, inbound, look, ncco_file, until

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")
CALLEE = "447700900610"


async def legs_to(terminal: CliTerminal, number: str) -> int:
    legs = (await terminal.vonage("GET", "/sim/calls"))["calls"]
    return sum(leg["to"].get("number") == number for leg in legs)


async def test_a_call_dials_the_number_of_the_settings(terminal: CliTerminal) -> None:
    ran = await terminal("call", "--flow", "greet", environment={"TO_NUMBER": "+447700900611"})
    assert ran.status == 0, ran
    assert await legs_to(terminal, "447700900611") == 1


async def test_the_key_is_printed_before_the_result(terminal: CliTerminal) -> None:
    ran = await terminal("call", "--to", CALLEE, "--flow", "greet")
    assert re.match(r"Idempotency-Key: \S+\nuuid: \S+\n", ran.out), ran


async def test_after_a_lost_response_the_same_key_dials_nothing(terminal: CliTerminal) -> None:
    number = "447700900612"
    fault = {"api_drop_after": {"probability": 1, "times": 1}}
    await terminal.vonage("PUT", "/sim/faults", fault)
    lost = await terminal("call", "--to", number, "--flow", "greet")
    assert lost.status == 1
    key = lost.out.removeprefix("Idempotency-Key: ").strip()
    assert f"--key {key}" in lost.err
    again = await terminal("call", "--to", number, "--flow", "greet", "--key", key)
    assert (again.status, await legs_to(terminal, number)) == (1, 1)
    assert "It is unknown whether" in again.err


async def test_a_repeated_key_returns_the_same_call(terminal: CliTerminal) -> None:
    number, key = "447700900613", str(uuid.uuid4())
    words = ("call", "--to", number, "--flow", "greet", "--key", key)
    first, second = await terminal.json(*words), await terminal.json(*words)
    assert (first["uuid"], second["repeated"]) == (second["uuid"], True)
    assert await legs_to(terminal, number) == 1


async def test_a_dry_run_shows_the_request_and_dials_nothing(terminal: CliTerminal) -> None:
    number = "447700900614"
    shown = await terminal.json("call", "--to", number, "--flow", "greet", "--dry-run")
    assert shown["would_send"]["body"]["to"] == [{"type": "phone", "number": number}]
    assert await legs_to(terminal, number) == 0


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--to", "0770090012", "--flow", "greet"), "is not an E.164 number"),
        (("--to", CALLEE), "Missing option '--flow' / '--ncco' / '--answer-url'"),
        (("--to", CALLEE, "--ncco", "nowhere.json"), "cannot read nowhere.json"),
        (("--to", CALLEE, "--flow", "greet", "--key", "a b"), "visible ASCII"),
    ],
)
async def test_invalid_arguments_are_reported_before_any_request(
    terminal: CliTerminal, words: tuple[str, ...], error: str
) -> None:
    ran = await terminal("call", *words)
    assert ran.status == 2
    assert error in ran.err


@pytest.mark.parametrize("words", ["mute", "timeline", "talk --text hi"])
async def test_without_a_uuid_the_error_says_how_to_pass_it(
    terminal: CliTerminal, words: str
) -> None:
    ran = await terminal(*words.split())
    assert ran.status == 1
    line = f"voicectl --local {words.split()[0]} UUID"
    expected = f"error: pass the UUID (`{line}`), or set CALL_UUID in .env or in the environment."
    assert ran.err.startswith(expected)


async def test_without_a_number_the_error_says_how_to_pass_it(terminal: CliTerminal) -> None:
    terminal.change_stack_file(second_number=None)
    ran = await terminal("call", "--flow", "greet")
    assert ran.status == 1
    assert ran.err.startswith("error: pass --to NUMBER, or set TO_NUMBER in .env or in")


async def test_a_denied_number_is_reported(terminal: CliTerminal) -> None:
    ran = await terminal("call", "--to", "12025550123", "--flow", "greet")
    assert ran.status == 1
    assert "not allowed, and nothing was dialed" in ran.err


async def test_a_call_is_muted_earmuffed_and_hung_up(terminal: CliTerminal) -> None:
    leg = await answered(terminal, CALLEE)
    for action in ("mute", "unmute", "earmuff", "unearmuff"):
        assert (await terminal.json(action, leg))["uuid"] == leg
    assert (await terminal.json("hangup", leg))["done"] == "hung up"

    async def over() -> bool:
        return bool((await look(terminal, leg))["over"])

    await until(over)
    late = await terminal("mute", leg)
    assert (late.status, late.err) == (1, "error: Vonage has no such call. It may have ended.\n")


async def test_text_audio_and_digits_reach_the_call(terminal: CliTerminal) -> None:
    leg = await answered(terminal, CALLEE)
    await terminal.json("talk", leg, "--text", "A word from the terminal", "--level", "0.5")
    await terminal.json("dtmf", leg, "--digits", "12#")
    await terminal.json("dtmf", leg, "--listen")
    await terminal.json("talk", leg, "--stop")
    await terminal.json("stream", leg, "--stop")
    heard = (await look(terminal, leg))["heard"]
    assert any("A word from the terminal" in str(sound.get("text")) for sound in heard)
    assert any(sound["kind"] == "dtmf" for sound in heard)


@pytest.mark.parametrize("source", ["flow", "ncco"])
async def test_a_transferred_call_hears_the_new_ncco(terminal: CliTerminal, source: str) -> None:
    leg = await answered(terminal, CALLEE)
    file = ncco_file(terminal, [{"action": "talk", "text": "Thank you for calling"}, *WAITING])
    words = ("--flow", "greet") if source == "flow" else ("--ncco", file)
    await terminal.json("transfer", leg, *words)

    async def hears() -> bool:
        heard = (await look(terminal, leg))["heard"]
        return any("Thank you for calling" in str(sound.get("text")) for sound in heard)

    await until(hears)


async def test_calls_and_timelines_are_listed(terminal: CliTerminal) -> None:
    leg = await inbound(terminal, "447700900615")
    shown = await terminal("timeline", leg)
    assert "completed inbound 447700900615" in shown.out
    day = (await terminal.json("timeline", leg))["events"][0]["timestamp"][:10]
    stored = await terminal.json("calls", "--day", day, "--most", "10000")
    assert "447700900615" in [entry["from"] for entry in stored["entries"]]
    listed = await terminal.json("calls", "--status", "completed")
    assert leg in [call["uuid"].replace("-", "") for call in listed["calls"]] + [
        call["uuid"] for call in listed["calls"]
    ]
