"""Running NCCOs: fetching them, one action after the other, and the calls that begin with them."""

import asyncio
from collections import deque
from typing import Any

from . import (
    conversations,
    input_action,
    leg_lifecycle,
    ncco,
    playback,
    record_action,
    webhook_payloads,
)
from .account import Application
from .endpoints import Endpoint
from .errors import InvalidNcco
from .journal import shown
from .legs import HangUp, Leg, Redirect, Script
from .machine_detection import detect
from .ncco import Action, MachineDetection, Step
from .settings import WebhookTarget
from .state import SimulatorState
from .webhook_sender import DeliveryResult
from .websocket_leg import WebSocketAudio

RATE_LIMITED = "Rate limit of outgoing calls exceeded."
ROOM_FULL = "The conversation has no room for another member."
NO_SUCH_CONVERSATION = "Conversation not found."


# Calls


def ring(
    platform: SimulatorState, application: Application, caller: Endpoint, callee: Endpoint
) -> Leg:
    """A call comes in for an application."""
    leg = platform.new_leg(application, "inbound", caller, callee)
    platform.journal.write("call", uuid=leg.uuid, direction="inbound")
    return leg


def inbound_script(platform: SimulatorState) -> Script:
    """Ring, ask the answer URL what to do, answer, and do it."""

    async def script(leg: Leg) -> None:
        await leg_lifecycle.announce(platform, leg)
        program = await fetch(platform, leg, leg.answer or leg.application.answer)
        if program is None:
            await platform.clock.sleep(platform.settings.dropped_after)
            return
        leg_lifecycle.answer(platform, leg)
        leg.joined = True
        await run(platform, leg, program)

    return script


def outbound_script(
    platform: SimulatorState, source: WebhookTarget | list[Step], detection: MachineDetection | None
) -> Script:
    """After the callee answered: find out who it is, get the NCCO, and run it."""

    async def script(leg: Leg) -> None:
        leg.joined = True
        if detection is not None:
            await _detect(platform, leg, detection)
        if leg.callee.dtmf_answer:
            await playback.send_digits(platform, leg, leg.callee.dtmf_answer).finish()
        await ncco_script(platform, source)(leg)

    return script


def ncco_script(platform: SimulatorState, source: WebhookTarget | list[Step]) -> Script:
    """Run an NCCO that is given, or one that an answer URL gives."""

    async def script(leg: Leg) -> None:
        program = (
            await fetch(platform, leg, source) if isinstance(source, WebhookTarget) else source
        )
        if program is None:
            await platform.clock.sleep(platform.settings.dropped_after)
            return
        await run(platform, leg, program)

    return script


def transfer(platform: SimulatorState, leg: Leg, source: WebhookTarget | list[Step]) -> None:
    """Give a leg a new NCCO, in a new conversation (Voice API: transfer)."""
    leg.commands.put(Redirect(ncco_script(platform, source), new_conversation=True))


async def _detect(platform: SimulatorState, leg: Leg, detection: MachineDetection) -> None:
    """Wait for the result, or let it come by itself and be answered with another NCCO."""
    if detection.waits:
        await detect(platform, leg, detection)
        return

    async def later() -> None:
        reply = await detect(platform, leg, detection)
        program = None if reply is None else await _program_of(platform, leg, reply)
        if program is not None and not leg.is_over:
            script = ncco_script(platform, program)
            leg.commands.put(Redirect(script, new_conversation=False))

    platform.spawn(later())


# Asking for NCCOs


async def fetch(
    platform: SimulatorState, leg: Leg, target: WebhookTarget | None
) -> list[Step] | None:
    """The NCCO of an answer URL or, failing that, of the fallback URL; None ends the call."""
    if target is None:
        return None
    fields = webhook_payloads.answer_fields(leg, platform.base_url)
    sending = platform.report(leg, target, fields, "answer")
    reply: DeliveryResult | None = None if sending is None else await asyncio.shield(sending)
    if reply is None:
        return None
    problem: InvalidNcco | None = None
    try:
        return _answered(reply)
    except InvalidNcco as error:
        problem = error
    falling = platform.spawn(platform.sender.fall_back(leg, target, reply, fields, "answer"))
    second: DeliveryResult | None = await asyncio.shield(falling)
    if second is not None:
        try:
            return _answered(second)
        except InvalidNcco as error:
            problem = error
    if (second or reply).status == 200:
        platform.report_error(leg, ncco.SYNTAX_ERROR, str(problem))
    return None


