"""The example bot, in a process of its own, called with a stopped clock: ten equal results."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.simulator.agents import silence, tone, wav
from tests.simulator.harness import NUMBER, SimulatorHarness
from vonage_simulator.websocket_measures import turns_of

ROOT = Path(__file__).parents[2]
VOICE = wav(tone(0.6) + silence(0.1))


@pytest.fixture
async def bot_url() -> AsyncIterator[str]:
    """Start the bot on a free port; yield its URL."""
    environment = {name: value for name, value in os.environ.items() if "VONAGE" not in name}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.bot", "--port", "0"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        yield line.decode().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        await process.communicate()


async def test_ten_calls_of_the_example_bot_have_the_same_result(
    harness: SimulatorHarness, bot_url: str
) -> None:
    endpoint = {
        "type": "websocket",
        "uri": bot_url,
        "content-type": "audio/l16;rate=16000",
    }
    results = []
    for _ in range(10):
        call = await harness.receive_call(
            [{"action": "connect", "from": NUMBER, "endpoint": [endpoint]}]
        )
        await harness.step(0.5)  # within the greeting
        for _ in range(2):
            path = f"/sim/calls/{call.uuid}/audio"
            await harness.request("POST", path, data=VOICE)
            await harness.step(1.6)  # half a second into the reply
        await call.press("1")
        await harness.step(4)
        caller = harness.simulator.leg(call.uuid)
        (agent,) = [leg for leg in caller.conversation.everyone if leg.websocket is not None]
        measures = agent.websocket.measures
        turns = turns_of(agent, caller, harness.simulator.journal.entries())
        begin = measures.connected_at
        results.append(
            (
                [(round(it.begin - begin, 3), round(it.end - begin, 3)) for it in measures.audible],
                [(it.response, it.cleared, it.silenced, it.talked_over) for it in turns],
                [round(at - begin, 3) for at in measures.clears],
                (measures.most_frames_per_second, measures.underruns, measures.wrong_frames),
            )
        )
        await call.press("0")  # the bot closes
        await harness.step(1)
        assert agent.is_over
    assert results == results[:1] * 10
    audible, measured, clears, counts = results[0]
    assert audible[0][0] <= 0.1
    assert all(cleared is not None and cleared <= 0.14 for _, cleared, _, _ in measured)
    assert all(response is not None and response <= 0.5 for response, *_ in measured)
    assert (len(measured), len(clears)) == (2, 3)  # the key interrupts too
    assert counts[0] <= 150 and counts[1:] == (0, 0)
