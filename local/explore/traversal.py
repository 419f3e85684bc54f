"""Breadth-first traversal of everything that a caller or callee of a flow can do."""

from __future__ import annotations

import contextlib
import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from local.explore.app_client import APOLOGY, AppClient, ExternalUrl, FlowResponse
from local.explore.tree import (
    DEAD_END,
    EXTERNAL,
    FAILURES,
    HANG_UP,
    IN_CONVERSATION,
    Branch,
    Node,
    NodeStep,
    Tree,
    describe,
    step_of,
)
from vonage_simulator import ncco
from vonage_simulator.errors import InvalidNcco

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DIGITS = "1234567890*#"
# Texts that callers say if the flow has no input.speech.context.
DEFAULT_SPEECH = ("yes", "no")
# A text that no flow expects.
UNEXPECTED_SPEECH = "something else"
# The traversal stops at this number of nodes, because the flow may create new ones forever.
NODE_LIMIT = 150
# The events that Vonage sends for every leg, with their own fields.
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
# The events of machine detection on an outbound leg; the response may be an NCCO.
_DETECTED = {
    "a person answers": {"status": "human"},
    "a machine answers": {"status": "machine"},
    "a machine beeps": {"status": "machine", "sub_state": "beep_start"},
}

_WEBHOOKS = ("answer", "dtmf", "asr", "notification", "event")


class NccoPosition(NamedTuple):
    """An NCCO, and the index of the next action to run."""

    origin: str
    actions: tuple[dict[str, Any], ...]
    start: int = 0


class BranchOutcome(NamedTuple):
    """An event at a node and the application's response.

    ``response`` is None if the running NCCO continues. ``stays`` is set if it does not continue
    either, because a sound is played in an infinite loop.
    """

    label: str
    response: FlowResponse | None
    passive: bool = False
    talked: bool = False
    cause: str = ""
    stays: bool = False


async def traverse(
    client: AppClient,
    flow: Mapping[str, Any],
    say: Sequence[str] = (),
    limit: int = NODE_LIMIT,
    progress: Callable[[int], None] | None = None,
) -> Tree:
    """Follow every path through a flow and return the tree.

    Parameters
    ----------
    client
        The client of the running application.
    flow
        The flow's metadata (``local.explore.flow_files``).
    say
        Further texts that callers say where the flow accepts speech.
    limit
        The maximum number of nodes.
    progress
        Called at each node with the number of nodes so far.
    """
    return await _Traversal(client, flow, say, limit, progress).run()


