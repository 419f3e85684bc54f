"""The lifecycle of a leg: dialing, its script, hangup, and the `completed` event."""

import asyncio
import logging
from typing import Any

from . import conversations, ncco_fetch, record_action, webhook_payloads
from .legs import AnswerCall, DeclineCall, HangUp, Leg, Redirect, Script, ScriptEnded
from .playback import play_machine_beep, say, stop_playbacks
from .settings import CalleeBehavior
from .state import SimulatorState

# People speak a moment after they answer.
SECONDS_BEFORE_SPEAKING = 0.5

logger = logging.getLogger(__name__)

# How a callee declines: the status, and further event fields (webhook reference).
DECLINES: dict[str, DeclineCall] = {
    "busy": DeclineCall("busy", {"sip_code": 486}),
    "reject": DeclineCall("rejected", {"detail": "declined", "sip_code": 603}),
    "unavailable": DeclineCall("unanswered", {"detail": "unavailable", "sip_code": 480}),
    "invalid": DeclineCall("failed", {"detail": "cannot_route", "sip_code": 404}),
}
# Events of a called leg that a synchronous connect can answer (NCCO reference: connect.eventType).
ANSWERABLE = frozenset({"timeout", "failed", "rejected", "unanswered", "busy"})


def start(state: SimulatorState, leg: Leg, script: Script) -> None:
    """Run a leg in the background."""
    leg.task = state.spawn(run(state, leg, script))


async def run(state: SimulatorState, leg: Leg, script: Script) -> None:
    """Dial an outbound leg, run its script, and finish the leg in any case."""
    try:
        if leg.direction == "inbound" or await dial(state, leg):
            leg.disconnected_by = await _run_scripts(state, leg, script)
            if leg.answered_at is None and leg.disconnected_by == "user":
                state.report_status(leg, "cancelled")
    finally:
        finish(state, leg)


async def _run_scripts(state: SimulatorState, leg: Leg, script: Script) -> str:
    """Run the script, and any script that replaces it; return who ended the leg."""
    while True:
        runner = state.spawn(_run_script(state, leg, script))
        runner.add_done_callback(lambda task: leg.commands.put(ScriptEnded(task)))
        try:
            command = await _next_command(leg, runner)
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
            stop_playbacks(leg)
        if isinstance(command, HangUp):
            return command.by
        if not isinstance(command, Redirect):
            return "platform"
        leg.redirected = False
        script = command.script
        if command.new_conversation:
            conversations.move(state, leg, state.new_conversation())
            leg.can_speak = leg.can_hear = None
            leg.joined = True


async def _next_command(leg: Leg, runner: "asyncio.Task[None]") -> Any:
    """Return the next command that ends or replaces the running script."""
    while True:
        command = await leg.commands.get()
        if isinstance(command, ScriptEnded) and command.task is not runner:
            continue
        if isinstance(command, AnswerCall | DeclineCall):
            continue
        leg.redirected = isinstance(command, Redirect)
        return command


async def _run_script(state: SimulatorState, leg: Leg, script: Script) -> None:
    try:
        await script(leg)
    except Exception:
        # A bug in the simulator must end only this call, and must be visible.
        logger.exception("the script of leg %s failed", leg.uuid)
        state.journal.write("error", uuid=leg.uuid, reason="internal error of the simulator")


async def dial(state: SimulatorState, leg: Leg) -> bool:
    """Call the callee; return whether they answer. If they don't, send the last status."""
    await announce(state, leg)
    callee = state.callee(leg.callee)
    if leg.websocket is None:
        _schedule_response(state, leg, callee)
    else:
        leg.websocket.open()
    until = state.clock.now() + leg.ring_time
    while True:
        command = await leg.commands.get(until)
        if isinstance(command, AnswerCall):
            answer(state, leg)
            _schedule_speech(state, leg, callee)
            return True
        if command is None:
            await _decline(state, leg, DeclineCall("timeout", {}))
            return False
        if isinstance(command, DeclineCall):
            await _decline(state, leg, command)
            return False
        if isinstance(command, HangUp):
            leg.disconnected_by = command.by
            state.report_status(leg, "cancelled")
            return False


