"""Place calls from a terminal, and wait for them."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from tests.voicectl.cli_process import CliTerminal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

_PATIENCE = 30.0  # seconds
WAITING: list[dict[str, Any]] = [{"action": "wait", "timeout": 600}]


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until a function returns a true value, and return it."""
    end = time.monotonic() + _PATIENCE
    while not (found := await holds()):
        assert time.monotonic() < end, "timed out"
        await asyncio.sleep(0.1)
    return found


def with_stack_file(terminal: CliTerminal, folder: Path, **changes: Any) -> CliTerminal:
    """Return a terminal in another folder, with changes in its stack.json."""
    content = json.loads((terminal.folder / ".local" / "stack.json").read_text())
    content["outputs"] = content["outputs"] | changes.pop("outputs", {})
    (folder / ".local").mkdir(parents=True)
    (folder / ".local" / "stack.json").write_text(json.dumps(content | changes))
    return CliTerminal(terminal.platform, folder, terminal.http)


def ncco_file(terminal: CliTerminal, actions: list[dict[str, Any]]) -> str:
    """Write an NCCO to the terminal's folder, and return its name."""
    name = f"{uuid.uuid4()}.json"
    (terminal.folder / name).write_text(json.dumps(actions))
    return name


async def look(terminal: CliTerminal, leg: str) -> dict[str, Any]:
    """Return the simulator's state of a leg."""
    found: dict[str, Any] = await terminal.vonage("GET", f"/sim/calls/{leg}")
    return found


async def answered(terminal: CliTerminal, to: str) -> str:
    """Place a call that stays open, and return its leg once it is answered."""
    placed = await terminal.json("call", "--to", to, "--ncco", ncco_file(terminal, WAITING))
    leg: str = placed["uuid"]

    async def up() -> bool:
        return bool((await look(terminal, leg))["status"] == "answered")

    await until(up)
    return leg


async def inbound(terminal: CliTerminal, caller: str) -> str:
    """Simulate an inbound call, and return the leg once its end is stored."""
    body = {"from": caller, "to": terminal.platform.template.parameters["VonageNumber"]}
    leg: str = (await terminal.vonage("POST", "/sim/calls", body))["uuid"]

    await ended(terminal, leg)
    return leg


async def recorded(terminal: CliTerminal, to: str, *words: str) -> dict[str, Any]:
    """Place a call that is recorded, and return its recording once it is stored."""
    url = f"{terminal.platform.api_url}/webhooks/recordings"
    name = ncco_file(
        terminal,
        [{"action": "record", "eventUrl": [url]}, {"action": "talk", "text": "Recorded"}],
    )
    placed = await terminal.json("call", "--to", to, "--ncco", name, *words)

    table = terminal.platform.stack.outputs["TableName"]
    dynamodb = terminal.platform.moto.client("dynamodb")

    async def stored() -> bool:
        found = await asyncio.to_thread(
            dynamodb.scan,
            TableName=table,
            FilterExpression="conversation = :conversation",
            ExpressionAttributeValues={":conversation": {"S": placed["conversation_uuid"]}},
        )
        return bool(found["Items"])

    await until(stored)
    listed = await terminal.json("recordings", placed["uuid"])
    known: dict[str, Any] = placed | {"recording": listed["recordings"][0]}
    return known


async def leave_voicemail(terminal: CliTerminal, caller: str, words: str) -> str:
    """Leave a message on the flow `voicemail`, and return its recording once it is stored."""
    url = f"{terminal.platform.api_url}/webhooks/answer?flow=voicemail"
    rented = terminal.platform.template.parameters["VonageNumber"]
    call = {"from": caller, "to": rented, "answer_url": url}
    leg = (await terminal.vonage("POST", "/sim/calls", call))["uuid"]

    async def recording() -> bool:
        actions = (await terminal.vonage("GET", f"/sim/calls/{leg}"))["heard"]
        return any("beep" in str(sound) for sound in actions)

    await until(recording)
    await terminal.vonage("POST", f"/sim/calls/{leg}/speech", {"text": words})
    await terminal.vonage("POST", f"/sim/calls/{leg}/digits", {"digits": "#"})
    await ended(terminal, leg)
    found: list[dict[str, Any]] = []

    async def stored() -> bool:
        found[:] = (await terminal.json("recordings", leg))["recordings"]
        return bool(found) and found[0]["state"] == "kept"

    await until(stored)
    return str(found[0]["uuid"])


async def ended(terminal: CliTerminal, leg: str) -> None:
    """Wait until the end of a leg is stored."""
    table = terminal.platform.stack.outputs["TableName"]
    dynamodb = terminal.platform.moto.client("dynamodb")

    async def stored() -> bool:
        found = await asyncio.to_thread(
            dynamodb.query,
            TableName=table,
            IndexName="by-leg",
            KeyConditionExpression="leg = :leg",
            ExpressionAttributeValues={":leg": {"S": leg.replace("-", "").lower()}},
        )
        return any(item.get("status") == {"S": "completed"} for item in found["Items"])

    await until(stored)
