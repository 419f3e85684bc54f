"""`voicectl watch`: show a call live."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.voicectl.calls.call_helpers import answered

if TYPE_CHECKING:
    from tests.voicectl.cli_process import CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIMIT = 40.0  # seconds


async def test_each_event_is_one_json_line_until_the_call_is_over(terminal: CliTerminal) -> None:
    leg = await answered(terminal, "447700900620")
    watching = await terminal.start("--json", "watch", leg, "--every", "0.5")
    assert watching.stdout is not None
    await asyncio.wait_for(watching.stdout.readline(), LIMIT)
    await terminal.json("hangup", leg)
    rest, err = await asyncio.wait_for(watching.communicate(), LIMIT)
    events = [json.loads(line) for line in rest.decode().splitlines()]
    statuses = [event["fields"].get("status") for event in events]
    assert watching.returncode == 0, err
    assert statuses[-1] == "completed"
    assert len({json.dumps(event) for event in events}) == len(events)


async def test_an_interrupted_watch_leaves_the_call(terminal: CliTerminal) -> None:
    leg = await answered(terminal, "447700900621")
    watching = await terminal.start("watch", leg)
    assert watching.stdout is not None
    await asyncio.wait_for(watching.stdout.readline(), LIMIT)
    watching.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(watching.communicate(), LIMIT)
    assert (watching.returncode, err) == (130, b"")
    assert out.decode().splitlines()[-1] == "stopped watching; the call continues"
    known = await terminal.vonage("GET", f"/sim/calls/{leg}")
    assert known["status"] == "answered"