class _Traversal:
    """The state of one traversal: the tree, and the nodes to visit."""

    def __init__(
        self,
        client: AppClient,
        flow: Mapping[str, Any],
        say: Sequence[str],
        limit: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._client = client
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
        """Visit nodes until none is pending, and return the tree."""
        tree = self._tree
        tree.handlers.add("answer")
        self._arrive(await self._client.answer(tree.flow), None)
        if "event" in self._flow["handlers"]:
            await self._send_leg_events(tree.nodes[0])
        while self._pending:
            if len(tree.nodes) > self._limit:
                tree.unbounded = True
                break
            node, position = self._pending.popleft()
            self._progress(len(tree.nodes))
            await self._visit(node, position)
        if not tree.unbounded:
            self._collect_unreachable()
        return tree

    async def _send_leg_events(self, first: Node) -> None:
        """Send the events of every call, and those of machine detection on an outbound call."""
        for status, fields in _REPORTS.items():
            event = {"status": status, "direction": "inbound", **fields}
            response = await self._client.event(self._tree.flow, None, "POST", **event)
            if response.problem:
                label = "hangs up" if status == "completed" else f"is {status}"
                node = self._add_dead_end(_unheard(response.problem))
                first.branches.append(Branch(label, node))
        for label, event in _DETECTED.items():
            response = await self._client.event(self._tree.flow, None, "POST", **event)
            if response.problem or response.ncco is not None:
                first.branches.append(Branch(label, self._arrive(response, None)))

    # Nodes

    def _arrive(self, response: FlowResponse | None, rest: NccoPosition | None) -> int:
        """Return the number of the node after a response; ``rest`` runs if it has no NCCO."""
        if response is not None and response.problem:
            return self._add_dead_end(response.problem)
        if response is not None and response.ncco is not None:
            return self._add_position(NccoPosition(_key(response.ncco), response.ncco))
        return self._add_position(rest or NccoPosition("[]", ()))

    def _add_position(self, position: NccoPosition) -> int:
        try:
            _actions(position.actions)
        except InvalidNcco as error:
            return self._add_dead_end(f"Vonage rejects the NCCO: {error}")
        self._seen.setdefault(position.origin, position.actions)
        node = self._add_node((position.origin, position.start))
        if node is not None:
            self._pending.append((node, position))
        return self._known[position.origin, position.start]

    def _add_dead_end(self, problem: str) -> int:
        node = self._add_node((DEAD_END, problem))
        if node is not None:
            node.ending, node.problem = DEAD_END, problem
        return self._known[DEAD_END, problem]

    def _add_external(self, url: str) -> int:
        node = self._add_node((EXTERNAL, url))
        if node is not None:
            node.ending = EXTERNAL
            node.steps.append(NodeStep("webhook", f"to {urlsplit(url).netloc}"))
        return self._known[EXTERNAL, url]

    def _add_node(self, key: Any) -> Node | None:
        """Add a node for a key; return None if it exists."""
        if key in self._known:
            return None
        node = Node(len(self._tree.nodes) + 1)
        self._known[key] = node.number
        self._tree.nodes.append(node)
        return node

    # Events at a node

    async def _visit(self, node: Node, position: NccoPosition) -> None:
        """Run the actions from a position up to the next event, and follow every event there."""
        parsed = _actions(position.actions)
        barging = forever = False
        for index in range(position.start, len(parsed)):
            action, fields = parsed[index], position.actions[index]
            self._reached.add((position.origin, index))
            if _is_unprompted(parsed, index):
                self._tree.unprompted.append(describe(fields))
            rest = position._replace(start=index + 1)
            node.steps.append(step_of(fields))
            self._add_talk_without_language(fields)
            if isinstance(action, ncco.Talk | ncco.Stream):
                node.heard = node.heard or _sounds(action)
                barging = barging or action.barge_in
                forever = forever or action.loop == 0
                if forever and not barging:
                    node.ending = DEAD_END
                    node.problem = "this plays in an infinite loop, and no input can stop it"
                    return
            elif isinstance(action, ncco.Record) and action.blocks:
                node.heard = False
            elif isinstance(action, ncco.Conversation | ncco.Transfer):
                node.ending = IN_CONVERSATION
                return
            elif isinstance(action, ncco.Notify):
                await self._branch(node, rest, action, _notify_outcomes)
                return
            elif isinstance(action, ncco.Connect):
                if action.endpoint.kind == "websocket" and not action.synchronous:
                    self._tree.overlapping += map(describe, position.actions[index + 1 :])
                await self._branch(node, rest, action, _connect_outcomes)
                return
            elif isinstance(action, ncco.Input):
                self._add_input(action)
                if action.asynchronous:
                    await self._branch(node, rest, action, _asynchronous_input_outcomes)
                    continue
                outcomes = _InputOutcomes(action, fields, self._flow["keys"], self._say, forever)
                await self._branch(node, rest, action, outcomes.run)
                return
        node.ending = HANG_UP
        if parsed[position.start :] and (reason := _useless_at_the_end(parsed[-1])):
            node.ending, node.problem = DEAD_END, f"the call ends as this starts: {reason}"

    async def _branch(self, node: Node, rest: NccoPosition, action: Any, run: Any) -> None:
        """Add a branch for each possible outcome of an action."""
        callback = action.callback
        self._add_handlers(action)

        async def report(**fields: Any) -> FlowResponse:
            return await self._client.event(
                self._tree.flow, callback.url, callback.method, **fields
            )

        try:
            outcomes: list[BranchOutcome] = [outcome async for outcome in run(action, report)]
        except ExternalUrl as error:
            number = self._add_external(str(error))
            node.branches.append(Branch("the response", number, passive=True))
            return
        for outcome in outcomes:
            number = node.number if outcome.stays else self._arrive(outcome.response, rest)
            node.branches.append(
                Branch(outcome.label, number, outcome.passive, outcome.talked, outcome.cause)
            )

    # Unreachable parts

    def _add_handlers(self, action: Any) -> None:
        """Add the functions that an action's webhook invokes.

        At the event webhook, the content of the event selects the function.
        """
        url = action.callback.url
        webhook = "event" if url is None else urlsplit(url).path.rpartition("/")[2]
        if webhook in _WEBHOOKS:
            self._tree.handlers.add(webhook)
        if webhook == "event" and isinstance(action, ncco.Notify):
            self._tree.handlers.add("notification")
        elif webhook == "event" and isinstance(action, ncco.Input):
            self._tree.handlers |= {"dtmf", "asr"} if action.speech else {"dtmf"}

    def _add_talk_without_language(self, fields: dict[str, Any]) -> None:
        english = self._client.language.partition("-")[0].lower() == "en"
        if fields["action"] == "talk" and not english and not {"language", "voiceName"} & {*fields}:
            self._tree.without_language.append(describe(fields))

    def _add_input(self, action: ncco.Input) -> None:
        if action.dtmf is not None:
            most = 1 if action.asynchronous else action.dtmf.max_digits
            self._tree.inputs.add((most, action.dtmf.submit_on_hash))

    def _collect_unreachable(self) -> None:
        """Add the actions that no path reached.

        An action after an input or a notify counts as reached, because it runs if the webhook
        fails. An action after a conversation never runs.
        """
        for origin, actions in self._seen.items():
            parsed = _actions(actions)
            for index, fields in enumerate(actions):
                before = parsed[:index]
                replaced = any(isinstance(one, ncco.Input | ncco.Notify) for one in before)
                final = any(isinstance(one, ncco.Conversation | ncco.Transfer) for one in before)
                if (origin, index) not in self._reached and (final or not replaced):
                    self._tree.unreachable.append(describe(fields))


class _InputOutcomes:
    """The outcomes of an input action, with digits from the flow's source and texts of callers."""

    def __init__(
        self,
        action: ncco.Input,
        fields: dict[str, Any],
        literals: Mapping[str, int],
        say: Sequence[str],
        forever: bool,
    ) -> None:
        self._action = action
        self._forever = forever
        self._literals = literals
        context = (fields.get("speech") or {}).get("context") or DEFAULT_SPEECH
        self._texts = list(dict.fromkeys([*context, UNEXPECTED_SPEECH, *say]))

    async def run(self, action: ncco.Input, report: Any) -> Any:
        """Yield the outcomes: each digit, several digits, silence, speech, failed recognition."""
        none: dict[str, Any] = {"digits": None, "timed_out": action.dtmf is not None}
        if action.dtmf is not None:
            for digits, label in self._entries(action.dtmf):
                submitted = label == "#" != digits  # by the hash key
                timed_out = len(digits) < action.dtmf.max_digits and not submitted
                entered = {"digits": digits or None, "timed_out": timed_out}
                speech = _OVERRIDDEN if action.speech is not None and digits else _NO_SPEECH
                yield BranchOutcome(label, await _input(action, report, entered, speech))
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
            response = await _input(action, report, none, silent)
            yield BranchOutcome("silence", response, passive=True)
        unrecognized = {"timeout_reason": "end_on_silence_timeout", "results": []}
        response = await _input(action, report, none, unrecognized)
        yield BranchOutcome("unrecognized speech", response)
        failed = {"error": "ERR1: Failed to analyze audio"}
        response = await _input(action, report, none, failed)
        yield BranchOutcome("recognition fails", response, passive=True, cause="recognition fails")

    def _entries(self, options: ncco.DtmfOptions) -> list[tuple[str, str]]:
        """Return digits with labels: each single digit, those of the source, and the maximum."""
        most, submit = options.max_digits, "#" if options.submit_on_hash else ""
        single = [("" if digit == submit else digit, digit) for digit in DIGITS]
        if most == 1:
            return single
        full = (DIGITS[:10] * 2)[:most]
        accepted = [one for one in self._literals if accepts((most, options.submit_on_hash), one)]
        several = dict.fromkeys([*(one for one in accepted if len(one) > 1), full])
        return [*single, *((digits, f"digits {digits}") for digits in several)]


def accepts(options: tuple[int, bool], digits: str) -> bool:
    """Return whether an input can return these digits.

    ``options`` are the maximum number of digits, and whether the hash key submits.
    """
    most, submit_on_hash = options
    return len(digits) <= most and not (submit_on_hash and "#" in digits)


async def _notify_outcomes(action: ncco.Notify, report: Any) -> Any:
    yield BranchOutcome("the response", await report(payload=action.payload), passive=True)


async def _connect_outcomes(action: ncco.Connect, report: Any) -> Any:
    """Yield the outcomes of a connect: the callee answers and later hangs up, or does not."""
    outbound = {"direction": "outbound", "to": action.endpoint.address}
    yield BranchOutcome("answers, and hangs up later", None, talked=True)
    for status in FAILURES:
        response = await report(status=status, **outbound) if action.synchronous else None
        cause = "" if status == "timeout" else status
        yield BranchOutcome(status, response, passive=True, cause=cause)
    detects = action.detection is not None
    if action.detection is not None and action.detection.behavior == "hangup":
        yield BranchOutcome(
            "a machine answers, and Vonage hangs up", None, passive=True, cause="a machine"
        )
    if action.synchronous and action.endpoint.kind == "websocket":
        response = await report(status="disconnected", **outbound)
        yield BranchOutcome("disconnects", response, talked=True)
    events = {**_REPORTS, **({"human": {}, "machine": {}} if detects else {})}
    with contextlib.suppress(ExternalUrl):
        for status, fields in events.items():
            response = await report(status=status, **outbound, **fields)
            if response.problem:
                problem = FlowResponse(problem=_unheard(response.problem))
                yield BranchOutcome(f"is {status}", problem)


async def _asynchronous_input_outcomes(_action: ncco.Input, report: Any) -> Any:
    """Yield the digits at which the flow fails; Vonage ignores NCCOs in these responses."""
    with contextlib.suppress(ExternalUrl):
        for digit in DIGITS:
            response = await report(dtmf={"digits": digit, "timed_out": False})
            if response.problem:
                yield BranchOutcome(digit, FlowResponse(problem=_unheard(response.problem)))


_OVERRIDDEN = {"error": "Speech overridden by DTMF"}
_NO_SPEECH: dict[str, Any] = {"results": []}


async def _input(
    action: ncco.Input, report: Any, dtmf: dict[str, Any], speech: dict[str, Any] = _NO_SPEECH
) -> FlowResponse:
    if action.flat:
        fields: dict[str, Any] = {"dtmf": dtmf["digits"] or "", "timed_out": dtmf["timed_out"]}
    else:
        fields = {"dtmf": dtmf, "speech": speech}
    response: FlowResponse = await report(**fields)
    return response


def _unheard(problem: str) -> str:
    """Return the problem of a webhook whose response plays nothing to the caller."""
    return problem.replace(APOLOGY, "the flow fails")


def _sounds(action: ncco.Talk | ncco.Stream) -> bool:
    """Return whether there is more to hear than pauses."""
    return isinstance(action, ncco.Stream) or bool(re.sub("<[^>]*>", "", action.text).strip())


def _is_unprompted(actions: list[ncco.Action], index: int) -> bool:
    """Return whether an input begins directly after a recording that the NCCO waits for."""
    before = actions[index - 1] if index else None
    is_input = isinstance(actions[index], ncco.Input)
    return is_input and isinstance(before, ncco.Record) and before.blocks


def _useless_at_the_end(action: ncco.Action) -> str:
    """Return the reason why an action that does not block is useless as the last one."""
    if isinstance(action, ncco.Record) and not action.blocks:
        return "nothing is recorded without end_on_silence, end_on_key or time_out"
    if isinstance(action, ncco.Input) and action.asynchronous:
        return "no digit can be pressed any more"
    return ""


def _actions(actions: tuple[dict[str, Any], ...]) -> list[ncco.Action]:
    return [step.action for step in ncco.parse(list(actions))]


def _key(actions: Any) -> str:
    return json.dumps(actions, sort_keys=True)
