"""The background tasks of the simulator."""

import asyncio
import signal
import time
from pathlib import Path
from types import FrameType

from vonage_simulator import SimulatorSettings
from vonage_simulator.account import SimulatedAccount
from vonage_simulator.clock import Clock
from vonage_simulator.recordings import RecordingStore
from vonage_simulator.state import SimulatorState


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError("the event loop is busy")


async def test_stop_ends_although_a_task_has_just_ended(tmp_path: Path) -> None:
    clock = Clock(0, 0)
    state = SimulatorState(
        SimulatorSettings(),
        SimulatedAccount("key", "secret", "signature secret"),
        clock,
        time.time,
        RecordingStore(tmp_path, clock, 60),
    )
    state.spawn(asyncio.sleep(0, "ends in the first turn of the event loop"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    former = signal.signal(signal.SIGALRM, interrupt)  # no timer of a busy event loop fires
    signal.alarm(10)
    try:
        await state.stop()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
