"""Calls for tests of the command: placed from a terminal, and waited for."""

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
    """Wait for something, and give it."""
    end = time.monotonic() + _PATIENCE
    while not (found := await holds()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.1)
    return found


def seeing(terminal: CliTerminal, folder: Path, **changes: Any) -> CliTerminal:
    """Give a terminal in another folder, to which the platform tells something else."""
    told = json.loads((terminal.folder / ".local" / "stack.json").read_text())
    told["outputs"] = told["outputs"] | changes.pop("outputs", {})
    (folder / ".local").mkdir(parents=True)
    (folder / ".local" / "stack.json").write_text(json.dumps(told | changes))
    return CliTerminal(terminal.platform, folder, terminal.http)


def ncco_file(terminal: CliTerminal, actions: list[dict[str, Any]]) -> str:
    """Write an NCCO where the terminal is, and give its name."""
    name = f"{uuid.uuid4()}.json"
    (terminal.folder / name).write_text(json.dumps(actions))
    return name


async def look(terminal: CliTerminal, leg: str) -> dict[str, Any]:
    """Give what the simulated Vonage knows of a leg."""
    found: dict[str, Any] = await terminal.vonage("GET", f"/sim/calls/{leg}")
    return found


async def answered(terminal: CliTerminal, to: str) -> str:
    """Place a call that lasts, and give its leg once somebody has answered."""
    placed = await terminal.json("call", "--to", to, "--ncco", ncco_file(terminal, WAITING))
    leg: str = placed["uuid"]

    async def up() -> bool:
        return bool((await look(terminal, leg))["status"] == "answered")

    await until(up)
    return leg


async def ring(terminal: CliTerminal, caller: str) -> str:
    """Have somebody ring the number, and give the leg once it is kept that the call is over."""
    body = {"from": caller, "to": terminal.platform.template.parameters["VonageNumber"]}
    leg: str = (await terminal.vonage("POST", "/sim/calls", body))["uuid"]

    await ended(terminal, leg)
    return leg


async def recorded(terminal: CliTerminal, to: str, *words: str) -> dict[str, Any]:
    """Place a call that is recorded, and give what is known of its recording once it is kept."""
    url = f"{terminal.platform.api_url}/webhooks/recordings"
    name = ncco_file(
        terminal,
        [{"action": "record", "eventUrl": [url]}, {"action": "talk", "text": "Recorded"}],
    )
    placed = await terminal.json("call", "--to", to, "--ncco", name, *words)

    table = terminal.platform.stack.outputs["TableName"]
    dynamodb = terminal.platform.cloud.client("dynamodb")

    async def kept() -> bool:
        found = await asyncio.to_thread(
            dynamodb.scan,
            TableName=table,
            FilterExpression="conversation = :conversation",
            ExpressionAttributeValues={":conversation": {"S": placed["conversation_uuid"]}},
        )
        return bool(found["Items"])

    await until(kept)
    listed = await terminal.json("recordings", placed["uuid"])
    known: dict[str, Any] = placed | {"recording": listed["recordings"][0]}
    return known


async def ended(terminal: CliTerminal, leg: str) -> None:
    """Wait until it is kept that a leg ended."""
    table = terminal.platform.stack.outputs["TableName"]
    dynamodb = terminal.platform.cloud.client("dynamodb")

    async def told() -> bool:
        found = await asyncio.to_thread(
            dynamodb.query,
            TableName=table,
            IndexName="by-leg",
            KeyConditionExpression="leg = :leg",
            ExpressionAttributeValues={":leg": {"S": leg.replace("-", "").lower()}},
        )
        return any(item.get("status") == {"S": "completed"} for item in found["Items"])

    await until(told)
