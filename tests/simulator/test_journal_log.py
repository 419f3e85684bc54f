"""The lines that the command prints: one for each webhook, API request and error."""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.simulator.conftest import API_SECRET, SIGNATURE_SECRET
from tests.simulator.harness import CALLER, NUMBER, SimulatorHarness, talk
from vonage_simulator.clock import Clock
from vonage_simulator.journal import Journal
from vonage_simulator.journal_log import JournalLog, fields_of, json_line, text_line

MakeHarness = Callable[..., Awaitable[SimulatorHarness]]
ESCAPE = "\x1b"


def lines(harness: SimulatorHarness, colored: bool = False) -> list[str]:
    """Return the lines of everything that happened."""
    found = (fields_of(entry) for entry in harness.simulator.journal.entries())
    return [text_line(fields, colored) for fields in found if fields is not None]


def line_with(harness: SimulatorHarness, *words: str) -> str:
    """Return the only line with these words."""
    (line,) = [one for one in lines(harness) if all(word in one for word in words)]
    return line


async def test_each_webhook_has_a_line(harness: SimulatorHarness) -> None:
    call = await harness.receive_call([talk("hello")])
    line = line_with(harness, " answer ")
    assert f"webhook {call.uuid[:8]} answer GET {harness.url('/answer')} -> 200" in line
    assert "\n" in line[-1:]
    await harness.step(10)
    assert "-> 204" in line_with(harness, " completed ")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "refused the signature"),
        (403, "refused the signature"),
        (404, "no such route"),
        (405, "--answer-method"),
        (500, "status 200"),
    ],
)
async def test_a_failed_webhook_has_its_reason(
    harness: SimulatorHarness, status: int, reason: str
) -> None:
    harness.on("/answer", web.Response(status=status))
    await harness.receive_call()
    assert reason in line_with(harness, " answer ", f"-> {status}")


async def test_a_refused_unsigned_webhook_says_that_it_was_not_signed(
    make_harness: MakeHarness,
) -> None:
    harness = await make_harness(signed_callbacks=False)
    harness.on("/answer", web.Response(status=401))
    await harness.receive_call()
    assert "without a signature" in line_with(harness, " answer ")


async def test_a_webhook_without_a_response_says_why(harness: SimulatorHarness) -> None:
    await harness.faults(webhook_drop_before_body={"probability": 1, "times": 1})
    await harness.receive_call([])
    assert [one for one in lines(harness) if "-> failed" in one and "nothing listens" in one]


async def test_an_ncco_error_has_a_line_with_its_place(harness: SimulatorHarness) -> None:
    await harness.receive_call([talk("hello"), {"action": "dance"}])
    assert "action 2: unknown action" in line_with(harness, "Syntax error in NCCO")


async def test_a_call_without_an_answer_url_has_a_line(make_harness: MakeHarness) -> None:
    harness = await make_harness()
    harness.simulator.application().answer = None
    call = await harness.receive_call()
    line = line_with(harness, call.uuid[:8], "error")
    assert "the application has no answer URL" in line
    await harness.step(2)
    assert await call.status() == "completed"


async def test_a_websocket_that_cannot_be_reached_has_a_line(harness: SimulatorHarness) -> None:
    endpoint = {
        "type": "websocket",
        "uri": "ws://127.0.0.1:1/socket?key=hidden",
        "content-type": "audio/l16;rate=16000",
    }
    await harness.receive_call([{"action": "connect", "from": NUMBER, "endpoint": [endpoint]}])
    await harness.step(1)
    line = line_with(harness, "no WebSocket connection")
    assert "ws://127.0.0.1:1/socket" in line
    assert "hidden" not in line


async def test_a_websocket_fault_is_in_its_line(harness: SimulatorHarness) -> None:
    await harness.faults(ws_refuse={"value": 503})
    endpoint = {"type": "websocket", "uri": "ws://127.0.0.1:1/"}
    await harness.receive_call([{"action": "connect", "from": NUMBER, "endpoint": [endpoint]}])
    assert "ws://127.0.0.1:1/: status 503 fault ws_refuse" in line_with(harness, "error")
    assert "audio/l16;rate=16000 is assumed" in line_with(harness, "warning")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "connected", "faults": ["ws_loss"]}, "connected fault ws_loss"),
        (
            {"state": "closed", "by": "platform", "code": 1000, "faults": []}
            | {"received": 3, "dropped": 1, "sent": 500},
            "closed by the platform, code 1000; frames: 3 received, 1 dropped, 500 sent",
        ),
    ],
)
def test_a_websocket_has_a_line_when_it_connects_and_closes(
    fields: dict[str, Any], expected: str
) -> None:
    entry = {"kind": "websocket", "at": 0.0, "uuid": "abcdefgh-1"} | fields
    read = fields_of(entry)
    assert read is not None
    assert text_line(read, colored=False).endswith(f"abcdefgh {expected}\n")


async def test_an_api_request_has_a_line(harness: SimulatorHarness) -> None:
    await harness.place_call([talk("hello")])
    assert "api" in line_with(harness, "POST /v1/calls -> 201")


