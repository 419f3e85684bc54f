"""The calls of `vonage-agent-bench`: a caller who speaks, listens, and interrupts, in real time.

Each call is one of the simulator: its NCCO connects the caller to the agent's WebSocket.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import aiohttp
from aiohttp import web

from . import audio
from .faults import random_source
from .legs import HangUp, Leg
from .server import Simulator
from .settings import SimulatorSettings, WebhookTarget
from .spoken_audio import loud_part
from .websocket_audio import FRAME_SECONDS
from .websocket_measures import AgentTurn, WebSocketMeasures, turns_of

CALLER, NUMBER = "447700900123", "447700900001"
CONTENT_TYPE = "audio/l16;rate=16000"
# What the caller does, in seconds.
PATIENCE = 10.0  # waits for the agent to begin
SILENT_FOR = 0.8  # is silent, not between two sentences
LISTENS = 30.0  # waits for the agent to be silent
INTERRUPTS_AFTER = (0.4, 1.0)  # speaks over a response that has lasted between these, by the seed
LOOKS_EVERY = 0.02
SETUP_SECONDS = 10.0

# The lines: what `PUT /sim/faults` takes. The lost frames are the caller's: TCP loses none.
LINES: dict[str, dict[str, float]] = {
    "clean": {},
    "mobile": {"ws_loss": 0.01, "ws_jitter": 40},
    "bad": {"ws_loss": 0.05, "ws_jitter": 120, "ws_stall": 1},
}


@dataclass(frozen=True)
class BenchPlan:
    """What to measure.

    Attributes
    ----------
    url
        The agent's WebSocket URL.
    utterances
        What the caller says, as WAV files.
    names
        Their names.
    calls, parallel
        The number of calls, and how many of them run at the same time.
    line
        The name of a line in `LINES`.
    seed
        The seed of the line's faults.
    headers
        Headers of the endpoint, which the agent gets with the first message.
    signature_secret
        The secret that signs the handshake, as for ``authorization: {"type": "vonage"}``; None
        sends none.
    """

    url: str
    utterances: tuple[bytes, ...]
    names: tuple[str, ...]
    calls: int = 5
    parallel: int = 1
    line: str = "clean"
    seed: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    signature_secret: str | None = None
    api_key: str = "abcd1234"
    application_id: str | None = None


@dataclass(frozen=True)
class CallResult:
    """What one call measured, in seconds; None is what did not happen, and `problems` says so."""

    number: int
    first_audio: float | None = None
    responses: tuple[float | None, ...] = ()
    cleared: tuple[float | None, ...] = ()
    silenced: tuple[float | None, ...] = ()
    wrong_frames: int = 0
    most_frames: int = 0
    underruns: int = 0
    never_spoke: bool = False
    timed_frames: int = 0
    lateness_total: float = 0.0
    lateness_worst: float = 0.0
    problems: tuple[str, ...] = ()


def ncco_of(plan: BenchPlan) -> list[dict[str, Any]]:
    """Build the NCCO of every call: connect the caller to the agent."""
    endpoint: dict[str, Any] = {
        "type": "websocket",
        "uri": plan.url,
        "content-type": CONTENT_TYPE,
        "headers": plan.headers,
    }
    if plan.signature_secret is not None:
        endpoint["authorization"] = {"type": "vonage"}
    return [{"action": "connect", "endpoint": [endpoint]}]


@asynccontextmanager
async def answer_server(plan: BenchPlan) -> AsyncIterator[str]:
    """Serve the answer webhook; yield its URL."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(ncco_of(plan))

    application = web.Application()
    application.router.add_get("/answer", answer)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    try:
        await web.SockSite(runner, listening).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/answer"
    finally:
        await runner.cleanup()
        listening.close()


def bench_settings(plan: BenchPlan, answer_url: str) -> SimulatorSettings:
    """Build the settings of the simulator that places the calls."""
    return SimulatorSettings(
        numbers=(NUMBER,),
        answer=WebhookTarget(answer_url, "GET"),
        signature_secret=plan.signature_secret,
        api_key=plan.api_key,
        application_id=plan.application_id,
        seed=plan.seed,
        calls_per_second=1000.0,
        entries_kept=100_000,
    )


