"""The life of a leg from its start to its end: dialling, its script, hanging up, completed."""

import asyncio
import logging
from typing import Any

from . import conversations, record_action, webhook_payloads
from .legs import AnswerCall, DeclineCall, HangUp, Leg, Redirect, Script, ScriptEnded
from .playback import answering_beep, say, silence
from .settings import CalleeBehavior
from .state import SimulatorState

# Nobody speaks in the moment in which they pick up.
SECONDS_BEFORE_SPEAKING = 0.5

logger = logging.getLogger(__name__)

# How a called side declines: the status, and what comes with it (webhook reference).
DECLINES: dict[str, DeclineCall] = {
    "busy": DeclineCall("busy", {"sip_code": 486}),
    "reject": DeclineCall("rejected", {"detail": "declined", "sip_code": 603}),
    "unavailable": DeclineCall("unanswered", {"detail": "unavailable", "sip_code": 480}),
    "invalid": DeclineCall("failed", {"detail": "cannot_route", "sip_code": 404}),
}
# Events of a called leg that a synchronous connect can answer (NCCO reference: connect.eventType).
ANSWERABLE = frozenset({"timeout", "failed", "rejected", "unanswered", "busy"})


def begin(platform: SimulatorState, leg: Leg, script: Script) -> None:
    """Let a leg live, beside everything else."""
    leg.task = platform.spawn(live(platform, leg, script))


async def live(platform: SimulatorState, leg: Leg, script: Script) -> None:
    """Dial the leg where it is called, run its script, and finish it whatever happens."""
    try:
        if leg.direction == "inbound" or await dial(platform, leg):
            leg.disconnected_by = await _run_until_over(platform, leg, script)
    finally:
        finish(platform, leg)


async def _run_until_over(platform: SimulatorState, leg: Leg, script: Script) -> str:
    """Run the script, and another when one is sent; gives who ended the leg."""
    while True:
        runner = platform.spawn(_guarded(platform, leg, script))
        runner.add_done_callback(lambda task: leg.commands.put(ScriptEnded(task)))
        try:
            command = await _next_command(leg, runner)
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
            silence(leg)
        if isinstance(command, HangUp):
            return command.by
        if not isinstance(command, Redirect):
            return "platform"
        leg.redirected = False
        script = command.script
        if command.new_conversation:
            conversations.move(platform, leg, platform.new_conversation())
            leg.can_speak = leg.can_hear = None
            leg.joined = True


async def _next_command(leg: Leg, runner: "asyncio.Task[None]") -> Any:
    """The next command that ends or replaces the script that runs now."""
    while True:
        command = await leg.commands.get()
        if isinstance(command, ScriptEnded) and command.task is not runner:
            continue
        if isinstance(command, AnswerCall | DeclineCall):
            continue
        leg.redirected = isinstance(command, Redirect)
        return command


async def _guarded(platform: SimulatorState, leg: Leg, script: Script) -> None:
    try:
        await script(leg)
    except Exception:
        # A fault of the simulator's own must end this call alone, and be seen.
        logger.exception("the script of leg %s failed", leg.uuid)
        platform.journal.write("error", uuid=leg.uuid, reason="fault of the simulator")


async def dial(platform: SimulatorState, leg: Leg) -> bool:
    """Ring the called side; True when it answers. Otherwise its last status is sent."""
    await announce(platform, leg)
    callee = platform.callee(leg.callee)
    if leg.line is None:
        _let_act(platform, leg, callee)
    else:
        leg.line.open()
    until = platform.clock.now() + leg.ring_time
    while True:
        command = await leg.commands.get(until)
        if isinstance(command, AnswerCall):
            answer(platform, leg)
            _let_speak(platform, leg, callee)
            return True
        if command is None:
            await _decline(platform, leg, DeclineCall("timeout", {}))
            return False
        if isinstance(command, DeclineCall):
            await _decline(platform, leg, command)
            return False
        if isinstance(command, HangUp):
            leg.disconnected_by = command.by
            platform.report_status(leg, "cancelled")
            return False


