"""A run of `voicectl capture` at a simulator, and the caller that it asks for."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.voicectl.cli_process import free_port
from vonage_simulator import Simulator, SimulatorSettings
from vonage_simulator.settings import WebhookTarget

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

NUMBER, CALLER = "447700900777", "447700900123"
PATIENCE = 90.0  # seconds


async def run_capture(
    folder: Path,
    settings: dict[str, Any],
    call: Callable[[aiohttp.ClientSession, str], Awaitable[None]],
    *options: str,
    last_step: str,
) -> None:
    """Run the command in a folder until it wrote its file. It restores the webhooks.

    Parameters
    ----------
    settings
        Those of the simulator.
    call
        Follows the guide on a leg, given a session for the control API and the leg's UUID.
    last_step
        The number of the guide's last step; the call begins when it is printed.
    """
    answer = WebhookTarget("http://127.0.0.1:9/webhooks/answer")
    made = SimulatorSettings(numbers=(NUMBER,), answer=answer, event=answer, **settings)
    async with Simulator(made) as vonage, aiohttp.ClientSession(vonage.http_url) as http:
        before = vonage.application().answer
        port = free_port()
        write_stack_file(folder, vonage, vonage_number=NUMBER)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicectl", "capture", *options, "--local", "--yes"),
            *("--public-url", f"http://127.0.0.1:{port}", "--port", str(port)),
            *("--patience", "80"),
            cwd=folder,
            env={"PATH": ""},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            assert process.stdout is not None
            while line := await asyncio.wait_for(process.stdout.readline(), PATIENCE):
                if line.startswith(f"{last_step}.".encode()):
                    break
            await call(http, await start_call(http))
            out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, out.decode()
        assert vonage.application().answer == before


def write_stack_file(folder: Path, vonage: Simulator, **more: str) -> None:
    """Write the stack file of a local platform whose Vonage is this simulator."""
    (folder / ".local").mkdir()
    known = {
        "vonage_tls_url": vonage.tls_url,
        "vonage_ca_file": vonage.ca_file,
        "application_id": vonage.application_id,
        "api_key": vonage.api_key,
        "api_secret": vonage.api_secret,
        "signature_secret": vonage.signature_secret,
    }
    (folder / ".local" / "stack.json").write_text(json.dumps(known | more))


async def start_call(http: aiohttp.ClientSession) -> str:
    """Call the number, and return the UUID of the caller's leg."""
    async with http.post("/sim/calls", json={"from": CALLER, "to": NUMBER}) as response:
        leg: str = (await response.json())["uuid"]
        return leg