def _answered(reply: DeliveryResult) -> list[Step]:
    if reply.status != 200:
        raise InvalidNcco(reply.reason)
    try:
        return ncco.parse(reply.ncco())
    except (ValueError, RecursionError) as error:
        raise InvalidNcco(str(error)) from error


async def ask(
    platform: SimulatorState,
    leg: Leg,
    target: WebhookTarget | None,
    fields: dict[str, Any],
    kind: str,
) -> list[Step] | None:
    """Send an event that may be answered with an NCCO; None lets the running one go on."""
    sending = platform.report(leg, target, fields, kind)
    if sending is None or target is None:
        return None
    reply = await asyncio.shield(sending)
    if reply.received:
        return await _program_of(platform, leg, reply)
    falling = platform.spawn(platform.sender.fall_back(leg, target, reply, fields, kind))
    second: DeliveryResult | None = await asyncio.shield(falling)
    return None if second is None else await _program_of(platform, leg, second)


async def _program_of(
    platform: SimulatorState, leg: Leg, reply: DeliveryResult
) -> list[Step] | None:
    """The NCCO in the reply to an event; anything but a filled array is none."""
    if not reply.received:
        return None
    try:
        content = reply.ncco()
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, list) or not content:
        return None
    try:
        return ncco.parse(content)
    except InvalidNcco as error:
        platform.report_error(leg, ncco.SYNTAX_ERROR, str(error))
        return None


# Actions


async def run(platform: SimulatorState, leg: Leg, program: list[Step]) -> None:
    """Run the actions in order; when they run out, the script of the leg is over."""
    pending = _numbered(leg, program)
    while pending:
        ncco_number, position, step = pending.popleft()
        about = {
            "uuid": leg.uuid,
            "action": type(step.action).__name__.lower(),
            "ncco": ncco_number,
            "position": position,
            "details": shown(step.source),
        }
        platform.journal.write("action", state="started", **about)
        replacement = await _perform(platform, leg, step.action)
        platform.journal.write("action", state="ended", **about)
        if replacement is not None:
            pending = _numbered(leg, replacement)
    await _prompt_over(leg)


def _numbered(leg: Leg, program: list[Step]) -> deque[tuple[int, int, Step]]:
    """The steps of an NCCO, each with how many ran on the leg before and its own position."""
    leg.nccos += 1
    return deque((leg.nccos, position, step) for position, step in enumerate(program))


async def _perform(platform: SimulatorState, leg: Leg, action: Action) -> list[Step] | None:
    """Run one action; gives the NCCO that replaces the rest, where there is one."""
    if isinstance(action, ncco.Input):
        return await _input(platform, leg, action)
    await _prompt_over(leg)
    if isinstance(action, ncco.Talk):
        prompt = playback.play_talk(platform, leg, action.text, action.language, action.loop)
        await _play(leg, prompt, action.barge_in)
    elif isinstance(action, ncco.Stream):
        streamed = await playback.play_stream(platform, leg, action.url, action.loop)
        if streamed is not None:
            await _play(leg, streamed, action.barge_in)
    elif isinstance(action, ncco.Record):
        await record_action.record(platform, leg, action)
    elif isinstance(action, ncco.Connect):
        return await _connect(platform, leg, action)
    elif isinstance(action, ncco.Notify):
        now = platform.clock.now()
        target = record_action.target_of(leg, action.callback)
        body = webhook_payloads.notify_event(leg, now, action.payload)
        return await ask(platform, leg, target, body, "notify")
    elif isinstance(action, ncco.Wait):
        await platform.clock.sleep(action.seconds)
    elif isinstance(action, ncco.Conversation):
        await _enter(platform, leg, action)
    elif isinstance(action, ncco.Transfer):
        if conversations.move_all(platform, leg, action):
            await _stay()
        platform.report_error(leg, NO_SUCH_CONVERSATION, action.conversation)
    return None


async def _play(leg: Leg, prompt: playback.Playback, barge_in: bool) -> None:
    """Wait for a sound's end, unless the caller may interrupt it: then it runs beside the next."""
    leg.barging = leg.barging or barge_in
    if leg.barging:
        leg.prompt = prompt
    else:
        await prompt.finish()


async def _prompt_over(leg: Leg) -> None:
    if leg.prompt is not None:
        await leg.prompt.finish()
        leg.prompt = None