async def announce(platform: SimulatorState, leg: Leg) -> None:
    """Tell that the leg has started and rings: often with the same time, in either order."""
    swapped = platform.faults.strikes("swap_started_ringing")
    if not swapped:
        platform.report_status(leg, "started")
    if platform.settings.ringing_after:
        await platform.clock.sleep(platform.settings.ringing_after)
    platform.report_status(leg, "ringing")
    if swapped:
        platform.report_status(leg, "started")
        leg.status = "ringing"


def _let_act(platform: SimulatorState, leg: Leg, callee: CalleeBehavior) -> None:
    """Have the called side do what it is set to do, after its time."""
    at = platform.clock.now() + callee.after
    if callee.behaviour in ("answer", "machine"):
        platform.clock.call_at(at, lambda: leg.commands.put(AnswerCall()))
    elif callee.behaviour in DECLINES:
        decline = DECLINES[callee.behaviour]
        if callee.detail is not None:
            decline = DeclineCall(decline.status, decline.extra | {"detail": callee.detail})
        platform.clock.call_at(at, lambda: leg.commands.put(decline))


def _let_speak(platform: SimulatorState, leg: Leg, callee: CalleeBehavior) -> None:
    """Have whoever answered say what they say, a moment later."""
    if leg.line is not None:
        return
    now = platform.clock.now()
    text = callee.greeting if callee.behaviour == "machine" else callee.says
    if text:
        platform.clock.call_at(now + SECONDS_BEFORE_SPEAKING, lambda: speak(text))
    if callee.behaviour == "machine" and callee.beep_after is not None:
        platform.clock.call_at(now + callee.beep_after, lambda: answering_beep(platform, leg))

    def speak(what: str) -> None:
        if not leg.is_over:
            say(platform, leg, what)


async def _decline(platform: SimulatorState, leg: Leg, decline: DeclineCall) -> None:
    leg.disconnected_by = "user" if decline.status in ("busy", "rejected") else "platform"
    if "sip_code" in decline.extra:
        leg.final = {"sip_code": decline.extra["sip_code"]}
    sending = platform.report_status(leg, decline.status, **decline.extra)
    if leg.synchronous and decline.status in ANSWERABLE and sending is not None:
        leg.reply = await asyncio.shield(sending)


def answer(platform: SimulatorState, leg: Leg) -> None:
    """The leg is answered: it costs money from now on, and its length is limited."""
    now = platform.clock.now()
    leg.answered_at = now
    platform.report_status(leg, "answered")
    leg.length_timer = platform.clock.call_at(
        now + leg.limit, lambda: leg.commands.put(HangUp("platform"))
    )


def finish(platform: SimulatorState, leg: Leg) -> None:
    """End a leg: nothing is heard on it any more, its recordings end, completed is sent."""
    if leg.is_over:
        return
    now = platform.clock.now()
    leg.ended_at = now
    if leg.length_timer is not None:
        leg.length_timer.cancel()
    silence(leg)
    if leg.microphone is not None:
        leg.microphone.close()
    for tape in list(leg.tapes):
        record_action.stop(platform, tape)
    conversations.leave(platform, leg)
    if leg.line is not None:
        leg.line.close()
    leg.final |= webhook_payloads.price_of(leg, platform.settings, now)
    was_rejected = leg.status == "rejected"
    if not was_rejected or platform.settings.rejected_completes:
        _report_completed(platform, leg)
    leg.watchers.clear()
    platform.ended(leg)
    if not leg.over.done():
        leg.over.set_result(None)


def _report_completed(platform: SimulatorState, leg: Leg) -> None:
    shown = dict(leg.final)
    if platform.faults.strikes("late_end_time"):
        late = webhook_payloads.rounded(platform.clock.now()) + 1
        shown["end_time"] = webhook_payloads.with_milliseconds(late)
    platform.report_status(leg, "completed", **shown, disconnected_by=leg.disconnected_by)
