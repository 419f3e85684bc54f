"""Follows a flow along everything that a caller, or whoever is called, can do."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from local.paths.asking import Application, Elsewhere, Reply
from local.paths.tree import ELSEWHERE, FAULT, HANG_UP, TOGETHER, Branch, Place, Tree, describe
from local.simulator import ncco
from local.simulator.errors import NccoError

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = "1234567890*#"
# What is said where a flow gives no words to listen for (input.speech.context).
WORDS = ("yes", "no")
# How a called side that a synchronous connect asks about may fail (NCCO reference: eventType).
FAILURES = ("timeout", "busy", "rejected", "unanswered", "failed")
# A flow with more places than this makes new ones without end.
PLACES = 150

_DOORS = ("answer", "dtmf", "asr", "notification", "event")


class Program(NamedTuple):
    """An NCCO that came back, and the position in it from which on it is still to run."""

    origin: str
    actions: tuple[dict[str, Any], ...]
    start: int = 0


class Outcome(NamedTuple):
    """One thing that can happen at a place: in words, and what the application answers to it.

    ``reply`` is None where the running NCCO simply goes on.
    """

    what: str
    reply: Reply | None
    passive: bool = False
    talked: bool = False


async def walk(
    application: Application,
    flow: str,
    say: Sequence[str] = (),
    limit: int = PLACES,
) -> Tree:
    """Walk every path of a flow.

    Parameters
    ----------
    application
        The running application.
    flow
        The flow's name.
    say
        What callers say besides what the flow listens for, where it takes speech.
    limit
        How many places it looks at before it says that they have no end.
    """
    return await _Walk(application, flow, say, limit).run()


class _Walk:
    """The state of one walk: what was found, and what is still to be looked at."""

    def __init__(self, application: Application, flow: str, say: Sequence[str], limit: int) -> None:
        self._application = application
        self._say = say
        self._limit = limit
        self._tree = Tree(flow)
        self._known: dict[Any, int] = {}
        self._pending: deque[tuple[Place, Program]] = deque()
        self._seen: dict[str, tuple[dict[str, Any], ...]] = {}
        self._reached: set[tuple[str, int]] = set()

    async def run(self) -> Tree:
        """Look at places until none is left."""
        tree = self._tree
        tree.handlers.add("answer")
        self._arrive(await self._application.answer(tree.flow), None)
        while self._pending:
            if len(tree.places) > self._limit:
                tree.unbounded = True
                break
            place, program = self._pending.popleft()
            await self._look(place, program)
        if not tree.unbounded:
            self._note_unreached()
        return tree

    # Places

    def _arrive(self, reply: Reply | None, rest: Program | None) -> int:
        """Give the number of the place that a reply leads to; ``rest`` is what runs without one."""
        if reply is not None and reply.fault:
            return self._fault(reply.fault)
        if reply is not None and reply.ncco is not None:
            return self._at(Program(_key(reply.ncco), reply.ncco))
        return self._at(rest or Program("[]", ()))

    def _at(self, program: Program) -> int:
        try:
            _actions(program.actions)
        except NccoError as error:
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

    def _place(self, key: Any) -> Place | None:
        """Make the place of that key; None where it is known."""
        if key in self._known:
            return None
        place = Place(len(self._tree.places) + 1)
        self._known[key] = place.number
        self._tree.places.append(place)
        return place

    # What happens at a place

    async def _look(self, place: Place, program: Program) -> None:
        """Run the actions from where the program stands until something must happen."""
        parsed = _actions(program.actions)
        for position in range(program.start, len(parsed)):
            action, fields = parsed[position], program.actions[position]
            self._reached.add((program.origin, position))
            rest = program._replace(start=position + 1)
            place.steps.append(describe(fields))
            if isinstance(action, ncco.Talk | ncco.Stream):
                place.heard = True
                if action.loop == 0 and not action.barge_in:
                    place.ending = FAULT
                    place.problem = "this is played without end, and nothing can stop it"
                    return
            elif isinstance(action, ncco.Record) and action.blocks:
                place.heard = False
            elif isinstance(action, ncco.Conversation | ncco.Transfer):
                place.ending = TOGETHER
                return
            elif isinstance(action, ncco.Notify):
                await self._branch(place, rest, action.callback, _notified, action)
                return
            elif isinstance(action, ncco.Connect):
                await self._branch(place, rest, action.callback, _called, action)
                return
            elif isinstance(action, ncco.Input) and not action.asynchronous:
                told = _Listening(action, fields, self._say)
                await self._branch(place, rest, action.callback, _heard, told)
                return
        place.ending = HANG_UP

    async def _branch(
        self, place: Place, rest: Program, callback: ncco.Callback, ask: Any, of: Any
    ) -> None:
        """Let everything happen that can, and note where each leads."""
        self._note_handler(callback.url)

        async def report(**fields: Any) -> Reply:
            return await self._application.event(callback.url, callback.method, **fields)

        try:
            outcomes: list[Outcome] = [outcome async for outcome in ask(of, report)]
        except Elsewhere as elsewhere:
            number = self._elsewhere(str(elsewhere))
            place.branches.append(Branch("the reply", number, passive=True))
            return
        for outcome in outcomes:
            number = self._arrive(outcome.reply, rest)
            place.branches.append(Branch(outcome.what, number, outcome.passive, outcome.talked))

    # What was not reached

    def _note_handler(self, url: str | None) -> None:
        door = "event" if url is None else urlsplit(url).path.rpartition("/")[2]
        if door in _DOORS:
            self._tree.handlers.add(door)

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
    """An input action, what it listens for in words, and what callers say into it."""

    def __init__(self, action: ncco.Input, fields: dict[str, Any], say: Sequence[str]) -> None:
        self.action = action
        self.words = (
            "keys" if action.speech is None else "speech" if action.dtmf is None else "both"
        )
        context = (fields.get("speech") or {}).get("context") or WORDS
        self.texts = list(dict.fromkeys([*context, *say]))


async def _notified(action: ncco.Notify, report: Any) -> Any:
    yield Outcome("the reply", await report(payload=action.payload), passive=True)


async def _called(action: ncco.Connect, report: Any) -> Any:
    """Whoever is called answers and hangs up later, or does not answer."""
    number = action.endpoint.address
    yield Outcome("answers, and hangs up later", None, talked=True)
    for status in FAILURES:
        called = {"status": status, "direction": "outbound", "to": number}
        reply = await report(**called) if action.synchronous else None
        yield Outcome(status, reply, passive=status == "timeout")


async def _heard(told: _Listening, report: Any) -> Any:
    """Every key, keys to the full, silence; words, silence, and a recogniser that fails."""
    action = told.action
    none: dict[str, Any] = {"digits": None, "timed_out": True}
    if action.dtmf is not None:
        for digits, what in _entries(action.dtmf):
            entered = {"digits": digits, "timed_out": len(digits) < action.dtmf.max_digits}
            yield Outcome(what, await _input(action, report, dtmf=entered))
    if action.speech is None:
        yield Outcome("silence", await _input(action, report, dtmf=none), passive=True)
        return
    for text in told.texts:
        speech: dict[str, Any] = {
            "timeout_reason": "end_on_silence_timeout",
            "results": [{"confidence": "0.9", "text": text}],
        }
        yield Outcome(f"says {text}", await _input(action, report, dtmf=none, speech=speech))
    silent = {"timeout_reason": "start_timeout", "results": []}
    reply = await _input(action, report, dtmf=none, speech=silent)
    yield Outcome("silence", reply, passive=True)
    mumbled = {"timeout_reason": "end_on_silence_timeout", "results": []}
    yield Outcome("mumbles", await _input(action, report, dtmf=none, speech=mumbled))
    failed = {"error": "ERR1: Failed to analyze audio"}
    reply = await _input(action, report, dtmf=none, speech=failed)
    yield Outcome("recognition fails", reply)


def _entries(options: ncco.DtmfOptions) -> list[tuple[str, str]]:
    """What is entered by keys: each one alone, then as many as there may be."""
    ends = "#" if options.submit_on_hash else ""
    alone = [("" if key == ends else key, key) for key in KEYS]
    if options.max_digits == 1:
        return alone
    full = (KEYS[:10] * 2)[: options.max_digits]
    return [*alone, (full, f"keys {full}")]


async def _input(
    action: ncco.Input, report: Any, dtmf: dict[str, Any], speech: dict[str, Any] | None = None
) -> Reply:
    if action.flat:
        reply: Reply = await report(dtmf=dtmf["digits"] or "", timed_out=dtmf["timed_out"])
        return reply
    reply = await report(dtmf=dtmf, speech={"results": []} if speech is None else speech)
    return reply


def _actions(program: tuple[dict[str, Any], ...]) -> list[ncco.Action]:
    return [step.action for step in ncco.parse(list(program))]


def _key(actions: Any) -> str:
    return json.dumps(actions, sort_keys=True)