async def test_lines_have_no_secrets_and_no_queries(harness: SimulatorHarness) -> None:
    credentials = f"api_key=abcd1234&api_secret={API_SECRET}"
    await harness.request("GET", f"/account/numbers?{credentials}")
    await harness.api("GET", "/v1/calls")
    await harness.receive_call([talk("hello")])
    await harness.step(10)
    text = "".join(lines(harness))
    text += "".join(
        json_line(fields)
        for fields in map(fields_of, harness.simulator.journal.entries())
        if fields is not None
    )
    assert "/account/numbers -> 200" in text
    for secret in (API_SECRET, SIGNATURE_SECRET, "Bearer", "eyJ", "?", CALLER):
        assert secret not in text


async def test_lines_have_no_control_characters_of_others(harness: SimulatorHarness) -> None:
    await harness.receive_call([{"action": f"{ESCAPE}[2J\n"}])
    assert ESCAPE not in "".join(lines(harness))
    assert all(line.count("\n") == 1 for line in lines(harness))


async def test_a_path_of_others_puts_no_control_characters_into_a_line(
    harness: SimulatorHarness,
) -> None:
    await harness.request("GET", "/v1/calls/%1b%5b2J%0a", headers={"Host": "example.com"})
    (line,) = lines(harness)
    assert ESCAPE not in line
    assert line.count("\n") == 1


async def test_a_long_path_fills_no_memory(harness: SimulatorHarness) -> None:
    await harness.request("GET", "/v1/calls/" + "a" * 4000)
    (entry,) = await harness.entries("api")
    assert len(str(entry)) < 1000


async def test_lines_are_colored_only_if_asked(harness: SimulatorHarness) -> None:
    await harness.receive_call([talk("hello")])
    assert all(ESCAPE in line for line in lines(harness, colored=True))
    assert not any(ESCAPE in line for line in lines(harness))


# The reasons of refused API requests


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"application_id": "another"}, "application_id"),
        ({"exp": 1}, "expired"),
        ({"jti": None}, "no jti"),
        ({"iat": None}, "iat"),
        ({"exp": 4_000_000_000}, "24 hours"),
        ({"nbf": 4_000_000_000}, "nbf"),
    ],
)
async def test_a_refused_token_is_in_the_journal_with_the_reason(
    harness: SimulatorHarness, claims: dict[str, Any], reason: str
) -> None:
    headers = {"Authorization": f"Bearer {harness.token(**claims)}"}
    assert (await harness.request("GET", "/v1/calls", headers=headers)).status == 401
    (entry,) = await harness.entries("api")
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/v1/calls", 401)
    assert reason in entry["reason"]


@pytest.mark.parametrize(
    ("token", "reason"), [("", "no bearer token"), ("x.y.z", "not valid"), ("{}x", "another key")]
)
async def test_a_malformed_token_is_in_the_journal_with_the_reason(
    harness: SimulatorHarness, token: str, reason: str
) -> None:
    signed = harness.token()
    changed = signed[:-8] + ("A" * 8)
    headers = {"Authorization": f"Bearer {changed if '{' in token else token}"}
    assert (await harness.request("GET", "/v1/calls", headers=headers)).status == 401
    (entry,) = await harness.entries("api")
    assert reason in entry["reason"]
    assert changed not in json.dumps(entry)


async def test_an_invalid_request_is_in_the_journal_with_its_parameter(
    harness: SimulatorHarness,
) -> None:
    assert (await harness.api("POST", "/v1/calls", {"to": []})).status == 400
    (entry,) = await harness.entries("api")
    assert entry["reason"].startswith("to: ")


async def test_a_request_for_a_leg_is_among_its_entries(harness: SimulatorHarness) -> None:
    call = await harness.place_call([talk("hello")])
    response = await harness.api("PUT", f"/v1/calls/{call.uuid}/talk", {"text": "early"})
    assert response.status == 400
    *_, entry = await harness.entries("api", call.uuid)
    assert entry["reason"].startswith("the call is not in progress")


async def test_a_refused_host_says_why_and_is_in_the_journal(harness: SimulatorHarness) -> None:
    response = await harness.request("GET", "/sim", headers={"Host": "vonage:8080"})
    assert "start it with --allow-host vonage" in response.json["detail"]
    (entry,) = await harness.entries("api")
    assert (entry["status"], "--allow-host vonage" in entry["reason"]) == (403, True)


async def test_requests_to_the_control_api_have_no_entry(harness: SimulatorHarness) -> None:
    await harness.control("GET", "/calls")
    await harness.receive_call([talk("hello")])
    assert await harness.control("GET", "/nowhere")
    assert [one for one in harness.simulator.journal.entries() if one["kind"] == "api"] == []


async def test_a_fault_is_the_reason_of_its_error(harness: SimulatorHarness) -> None:
    await harness.faults(api_5xx={"probability": 1, "value": 503})
    await harness.api("GET", "/v1/calls")
    (entry,) = await harness.entries("api")
    assert (entry["status"], entry["reason"]) == (503, "fault api_5xx")


# Writing


async def test_a_reader_that_does_not_read_delays_nothing() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        journal = Journal(Clock(1.0, 0.0), 10)
        log = JournalLog(journal, stream, json_line)
        for number in range(3000):
            journal.write("error", reason=f"reason {number}")
            await asyncio.sleep(0)
        journal.write("end")
        await asyncio.wait_for(log.stop(), 10)
        assert len(os.read(reading, 1_000_000)) >= 4096


async def test_a_closed_reader_ends_the_log() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    journal = Journal(Clock(1.0, 0.0), 10)
    log = JournalLog(journal, stream, json_line)
    journal.write("error", reason="a reason")
    await asyncio.wait_for(log.stop(), 10)
    with contextlib.suppress(OSError):
        stream.close()
