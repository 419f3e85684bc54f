"""`voicectl calls`: one row per call; and calls by the start of their UUID."""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from local.samples.signing import Sample, Signer
from tests.voicectl.calls.call_helpers import WAITING, answered, inbound, look, ncco_file, until

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliTerminal, CompletedCommand

pytestmark = pytest.mark.asyncio(loop_scope="session")
CALLEE, SECOND = "447700900731", "447700900732"


def rows(listed: CompletedCommand) -> list[dict[str, str]]:
    """Return the rows of the printed table."""
    columns, *lines = (line.split("\t") for line in listed.out.splitlines() if "\t" in line)
    return [dict(zip(columns, line, strict=True)) for line in lines]


async def store_started(terminal: CliTerminal, leg: str) -> None:
    """Send the webhook of a started inbound leg to the platform."""
    known = terminal.platform.credentials
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {
        "uuid": leg,
        "conversation_uuid": f"CON-{uuid.uuid4()}",
        "status": "started",
        "direction": "inbound",
        "from": "447700900733",
        "to": "447700900000",
        "timestamp": now,
    }
    body = json.dumps(fields).encode()
    signer = Signer(known.signature_secret, known.api_key, known.application_id)
    token = signer.token(Sample("POST", "/webhooks/event", "", body))
    async with terminal.http.post(
        f"{terminal.platform.api_url}/webhooks/event",
        data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    ) as response:
        assert response.status == 204, await response.text()


async def test_a_call_with_two_legs_is_one_row_with_its_result(terminal: CliTerminal) -> None:
    connect = {
        "action": "connect",
        "from": "447700900000",
        "endpoint": [{"type": "phone", "number": SECOND}],
    }
    file = ncco_file(terminal, [connect, *WAITING])
    leg = (await terminal.json("call", "--to", CALLEE, "--ncco", file))["uuid"]
    conversation = (await look(terminal, leg))["conversation_uuid"]

    async def both_answered() -> bool:
        listed = await terminal.json("calls", "--conversation", conversation)
        return [one["status"] for one in listed["calls"]] == ["answered", "answered"]

    await until(both_answered)
    live = rows(await terminal("calls", "--conversation", conversation))
    assert [(row["uuid"], row["result"]) for row in live] == [(leg, "answered")]
    await terminal.json("hangup", leg)

    async def over() -> bool:
        listed = await terminal.json("calls", "--conversation", conversation)
        return [one["status"] for one in listed["calls"]] == ["completed", "completed"]

    await until(over)
    (row,) = rows(await terminal("calls", "--conversation", conversation[:12]))
    assert (row["uuid"], row["to"], row["flow"]) == (leg, CALLEE, "")
    assert (row["direction"], row["result"]) == ("outbound", "connected")
    # A filter by status can leave out the other leg, so there is no result to compute.
    filtered = rows(await terminal("calls", "--status", "completed", "--most", "10000"))
    assert {one["result"] for one in filtered} == {"completed"}


async def test_an_inbound_call_has_the_flow_of_the_called_number(terminal: CliTerminal) -> None:
    leg = await inbound(terminal, "447700900734")
    day = (await terminal.json("timeline", leg))["events"][0]["timestamp"][:10]
    for words in (("calls",), ("calls", "--day", day, "--most", "10000")):
        found = [one for one in rows(await terminal(*words)) if one["from"] == "447700900734"]
        assert [(one["flow"], one["result"]) for one in found] == [("greet", "alone")], words


async def test_the_first_eight_digits_of_a_uuid_are_enough(terminal: CliTerminal) -> None:
    leg = await answered(terminal, CALLEE)
    shown = await terminal("timeline", leg[:8])
    assert (shown.status, leg in shown.out) == (0, True), shown
    assert await terminal.json("timeline", leg[:8].upper()) == await terminal.json("timeline", leg)
    ended = await terminal.json("hangup", leg.replace("-", "")[:12])
    assert ended["uuid"] == leg


async def test_digits_of_several_calls_or_of_none_are_an_error(terminal: CliTerminal) -> None:
    start = secrets.token_hex(4)
    legs = [f"{start}-0000-4000-8000-{secrets.token_hex(6)}" for _ in range(2)]
    unknown = await terminal("hangup", start)
    assert unknown.status == 1
    assert f"no call begins with {start}" in unknown.err
    for leg in legs:
        await store_started(terminal, leg)

    async def is_ambiguous() -> bool:
        return "is the beginning of 2" in (await terminal("hangup", start)).err

    await until(is_ambiguous)
    several = await terminal("hangup", start)
    assert several.status == 1
    assert all(leg in several.err for leg in legs)
    one = await terminal.json("timeline", legs[0][:-1])
    assert [leg["uuid"] for leg in one["legs"]] == [legs[0]]


@pytest.mark.parametrize("text", ["5ad3e1f", "5ad3e1fg", "x5ad3e1f0", "5ad3e1f0" * 5])
async def test_less_than_eight_digits_are_not_a_uuid(terminal: CliTerminal, text: str) -> None:
    ran = await terminal("hangup", text)
    assert ran.status == 2
    assert "or the first eight of them or more" in ran.err
