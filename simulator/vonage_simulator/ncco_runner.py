"""Run NCCOs: fetch them, run their actions in order, and start the calls that begin with them."""

import asyncio
from collections import deque

from . import (
    conversations,
    input_action,
    leg_lifecycle,
    ncco,
    ncco_fetch,
    playback,
    record_action,
    secret_input,
    webhook_payloads,
)
from .account import Application
from .endpoints import Endpoint
from .event_urls import event_target, own_target
from .journal import json_copy
from .legs import HangUp, Leg, Redirect, Script
from .machine_detection import detections
from .ncco import Action, MachineDetection, Step
from .settings import WebhookTarget
from .state import SentWebhook, SimulatorState
from .websocket_leg import WebSocketAudio

RATE_LIMITED = "Rate limit of outgoing calls exceeded."
CONVERSATION_FULL = "The conversation has no room for another member."
NO_SUCH_CONVERSATION = "Conversation not found."


# Calls


def new_inbound_leg(
    state: SimulatorState, application: Application, caller: Endpoint, callee: Endpoint
) -> Leg:
    """Create the leg of an incoming call."""
    leg = state.new_leg(application, "inbound", caller, callee)
    state.journal.write("call", uuid=leg.uuid, direction="inbound", faults=leg.faults)
    return leg


def inbound_script(state: SimulatorState) -> Script:
    """Build the script of an inbound call: ring, fetch the NCCO, answer, run it."""

    async def script(leg: Leg) -> None:
        await leg_lifecycle.announce(state, leg)
        steps = await ncco_fetch.fetch(state, leg, leg.answer or leg.application.answer)
        if steps is None:
            await state.clock.sleep(state.settings.dropped_after)
            return
        leg_lifecycle.answer(state, leg)
        leg.joined = True
        await run(state, leg, steps)

    return script


def outbound_script(
    state: SimulatorState, source: WebhookTarget | list[Step], detection: MachineDetection | None
) -> Script:
    """Build the script of an answered outbound call: detect a machine, fetch the NCCO, run it."""

    async def script(leg: Leg) -> None:
        leg.joined = True
        if detection is not None:
            await _detect(state, leg, detection)
        if leg.callee.dtmf_answer:
            await playback.send_digits(state, leg, leg.callee.dtmf_answer).finish()
        await ncco_script(state, source)(leg)

    return script


def ncco_script(state: SimulatorState, source: WebhookTarget | list[Step]) -> Script:
    """Build a script that runs an NCCO, or one that it fetches from an answer URL."""

    async def script(leg: Leg) -> None:
        steps: list[Step] | None
        if isinstance(source, WebhookTarget):
            steps = await ncco_fetch.fetch(state, leg, source)
        else:
            steps = source
        if steps is None:
            await state.clock.sleep(state.settings.dropped_after)
            return
        await run(state, leg, steps)

    return script


def transfer(state: SimulatorState, leg: Leg, source: WebhookTarget | list[Step]) -> None:
    """Run a new NCCO on a leg, in a new conversation (Voice API: transfer)."""
    leg.commands.put(Redirect(ncco_script(state, source), new_conversation=True))


async def _detect(state: SimulatorState, leg: Leg, detection: MachineDetection) -> None:
    """Run machine detection: wait for its result, or accept NCCOs in response to its events."""
    if detection.waits:
        async for _ in detections(state, leg, detection):
            pass
        return

    async def later() -> None:
        async for sent in detections(state, leg, detection):
            state.spawn(_run_response(state, leg, sent))

    state.spawn(later())


async def _run_response(state: SimulatorState, leg: Leg, sent: SentWebhook | None) -> None:
    """Run the NCCO in the response to an event, if there is one, in place of the running NCCO."""
    steps = await ncco_fetch.event_ncco(state, leg, sent)
    if steps is not None and not leg.is_over:
        leg.commands.put(Redirect(ncco_script(state, steps), new_conversation=False))


# Actions


