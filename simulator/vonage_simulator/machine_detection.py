"""Machine detection: what is found out about who answered, and when (advanced detection guide)."""

import asyncio

from .legs import HangUp, Leg
from .ncco import MachineDetection
from .state import SimulatorState
from .webhook_sender import DeliveryResult


async def detect(
    platform: SimulatorState, leg: Leg, wanted: MachineDetection
) -> DeliveryResult | None:
    """Report human or machine, and a machine's beep where asked; the last event's reply."""
    callee = platform.callee(leg.callee)
    is_machine = callee.behaviour == "machine"
    settings = platform.settings
    found_after = settings.machine_detected_after if is_machine else settings.human_detected_after
    await platform.clock.sleep(found_after)
    if leg.is_over:
        return None
    sending = platform.report_status(leg, "machine" if is_machine else "human")
    leg.status = "machine" if is_machine else "answered"
    if is_machine and wanted.behavior == "hangup":
        leg.commands.put(HangUp("platform"))
        return None
    if is_machine and wanted.mode == "detect_beep":
        sub_state = await _beep(platform, leg, wanted)
        sending = platform.report_status(leg, "machine", sub_state=sub_state)
    return None if sending is None or wanted.waits else await asyncio.shield(sending)


async def _beep(platform: SimulatorState, leg: Leg, wanted: MachineDetection) -> str:
    """Wait for the machine's beep: beep_start, or beep_timeout when none comes in time."""
    callee = platform.callee(leg.callee)
    now = platform.clock.now()
    answered = now if leg.answered_at is None else leg.answered_at
    until = now + (wanted.beep_timeout or platform.settings.default_beep_timeout)
    beep_at = None if callee.beep_after is None else answered + callee.beep_after
    if beep_at is None or beep_at > until:
        await platform.clock.sleep_until(until)
        return "beep_timeout"
    await platform.clock.sleep_until(beep_at)
    return "beep_start"
