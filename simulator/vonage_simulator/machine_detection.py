"""Answering machine detection: what is detected, and when (advanced detection guide)."""

import asyncio
from collections.abc import AsyncIterator

from .legs import HangUp, Leg
from .ncco import MachineDetection
from .state import SentWebhook, SimulatorState


async def detections(
    state: SimulatorState, leg: Leg, detection: MachineDetection
) -> AsyncIterator[SentWebhook | None]:
    """Report human or machine, then a machine's beep if the mode has it; yield each event.

    With behavior hangup, a machine ends the leg: then nothing after the detection runs.
    """
    settings = state.settings
    is_machine = state.callee(leg.callee).behaviour == "machine"
    found_after = settings.machine_detected_after if is_machine else settings.human_detected_after
    await state.clock.sleep(found_after)
    if leg.is_over:
        return
    sent = state.report_status(leg, "machine" if is_machine else "human")
    leg.status = "machine" if is_machine else "answered"
    if is_machine and detection.behavior == "hangup":
        leg.commands.put(HangUp("platform"))
        await asyncio.shield(leg.over)
        return
    yield sent
    if is_machine and detection.mode in ("default", "detect_beep"):
        sub_state = await _wait_for_beep(state, leg, detection)
        if not leg.is_over:
            yield state.report_status(leg, "machine", sub_state=sub_state)


async def _wait_for_beep(state: SimulatorState, leg: Leg, detection: MachineDetection) -> str:
    """Wait for the machine's beep; return beep_start, or beep_timeout if none comes in time."""
    callee = state.callee(leg.callee)
    now = state.clock.now()
    answered = now if leg.answered_at is None else leg.answered_at
    until = now + (detection.beep_timeout or state.settings.default_beep_timeout)
    beep_at = None if callee.beep_after is None else answered + callee.beep_after
    if beep_at is None or beep_at > until:
        await state.clock.sleep_until(until)
        return "beep_timeout"
    await state.clock.sleep_until(beep_at)
    return "beep_start"