class BenchError(Exception):
    """The bench cannot place a call; the text says why."""


def silence_after_voice(utterance: bytes) -> float:
    """Return the seconds of silence at the end of a WAV file."""
    pcm = audio.pcm_of(utterance)
    _, last = loud_part(pcm) or (0, 0)
    return max(0.0, len(pcm) / 2 / audio.RATE - (last + 1) * FRAME_SECONDS)


class BenchCalls:
    """Places the calls of a plan.

    Parameters
    ----------
    plan
        The plan.
    simulator
        A running simulator, at speed 1.
    client
        A client for its APIs.
    """

    def __init__(
        self, plan: BenchPlan, simulator: Simulator, client: aiohttp.ClientSession
    ) -> None:
        self._plan = plan
        self._simulator = simulator
        self._client = client

    async def run(self, report: Callable[[CallResult], None]) -> None:
        """Run all calls, and report each when it has ended."""
        plan = self._plan
        numbers = iter(range(1, plan.calls + 1))
        if plan.parallel > 1:
            await self._set_line(plan.seed)

        async def work() -> None:
            for number in numbers:
                if plan.parallel == 1:  # each call's line depends on its number only
                    await self._set_line(plan.seed + number)
                report(await self._call(number))

        workers = [asyncio.ensure_future(work()) for _ in range(min(plan.parallel, plan.calls))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _call(self, number: int) -> CallResult:
        caller = await self._place()
        try:
            agent = await self._answered_agent(caller)
            if agent is None:
                reason = self._reason(caller)
                return CallResult(number, problems=(f"the agent did not answer: {reason}",))
            await self._converse(number, caller, agent)
            return self._result(number, caller, agent)
        finally:
            await self._hang_up(caller)

    async def _converse(self, number: int, caller: Leg, agent: Leg) -> None:
        """Listen to the greeting, speak, and interrupt the response to all but the last."""
        measures: WebSocketMeasures = agent.websocket.measures
        await self._until(agent, lambda: measures.first_audio is not None, PATIENCE)
        await self._until(agent, lambda: self._is_silent(measures), LISTENS)
        # One utterance is said twice, so that it interrupts the response to itself.
        utterances = self._plan.utterances
        said = utterances if len(utterances) > 1 else utterances * 2
        chance = random_source(self._plan.seed, f"interruptions of call {number}")
        for position, utterance in enumerate(said, 1):
            if not await self._get_response(caller, agent, utterance):
                return
            if position < len(said):
                await self._wait_to_interrupt(agent, chance.uniform(*INTERRUPTS_AFTER))
        await self._until(agent, lambda: self._is_silent(measures), LISTENS)

    async def _get_response(self, caller: Leg, agent: Leg, utterance: bytes) -> bool:
        """Speak a file, and return whether there is a response."""
        if agent.is_over:
            return False
        path = f"/sim/calls/{caller.uuid}/audio"
        try:
            await self._request("POST", path, data=BytesIO(utterance))
        except BenchError:
            if caller.is_over:
                return False
            raise
        voice_end = caller.speaking_until - silence_after_voice(utterance)

        def has_response() -> bool:
            audible = agent.websocket.measures.audible
            return bool(audible) and audible[-1].begin >= voice_end

        await self._until(agent, lambda: self._now() >= caller.speaking_until, LISTENS + PATIENCE)
        await self._until(agent, has_response, PATIENCE)
        return has_response()

    def _is_silent(self, measures: WebSocketMeasures) -> bool:
        audible = measures.audible
        return not audible or self._now() >= audible[-1].end + SILENT_FOR

    async def _wait_to_interrupt(self, agent: Leg, seconds: float) -> None:
        """Wait until the response is audible after some seconds, or has ended."""
        measures: WebSocketMeasures = agent.websocket.measures
        at = measures.audible[-1].begin + seconds

        def can_interrupt() -> bool:
            now = self._now()
            is_heard = measures.audible[-1].end >= now - 2 * FRAME_SECONDS
            return (now >= at and is_heard) or self._is_silent(measures)

        await self._until(agent, can_interrupt, LISTENS)

    def _result(self, number: int, caller: Leg, agent: Leg) -> CallResult:
        measures: WebSocketMeasures = agent.websocket.measures
        turns = self._turns(caller, agent)
        interruptions = [turn for turn in turns if turn.talked_over]
        lateness = measures.lateness
        result = CallResult(
            number,
            measures.first_audio,
            tuple(turn.response for turn in turns),
            tuple(turn.cleared for turn in interruptions),
            tuple(turn.silenced for turn in interruptions),
            measures.wrong_frames,
            measures.most_frames_per_second,
            measures.underruns,
            measures.first_audio is None,
            lateness.count,
            lateness.total,
            lateness.worst,
        )
        return replace(result, problems=tuple(self._problems(result, caller, agent)))

    def _problems(self, result: CallResult, caller: Leg, agent: Leg) -> list[str]:
        problems = []
        if result.wrong_frames:
            problems.append(f"a wrong frame: {self._reason(caller)}")
        elif agent.is_over:
            problems.append("the agent closed the connection during the call")
        if result.first_audio is None:
            problems.append(f"no audible audio within {PATIENCE:.0f} s of the connection")
        missing = sum(one is None for one in result.responses)
        if missing:
            problems.append(f"no response within {PATIENCE:.0f} s to {missing} utterances")
        if not result.responses:
            problems.append("the caller could say nothing")
        if None in result.silenced:
            problems.append(f"not silent within {LISTENS:.0f} s of an interruption")
        return problems

    def _turns(self, caller: Leg, agent: Leg) -> list[AgentTurn]:
        return turns_of(agent, caller, self._simulator.journal.entries(caller.uuid))

    def _reason(self, caller: Leg) -> str:
        """Return the latest error of a call's legs, from the journal."""
        uuids = {leg.uuid for leg in caller.conversation.everyone} | {caller.uuid}
        errors = [
            f"{one['reason']}: {one['detail']}" if one.get("detail") else str(one["reason"])
            for one in self._simulator.journal.entries()
            if one["kind"] == "error" and one.get("uuid") in uuids
        ]
        return errors[-1] if errors else "no reason is known"

    # The simulator

    def _now(self) -> float:
        return self._simulator.clock.now()

    async def _until(self, agent: Leg, is_done: Callable[[], bool], within: float) -> None:
        """Wait for a condition, the end of the agent's leg, or the limit in seconds."""
        end = self._now() + within
        while not is_done() and not agent.is_over and self._now() < end:
            await self._simulator.clock.sleep(LOOKS_EVERY)

    async def _place(self) -> Leg:
        """Place a call, whose caller is connected to the agent."""
        placed = await self._request("POST", "/sim/calls", json={"from": CALLER, "to": NUMBER})
        return self._simulator.leg(str(placed["uuid"]))

    async def _answered_agent(self, caller: Leg) -> Leg | None:
        """Return the agent's leg once it is answered; None if it fails."""

        def legs() -> list[Leg]:
            return [leg for leg in caller.conversation.everyone if leg.websocket is not None]

        end = self._now() + SETUP_SECONDS
        while not any(leg.joined or leg.is_over for leg in legs()):
            if caller.is_over or self._now() >= end:
                break
            await self._simulator.clock.sleep(LOOKS_EVERY)
        return next((leg for leg in legs() if leg.answered_at is not None), None)

    async def _hang_up(self, caller: Leg) -> None:
        if not caller.is_over:
            caller.commands.put(HangUp("user"))
            await asyncio.shield(caller.over)

    async def _set_line(self, seed: int) -> None:
        line = LINES[self._plan.line]
        faults = {name: {"probability": 1, "value": value} for name, value in line.items()}
        await self._request("PUT", "/sim/faults", json={"seed": seed, **faults})

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        url = self._simulator.http_url + path
        async with self._client.request(method, url, **options) as response:
            text = await response.text()
            if response.status >= 400:
                raise BenchError(f"the simulator refused {method} {path}: {text}")
            return await response.json() if text else None


async def run_calls(plan: BenchPlan, report: Callable[[CallResult], Any]) -> None:
    """Run the calls of a plan on a simulator of their own."""
    async with (
        answer_server(plan) as answer_url,
        Simulator(bench_settings(plan, answer_url)) as simulator,
        aiohttp.ClientSession() as client,
    ):
        await BenchCalls(plan, simulator, client).run(report)
