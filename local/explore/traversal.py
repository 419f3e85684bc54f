"""Follows a flow along everything that a caller, or whoever is called, can do."""

from __future__ import annotations

import contextlib
import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from local.explore.app_client import APOLOGY, AppClient, Elsewhere, FlowResponse
from local.explore.tree import (
    ELSEWHERE,
    FAILURES,
    FAULT,
    HANG_UP,
    TOGETHER,
    Branch,
    Node,
    Tree,
    describe,
)
from vonage_simulator import ncco
from vonage_simulator.errors import InvalidNcco

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEYS = "1234567890*#"
# What is said where a flow gives no words to listen for (input.speech.context).
WORDS = ("yes", "no")
# What no flow listens for, as a wrong key.
OTHER = "something else"
# A flow with more places than this makes new ones without end, or is not looked at to its end.
PLACES = 150
# What Vonage reports of a leg whatever happens, and what only `completed` tells beside that.
_REPORTS: dict[str, dict[str, Any]] = {
    "started": {},
    "ringing": {},
    "answered": {"start_time": None, "rate": None, "network": None},
    "completed": {
        "start_time": "2026-03-29T21:19:53.000Z",
        "end_time": "2026-03-29T21:20:05.000Z",
        "duration": "12",
        "rate": "0.00720000",
        "price": "0.00144000",
        "network": "GB-FIXED",
        "disconnected_by": "user",
    },
}
# What it reports of a leg that was called with machine detection; the reply may be an NCCO.
_DETECTED = {
    "a person answers": {"status": "human"},
    "a machine answers": {"status": "machine"},
    "a machine beeps": {"status": "machine", "sub_state": "beep_start"},
}

_DOORS = ("answer", "dtmf", "asr", "notification", "event")


class NccoPosition(NamedTuple):
    """An NCCO that came back, and the position in it from which on it is still to run."""

    origin: str
    actions: tuple[dict[str, Any], ...]
    start: int = 0


class BranchOutcome(NamedTuple):
    """One thing that can happen at a place: in words, and what the application answers to it.

    ``reply`` is None where the running NCCO simply goes on; ``stays`` is set where it does not
    even do that, since what is played has no end.
    """

    what: str
    reply: FlowResponse | None
    passive: bool = False
    talked: bool = False
    fate: str = ""
    stays: bool = False


async def traverse(
    application: AppClient,
    flow: Mapping[str, Any],
    say: Sequence[str] = (),
    limit: int = PLACES,
    progress: Callable[[int], None] | None = None,
) -> Tree:
    """Walk every path of a flow.

    Parameters
    ----------
    application
        The running application.
    flow
        The flow as its file tells (``local.explore.flow_files``).
    say
        What callers say besides what the flow listens for, where it takes speech.
    limit
        How many places it looks at before it gives up.
    progress
        Told at each place how many were found so far.
    """
    return await _Traversal(application, flow, say, limit, progress).run()


