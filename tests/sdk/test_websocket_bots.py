"""Echo and recorder bots with the packages of Vonage's samples: express-ws, ws and Tornado.

What those samples do that other bots do not: an echo returns the text messages too.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import wave
from array import array
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.sdk.conftest import PACKAGES, ROOT
from tests.simulator.bots import LOUD
from tests.simulator.harness import SimulatorHarness, talk
from tests.simulator.test_websocket_bots import (
    closed,
    end_of_recording,
    leg_and_errors,
    simulator_process,
)
from tests.simulator.test_websocket_leg import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECONDS = 20
COMMANDS = {
    "express-ws": ("node", "tests/sdk/websocket_bots.cjs", "express-ws"),
    "ws": ("node", "tests/sdk/websocket_bots.cjs", "ws"),
    "tornado": (sys.executable, "-m", "tests.sdk.websocket_bots"),
}


@asynccontextmanager
async def running_bot(
    package: str, folder: Path, *certificate: str
) -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
    """Run bots in another process; yield their port, and what the process prints after it."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMANDS[package], str(folder), *certificate),
        cwd=ROOT,
        env=os.environ | {"NODE_PATH": str(PACKAGES)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield int(await asyncio.wait_for(process.stdout.readline(), SECONDS)), process.stdout
    finally:
        process.kill()
        await process.wait()


async def end_of_connection(output: asyncio.StreamReader) -> Any:
    """Return what a bot printed about a connection that ended."""
    return json.loads(await asyncio.wait_for(output.readline(), SECONDS))


@pytest.mark.parametrize(("scheme", "rate"), [("ws", 16000), ("wss", 8000)])
@pytest.mark.parametrize("name", ["echo", "recorder"])
@pytest.mark.parametrize("package", ["express-ws", "tornado"])
async def test_echo_and_recorder_of_a_package_work_over_ws_and_wss(
    tmp_path: Path, package: str, name: str, scheme: str, rate: int
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    pem = tmp_path / "bot.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    content_type = f"audio/l16;rate={rate}"
    async with running_bot(package, tmp_path, *[str(pem)] * (scheme == "wss")) as (port, output):
        uri = f"{scheme}://127.0.0.1:{port}/{name}"
        ncco = [connect(uri, **{"content-type": content_type})]
        async with simulator_process(ncco, str(tmp_path / "ca.pem")) as control:
            heard = await end_of_recording(control)
        ended = await end_of_connection(output)
    assert ended["code"] == 1000
    if name == "echo":
        (sound,) = heard  # in one piece: the returned texts do not end the connection
        assert sound["to_ms"] - sound["from_ms"] == pytest.approx(4000, abs=100)
        return
    assert heard == []
    assert ended["texts"] == [
        {"event": "websocket:connected", "content-type": content_type, "customer": "ABC"},
        {"event": "websocket:dtmf", "digit": "7", "duration": 260},
    ]
    with wave.open(str(tmp_path / "recording.wav")) as file:
        assert file.getparams()[:3] == (1, 2, rate)
        audio = file.readframes(file.getnframes())
    size = rate // 50 * 2  # bytes in 20 ms
    frames = [array("h", audio[at : at + size]) for at in range(0, len(audio), size)]
    assert len(frames) == pytest.approx(200, abs=10)
    loud = [frame for frame in frames if max(map(abs, frame)) >= LOUD]
    assert len(loud) == pytest.approx(1500 / 20 + 200 / 20, abs=3)  # four words, and a digit


async def test_an_echo_that_returns_texts_as_audio_is_cut_off(
    harness: SimulatorHarness, tmp_path: Path
) -> None:
    """Since version 8, ws has texts as buffers: what it sends back is binary."""
    async with running_bot("ws", tmp_path) as (port, output):
        uri = f"ws://127.0.0.1:{port}/echo"
        call = await harness.receive_call([connect(uri), talk("afterwards")])
        await harness.step(1)
        assert (await end_of_connection(output))["code"] == 1006
    leg, statuses, wrong = await leg_and_errors(harness)
    assert statuses == ["started", "answered", "disconnected", "completed"]
    assert wrong == [("error", "unexpected frame size")]
    entry = await closed(harness, leg)
    assert (entry["by"], entry["code"], entry["received"]) == ("platform", 1006, 0)
    assert await call.texts() == ["afterwards"]