async def announce(state: SimulatorState, leg: Leg) -> None:
    """Send `started` and `ringing`: often with the same timestamp, in either order.

    A WebSocket doesn't ring (events of a call flow: started, answered, disconnected, completed).
    """
    if leg.websocket is not None:
        state.report_status(leg, "started")
        return
    swapped: list[str] = []
    if not state.faults.is_triggered("swap_started_ringing", swapped):
        state.report_status(leg, "started")
    if state.settings.ringing_after:
        await state.clock.sleep(state.settings.ringing_after)
    state.report_status(leg, "ringing")
    if swapped:
        state.report_status(leg, "started", faults=swapped)
        leg.status = "ringing"


def _schedule_response(state: SimulatorState, leg: Leg, callee: CalleeBehavior) -> None:
    """Schedule the callee's configured behavior."""
    at = state.clock.now() + callee.after
    if callee.behaviour in ("answer", "machine"):
        state.clock.call_at(at, lambda: leg.commands.put(AnswerCall()))
    elif callee.behaviour in DECLINES:
        decline = DECLINES[callee.behaviour]
        if callee.detail is not None:
            decline = DeclineCall(decline.status, decline.extra | {"detail": callee.detail})
        state.clock.call_at(at, lambda: leg.commands.put(decline))


def _schedule_speech(state: SimulatorState, leg: Leg, callee: CalleeBehavior) -> None:
    """Schedule what the callee says after answering."""
    if leg.websocket is not None:
        return
    now = state.clock.now()
    text = callee.greeting if callee.behaviour == "machine" else callee.says
    if text:
        state.clock.call_at(now + SECONDS_BEFORE_SPEAKING, lambda: speak(text))
    if callee.behaviour == "machine" and callee.beep_after is not None:
        state.clock.call_at(now + callee.beep_after, lambda: play_machine_beep(state, leg))

    def speak(words: str) -> None:
        if not leg.is_over:
            say(state, leg, words)


async def _decline(state: SimulatorState, leg: Leg, decline: DeclineCall) -> None:
    leg.disconnected_by = "user" if decline.status in ("busy", "rejected") else "platform"
    if "sip_code" in decline.extra:
        leg.final = {"sip_code": decline.extra["sip_code"]}
    sent = state.report_status(leg, decline.status, **decline.extra)
    if leg.synchronous and decline.status in ANSWERABLE:
        leg.replacement = await ncco_fetch.event_ncco(state, leg, sent)


def answer(state: SimulatorState, leg: Leg) -> None:
    """Mark the leg as answered: from now on it costs money, and its length is limited."""
    now = state.clock.now()
    leg.answered_at = now
    state.report_status(leg, "answered")
    leg.length_timer = state.clock.call_at(
        now + leg.limit, lambda: leg.commands.put(HangUp("platform"))
    )


def finish(state: SimulatorState, leg: Leg) -> None:
    """End a leg: stop its sounds and recordings, and send `completed`."""
    if leg.is_over:
        return
    now = state.clock.now()
    leg.ended_at = now
    if leg.length_timer is not None:
        leg.length_timer.cancel()
    stop_playbacks(leg)
    if leg.microphone is not None:
        leg.microphone.close()
    for recording in list(leg.recordings):
        record_action.stop(state, recording)
    conversations.leave(state, leg)
    if leg.websocket is not None:
        leg.websocket.close()
    leg.final |= webhook_payloads.price_of(leg, state.settings, now)
    was_rejected = leg.status == "rejected"
    if not was_rejected or state.settings.rejected_completes:
        _report_completed(state, leg)
    leg.watchers.clear()
    state.add_ended_leg(leg)
    if not leg.over.done():
        leg.over.set_result(None)


def _report_completed(state: SimulatorState, leg: Leg) -> None:
    final, faults = dict(leg.final), list[str]()
    if state.faults.is_triggered("late_end_time", faults):
        late = webhook_payloads.rounded(state.clock.now()) + 1
        final["end_time"] = webhook_payloads.with_milliseconds(late)
    by = leg.disconnected_by
    state.report_status(leg, "completed", faults=faults, **final, disconnected_by=by)