class _Traversal:
    """The state of one walk: what was found, and what is still to be looked at."""

    def __init__(
        self,
        application: AppClient,
        flow: Mapping[str, Any],
        say: Sequence[str],
        limit: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._application = application
        self._flow = flow
        self._say = say
        self._limit = limit
        self._progress = progress or (lambda found: None)
        self._tree = Tree(flow["name"])
        self._known: dict[Any, int] = {}
        self._pending: deque[tuple[Node, NccoPosition]] = deque()
        self._seen: dict[str, tuple[dict[str, Any], ...]] = {}
        self._reached: set[tuple[str, int]] = set()

    async def run(self) -> Tree:
        """Look at places until none is left."""
        tree = self._tree
        tree.handlers.add("answer")
        self._arrive(await self._application.answer(tree.flow), None)
        if "event" in self._flow["handlers"]:
            await self._report(tree.places[0])
        while self._pending:
            if len(tree.places) > self._limit:
                tree.unbounded = True
                break
            place, program = self._pending.popleft()
            self._progress(len(tree.places))
            await self._look(place, program)
        if not tree.unbounded:
            self._note_unreached()
        return tree

    async def _report(self, first: Node) -> None:
        """Report what is told of every call, up to its end, and of one that the owner placed."""
        for status, fields in _REPORTS.items():
            told = {"status": status, "direction": "inbound", **fields}
            reply = await self._application.event(self._tree.flow, None, "POST", **told)
            if reply.fault:
                what = "hangs up" if status == "completed" else f"is {status}"
                first.branches.append(Branch(what, self._fault(_unheard(reply.fault))))
        for what, detected in _DETECTED.items():
            reply = await self._application.event(self._tree.flow, None, "POST", **detected)
            if reply.fault or reply.ncco is not None:
                first.branches.append(Branch(what, self._arrive(reply, None)))

    # Places

    def _arrive(self, reply: FlowResponse | None, rest: NccoPosition | None) -> int:
        """Give the number of the place that a reply leads to; ``rest`` is what runs without one."""
        if reply is not None and reply.fault:
            return self._fault(reply.fault)
        if reply is not None and reply.ncco is not None:
            return self._at(NccoPosition(_key(reply.ncco), reply.ncco))
        return self._at(rest or NccoPosition("[]", ()))

    def _at(self, program: NccoPosition) -> int:
        try:
            _actions(program.actions)
        except InvalidNcco as error:
            return self._fault(f"Vonage refuses the NCCO: {error}")
        self._seen.setdefault(program.origin, program.actions)
        place = self._place((program.origin, program.start))
        if place is not None:
            self._pending.append((place, program))
        return self._known[program.origin, program.start]

    def _fault(self, text: str) -> int:
        place = self._place(("fault", text))
        if place is not None:
            place.ending, place.problem = FAULT, text
        return self._known["fault", text]

    def _elsewhere(self, url: str) -> int:
        place = self._place(("elsewhere", url))
        if place is not None:
            place.ending = ELSEWHERE
            place.steps.append(f"{urlsplit(url).netloc} answers")
        return self._known["elsewhere", url]

    def _place(self, key: Any) -> Node | None:
        """Make the place of that key; None where it is known."""
        if key in self._known:
            return None
        place = Node(len(self._tree.places) + 1)
        self._known[key] = place.number
        self._tree.places.append(place)
        return place

    # What happens at a place

    async def _look(self, place: Node, program: NccoPosition) -> None:
        """Run the actions from where the program stands until something must happen."""
        parsed = _actions(program.actions)
        barging = forever = False
        for position in range(program.start, len(parsed)):
            action, fields = parsed[position], program.actions[position]
            self._reached.add((program.origin, position))
            rest = program._replace(start=position + 1)
            place.steps.append(describe(fields))
            if isinstance(action, ncco.Talk | ncco.Stream):
                place.heard = place.heard or _sounds(action)
                barging = barging or action.barge_in
                forever = forever or action.loop == 0
                if forever and not barging:
                    place.ending = FAULT
                    place.problem = "this is played without end, and nothing can stop it"
                    return
            elif isinstance(action, ncco.Record) and action.blocks:
                place.heard = False
            elif isinstance(action, ncco.Conversation | ncco.Transfer):
                place.ending = TOGETHER
                return
            elif isinstance(action, ncco.Notify):
                await self._branch(place, rest, action, _notified)
                return
            elif isinstance(action, ncco.Connect):
                await self._branch(place, rest, action, _called)
                return
            elif isinstance(action, ncco.Input):
                self._note_input(action)
                if action.asynchronous:
                    await self._branch(place, rest, action, _pressed)
                    continue
                told = _Listening(action, fields, self._flow["keys"], self._say, forever)
                await self._branch(place, rest, action, told.happen)
                return
        place.ending = HANG_UP
        if parsed[program.start :] and (idle := _idle(parsed[-1])):
            place.ending, place.problem = FAULT, f"the call ends as this begins: {idle}"

    async def _branch(self, place: Node, rest: NccoPosition, action: Any, ask: Any) -> None:
        """Let everything happen that can, and note where each leads."""
        callback = action.callback
        self._note_handlers(action)

        async def report(**fields: Any) -> FlowResponse:
            return await self._application.event(
                self._tree.flow, callback.url, callback.method, **fields
            )

        try:
            outcomes: list[BranchOutcome] = [outcome async for outcome in ask(action, report)]
        except Elsewhere as elsewhere:
            number = self._elsewhere(str(elsewhere))
            place.branches.append(Branch("the reply", number, passive=True))
            return
        for outcome in outcomes:
            number = place.number if outcome.stays else self._arrive(outcome.reply, rest)
            place.branches.append(
                Branch(outcome.what, number, outcome.passive, outcome.talked, outcome.fate)
            )

    # What was not reached

    def _note_handlers(self, action: Any) -> None:
        """Note which functions are asked; at the event webhook, what comes decides."""
        url = action.callback.url
        door = "event" if url is None else urlsplit(url).path.rpartition("/")[2]
        if door in _DOORS:
            self._tree.handlers.add(door)
        if door == "event" and isinstance(action, ncco.Notify):
            self._tree.handlers.add("notification")
        elif door == "event" and isinstance(action, ncco.Input):
            self._tree.handlers |= {"dtmf", "asr"} if action.speech else {"dtmf"}

    def _note_input(self, action: ncco.Input) -> None:
        if action.dtmf is not None:
            most = 1 if action.asynchronous else action.dtmf.max_digits
            self._tree.inputs.add((most, action.dtmf.submit_on_hash))

    def _note_unreached(self) -> None:
        """Note the actions that no path came to.

        What follows an input or a notify runs where the webhook cannot be reached, so it counts as
        reached; what follows a conversation never runs.
        """
        for origin, actions in self._seen.items():
            parsed = _actions(actions)
            for position, fields in enumerate(actions):
                before = parsed[:position]
                answered = any(isinstance(one, ncco.Input | ncco.Notify) for one in before)
                final = any(isinstance(one, ncco.Conversation | ncco.Transfer) for one in before)
                if (origin, position) not in self._reached and (final or not answered):
                    self._tree.unreached.append(describe(fields))


class _Listening:
    """An input action, what the flow's source asks for by name, and what callers say into it."""

    def __init__(
        self,
        action: ncco.Input,
        fields: dict[str, Any],
        keys: Mapping[str, int],
        say: Sequence[str],
        forever: bool,
    ) -> None:
        self._action = action
        self._forever = forever
        self._keys = keys
        context = (fields.get("speech") or {}).get("context") or WORDS
        self._texts = list(dict.fromkeys([*context, OTHER, *say]))

    async def happen(self, action: ncco.Input, report: Any) -> Any:
        """Every key, keys to the full, silence; words, silence, and a recogniser that fails."""
        none: dict[str, Any] = {"digits": None, "timed_out": action.dtmf is not None}
        if action.dtmf is not None:
            for digits, what in self._entries(action.dtmf):
                ended = what == "#" != digits  # by the hash key
                timed_out = len(digits) < action.dtmf.max_digits and not ended
                entered = {"digits": digits or None, "timed_out": timed_out}
                speech = _OVERRIDDEN if action.speech is not None and digits else _NOTHING_SAID
                yield BranchOutcome(what, await _input(action, report, entered, speech))
        if self._forever:
            yield BranchOutcome("silence", None, passive=True, stays=True)
        elif action.speech is None:
            yield BranchOutcome("silence", await _input(action, report, none), passive=True)
        if action.speech is None:
            return
        for text in self._texts:
            speech = {
                "timeout_reason": "end_on_silence_timeout",
                "results": [{"confidence": "0.9", "text": text}],
            }
            yield BranchOutcome(f"says {text}", await _input(action, report, none, speech))
        if not self._forever:
            silent = {"timeout_reason": "start_timeout", "results": []}
            reply = await _input(action, report, none, silent)
            yield BranchOutcome("silence", reply, passive=True)
        mumbled = {"timeout_reason": "end_on_silence_timeout", "results": []}
        yield BranchOutcome("mumbles", await _input(action, report, none, mumbled))
        failed = {"error": "ERR1: Failed to analyze audio"}
        reply = await _input(action, report, none, failed)
        yield BranchOutcome("recognition fails", reply, passive=True, fate="recognition fails")

    def _entries(self, options: ncco.DtmfOptions) -> list[tuple[str, str]]:
        """What is entered by keys: each one alone, those of the source, as many as there may be."""
        most, ends = options.max_digits, "#" if options.submit_on_hash else ""
        alone = [("" if key == ends else key, key) for key in KEYS]
        if most == 1:
            return alone
        full = (KEYS[:10] * 2)[:most]
        named = [keys for keys in self._keys if fits(keys, (most, options.submit_on_hash))]
        several = dict.fromkeys([*(keys for keys in named if len(keys) > 1), full])
        return [*alone, *((keys, f"keys {keys}") for keys in several)]


def fits(keys: str, taken: tuple[int, bool]) -> bool:
    """Whether an input, that takes so many keys and may end by the hash key, can give these."""
    most, hash_ends = taken
    return len(keys) <= most and not (hash_ends and "#" in keys)


async def _notified(action: ncco.Notify, report: Any) -> Any:
    yield BranchOutcome("the reply", await report(payload=action.payload), passive=True)


async def _called(action: ncco.Connect, report: Any) -> Any:
    """Whoever is called answers and hangs up later, or does not answer."""
    called = {"direction": "outbound", "to": action.endpoint.address}
    yield BranchOutcome("answers, and hangs up later", None, talked=True)
    for status in FAILURES:
        reply = await report(status=status, **called) if action.synchronous else None
        fate = "" if status == "timeout" else status
        yield BranchOutcome(status, reply, passive=True, fate=fate)
    detects = action.detection is not None
    if action.detection is not None and action.detection.behavior == "hangup":
        yield BranchOutcome("a machine, hung up on", None, passive=True, fate="a machine")
    if action.synchronous and action.endpoint.kind == "websocket":
        reply = await report(status="disconnected", **called)
        yield BranchOutcome("disconnects", reply, talked=True)
    told = {**_REPORTS, **({"human": {}, "machine": {}} if detects else {})}
    with contextlib.suppress(Elsewhere):
        for status, fields in told.items():
            reply = await report(status=status, **called, **fields)
            if reply.fault:
                yield BranchOutcome(f"is {status}", FlowResponse(fault=_unheard(reply.fault)))


async def _pressed(_action: ncco.Input, report: Any) -> Any:
    """Keys that come while something else goes on; no reply to them is carried out."""
    with contextlib.suppress(Elsewhere):
        for key in KEYS:
            reply = await report(dtmf={"digits": key, "timed_out": False})
            if reply.fault:
                yield BranchOutcome(key, FlowResponse(fault=_unheard(reply.fault)))


_OVERRIDDEN = {"error": "Speech overridden by DTMF"}
_NOTHING_SAID: dict[str, Any] = {"results": []}


async def _input(
    action: ncco.Input, report: Any, dtmf: dict[str, Any], speech: dict[str, Any] = _NOTHING_SAID
) -> FlowResponse:
    if action.flat:
        reply: FlowResponse = await report(dtmf=dtmf["digits"] or "", timed_out=dtmf["timed_out"])
        return reply
    reply = await report(dtmf=dtmf, speech=speech)
    return reply


def _unheard(fault: str) -> str:
    """Say of a webhook whose reply is not carried out what is wrong with it."""
    return fault.replace(APOLOGY, "the flow fails")


def _sounds(action: ncco.Talk | ncco.Stream) -> bool:
    """Whether there is more to hear than pauses."""
    return isinstance(action, ncco.Stream) or bool(re.sub("<[^>]*>", "", action.text).strip())


def _idle(action: ncco.Action) -> str:
    """Say what is in vain of an action that runs beside the next ones, where there is no next."""
    if isinstance(action, ncco.Record) and not action.blocks:
        return "nothing is recorded without end_on_silence, end_on_key or time_out"
    if isinstance(action, ncco.Input) and action.asynchronous:
        return "no key can be pressed any more"
    return ""


def _actions(program: tuple[dict[str, Any], ...]) -> list[ncco.Action]:
    return [step.action for step in ncco.parse(list(program))]


def _key(actions: Any) -> str:
    return json.dumps(actions, sort_keys=True)