async def run(state: SimulatorState, leg: Leg, steps: list[Step]) -> None:
    """Run the actions in order; the leg's script ends when they run out."""
    pending = _numbered_steps(leg, steps)
    while pending:
        ncco_number, position, step = pending.popleft()
        leg.has_secret_input = _expect_secret([step, *(one for _, _, one in pending)])
        entry = {
            "uuid": leg.uuid,
            "action": type(step.action).__name__.lower(),
            "ncco": ncco_number,
            "position": position,
            "details": json_copy(step.source),
        }
        state.journal.write("action", state="started", **entry)
        replacement = await _run_action(state, leg, step.action)
        state.journal.write("action", state="ended", **entry)
        if replacement is not None:
            pending = _numbered_steps(leg, replacement)
    await _finish_prompt(leg)


def _expect_secret(steps: list[Step]) -> bool:
    """Return whether an input of these steps is secret: digits can come before it starts."""
    inputs = (one.action for one in steps if isinstance(one.action, ncco.Input))
    return any(secret_input.is_secret(one.callback.url) for one in inputs)


def _numbered_steps(leg: Leg, steps: list[Step]) -> deque[tuple[int, int, Step]]:
    """Return the steps of an NCCO, each with the leg's NCCO count and its own position."""
    leg.nccos += 1
    return deque((leg.nccos, position, step) for position, step in enumerate(steps))


async def _run_action(state: SimulatorState, leg: Leg, action: Action) -> list[Step] | None:
    """Run one action; return the NCCO that replaces the rest, if any."""
    if isinstance(action, ncco.Input):
        return await _input(state, leg, action)
    await _finish_prompt(leg)
    if isinstance(action, ncco.Talk):
        prompt = playback.play_talk(state, leg, action.text, action.language, action.loop)
        await _play_prompt(leg, prompt, action.barge_in)
    elif isinstance(action, ncco.Stream):
        streamed = await playback.play_stream(state, leg, action.url, action.loop)
        if streamed is not None:
            await _play_prompt(leg, streamed, action.barge_in)
    elif isinstance(action, ncco.Record):
        await record_action.record(state, leg, action)
    elif isinstance(action, ncco.Connect):
        return await _connect(state, leg, action)
    elif isinstance(action, ncco.Notify):
        now = state.clock.now()
        target = event_target(leg, action.callback)
        body = webhook_payloads.notify_event(leg, now, action.payload)
        return await ncco_fetch.send_event(state, leg, target, body, "notify")
    elif isinstance(action, ncco.Wait):
        await state.clock.sleep(action.seconds)
    elif isinstance(action, ncco.Conversation):
        await _enter(state, leg, action)
    elif isinstance(action, ncco.Transfer):
        if conversations.move_all(state, leg, action):
            await _wait_forever()
        state.report_error(leg, NO_SUCH_CONVERSATION, action.conversation)
    return None


async def _play_prompt(leg: Leg, prompt: playback.Playback, barge_in: bool) -> None:
    """Wait for the sound's end, unless the caller can interrupt it: then the next action starts."""
    leg.barging = leg.barging or barge_in
    if leg.barging:
        leg.prompt = prompt
    else:
        await prompt.finish()


async def _finish_prompt(leg: Leg) -> None:
    if leg.prompt is not None:
        await leg.prompt.finish()
        leg.prompt = None


async def _input(state: SimulatorState, leg: Leg, action: ncco.Input) -> list[Step] | None:
    target = event_target(leg, action.callback)
    if action.asynchronous:
        leg.live_digits = target
        if not leg.takes_live_digits:
            leg.takes_live_digits = True
            state.spawn(input_action.report_each_digit(state, leg))
        return None
    faults: list[str] = []
    with input_action.hold_speech_audio(leg, action):
        collected = await input_action.collect(state, leg, action)
        if leg.prompt is not None:
            leg.prompt.stop()
            leg.prompt = None
        body = await input_action.event_body(state, leg, action, collected, faults)
    return await ncco_fetch.send_event(state, leg, target, body, "input", faults)


