"""Answering machine detection: what is detected, and when (advanced detection guide)."""

import asyncio

from .legs import HangUp, Leg
from .ncco import MachineDetection
from .state import SimulatorState
from .webhook_sender import DeliveryResult


async def detect(
    state: SimulatorState, leg: Leg, detection: MachineDetection
) -> DeliveryResult | None:
    """Report human or machine, and the beep if requested; return the result of the last event."""
    callee = state.callee(leg.callee)
    is_machine = callee.behaviour == "machine"
    settings = state.settings
    found_after = settings.machine_detected_after if is_machine else settings.human_detected_after
    await state.clock.sleep(found_after)
    if leg.is_over:
        return None
    delivery = state.report_status(leg, "machine" if is_machine else "human")
    leg.status = "machine" if is_machine else "answered"
    if is_machine and detection.behavior == "hangup":
        leg.commands.put(HangUp("platform"))
        return None
    if is_machine and detection.mode == "detect_beep":
        sub_state = await _wait_for_beep(state, leg, detection)
        delivery = state.report_status(leg, "machine", sub_state=sub_state)
    return None if delivery is None or detection.waits else await asyncio.shield(delivery)


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