async def _input(platform: SimulatorState, leg: Leg, action: ncco.Input) -> list[Step] | None:
    target = record_action.target_of(leg, action.callback)
    if action.asynchronous:
        leg.live_digits = target
        if not leg.takes_live_digits:
            leg.takes_live_digits = True
            platform.spawn(input_action.send_keys_as_they_come(platform, leg))
        return None
    with input_action.keeping_speech(leg, action):
        got = await input_action.collect(platform, leg, action)
        if leg.prompt is not None:
            leg.prompt.stop()
            leg.prompt = None
        body = await input_action.result_of(platform, leg, action, got)
    return await ask(platform, leg, target, body, "input")


async def _enter(platform: SimulatorState, leg: Leg, action: ncco.Conversation) -> None:
    """Be in a room until the leg or the room ends; later actions are not reached."""
    if not await conversations.enter(platform, leg, action):
        platform.report_error(leg, ROOM_FULL, action.name)
        return
    await _stay()


async def _stay() -> None:
    """Wait until the leg is hung up or redirected."""
    await asyncio.get_running_loop().create_future()


async def _connect(platform: SimulatorState, leg: Leg, action: ncco.Connect) -> list[Step] | None:
    """Call somebody, join them, and wait until that call has ended or failed."""
    if not platform.may_call(leg.application):
        platform.report_error(leg, RATE_LIMITED)
        return None
    if len(leg.conversation.members) >= platform.settings.conversation_members:
        platform.report_error(leg, ROOM_FULL)
        return None
    called = _called_leg(platform, leg, action)
    ringing = playback.ring(platform, leg, action.ringback_url)
    leg_lifecycle.begin(platform, called, called_script(platform, action.detection))
    try:
        await asyncio.wait({called.met, called.over}, return_when=asyncio.FIRST_COMPLETED)
        ringing.stop()
        await asyncio.shield(called.over)
    finally:
        ringing.stop()
        # A leg that is transferred away leaves the other where it is; one that ends takes it along.
        if not called.is_over and not leg.redirected:
            called.commands.put(HangUp("platform"))
    return None if called.reply is None else await _program_of(platform, leg, called.reply)


def _called_leg(platform: SimulatorState, leg: Leg, action: ncco.Connect) -> Leg:
    caller = action.caller
    if action.random_caller:
        numbers = platform.account.numbers_of(leg.application)
        caller = platform.chance.choice(numbers) if numbers else None
    if caller is None:
        caller = leg.callee.address if leg.direction == "inbound" else leg.caller.address
    called = platform.new_leg(
        leg.application,
        "outbound",
        Endpoint("phone", caller),
        action.endpoint,
        leg.conversation,
        record_action.target_of(leg, action.callback),
    )
    if action.caller is not None and action.caller not in platform.account.numbers:
        called.shown_caller = "Unknown"  # NCCO reference: connect.from
    called.ring_time = action.ring_time
    called.limit = action.limit
    called.synchronous = action.synchronous
    if action.endpoint.kind == "websocket":
        called.line = WebSocketAudio(platform, called)
    return called


def called_script(platform: SimulatorState, detection: MachineDetection | None) -> Script:
    """What a called leg does before it is joined to the others, and then stays."""

    async def script(leg: Leg) -> None:
        if detection is not None:
            await _detect(platform, leg, detection)
        if leg.callee.dtmf_answer:
            await playback.send_digits(platform, leg, leg.callee.dtmf_answer).finish()
        if leg.callee.on_answer is not None:
            target = WebhookTarget(leg.callee.on_answer.url, "GET")
            program = await fetch(platform, leg, target)
            if program is None:
                return
            await run(platform, leg, program)
        leg.joined = True
        if not leg.met.done():
            leg.met.set_result(None)
        await _stay()

    return script


def begin_inbound(platform: SimulatorState, leg: Leg) -> None:
    """Let a call that came in live."""
    leg_lifecycle.begin(platform, leg, inbound_script(platform))


def begin_outbound(
    platform: SimulatorState,
    leg: Leg,
    source: WebhookTarget | list[Step],
    detection: MachineDetection | None,
) -> None:
    """Let a call that the API placed live."""
    if leg.callee.kind == "websocket":
        leg.line = WebSocketAudio(platform, leg)
    leg_lifecycle.begin(platform, leg, outbound_script(platform, source, detection))