async def _enter(state: SimulatorState, leg: Leg, action: ncco.Conversation) -> None:
    """Stay in a named conversation until it or the leg ends; later actions don't run."""
    if not await conversations.enter(state, leg, action):
        state.report_error(leg, CONVERSATION_FULL, action.name)
        return
    await _wait_forever()


async def _wait_forever() -> None:
    """Wait until the leg is hung up or redirected."""
    await asyncio.get_running_loop().create_future()


async def _connect(state: SimulatorState, leg: Leg, action: ncco.Connect) -> list[Step] | None:
    """Call an endpoint, join it, and wait until that leg has ended or failed."""
    if not state.can_call(leg.application):
        state.report_error(leg, RATE_LIMITED)
        return None
    if len(leg.conversation.members) >= state.settings.conversation_members:
        state.report_error(leg, CONVERSATION_FULL)
        return None
    called = _called_leg(state, leg, action)
    ringing = playback.play_ringback(state, leg, action.ringback_url)
    leg_lifecycle.start(state, called, called_script(state, action.detection))
    is_left = False  # the next action runs while the called leg stays
    try:
        await asyncio.wait({called.met, called.over}, return_when=asyncio.FIRST_COMPLETED)
        ringing.stop()
        waits = action.synchronous or state.settings.websocket_connect_blocks
        if called.websocket is not None and not waits:
            leg.over.add_done_callback(lambda _: called.commands.put(HangUp("platform")))
            is_left = not called.is_over
        else:
            await asyncio.shield(called.over)
    finally:
        ringing.stop()
        # If the leg was transferred, the called leg stays; if it ended, the called leg ends too.
        if not called.is_over and not leg.redirected and not is_left:
            called.commands.put(HangUp("platform"))
    replacement: list[Step] | None = called.replacement
    return replacement


def _called_leg(state: SimulatorState, leg: Leg, action: ncco.Connect) -> Leg:
    caller = action.caller
    if action.random_caller:
        numbers = state.account.numbers_of(leg.application)
        caller = state.rng.choice(numbers) if numbers else None
    if caller is None:
        caller = leg.callee.address if leg.direction == "inbound" else leg.caller.address
    called = state.new_leg(
        leg.application,
        "outbound",
        Endpoint("phone", caller),
        action.endpoint,
        leg.conversation,
        own_target(action.callback),
    )
    if not caller or (action.caller is not None and action.caller not in state.account.numbers):
        called.shown_caller = "Unknown"  # NCCO reference: connect.from
    called.ring_time = action.ring_time
    called.limit = action.limit
    called.synchronous = action.synchronous
    if action.endpoint.kind == "websocket":
        called.websocket = WebSocketAudio(state, called)
    return called


def called_script(state: SimulatorState, detection: MachineDetection | None) -> Script:
    """Build the script of a called leg: what it runs before it is joined, then stay."""

    async def script(leg: Leg) -> None:
        if detection is not None:
            await _detect(state, leg, detection)
        if leg.callee.dtmf_answer:
            await playback.send_digits(state, leg, leg.callee.dtmf_answer).finish()
        if leg.callee.on_answer is not None:
            target = WebhookTarget(leg.callee.on_answer.url, "GET")
            steps = await ncco_fetch.fetch(state, leg, target)
            if steps is None:
                return
            await run(state, leg, steps)
        leg.joined = True
        if not leg.met.done():
            leg.met.set_result(None)
        await _wait_forever()

    return script


def start_inbound_call(state: SimulatorState, leg: Leg) -> None:
    """Start running an inbound leg."""
    leg_lifecycle.start(state, leg, inbound_script(state))


def start_outbound_call(
    state: SimulatorState,
    leg: Leg,
    source: WebhookTarget | list[Step],
    detection: MachineDetection | None,
) -> None:
    """Start running a leg that the API placed."""
    if leg.callee.kind == "websocket":
        leg.websocket = WebSocketAudio(state, leg)
    leg_lifecycle.start(state, leg, outbound_script(state, source, detection))
