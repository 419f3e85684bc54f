"""The tree of a flow: nodes, and branches between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Outcomes of a call to a callee who does not answer (NCCO reference: eventType).
FAILURES = ("timeout", "busy", "rejected", "unanswered", "failed")
# Endings of a path.
HANG_UP = "the call ends"
IN_CONVERSATION = "in a conversation"
DEAD_END = "dead end"
EXTERNAL = "another application continues"


@dataclass(frozen=True)
class Branch:
    """A branch from a node.

    Attributes
    ----------
    label
        The event, such as a digit or silence.
    to
        The number of the next node.
    passive
        Whether the event happens to a caller who does nothing.
    talked
        Whether the caller has just talked to a callee, so that an ending needs no prompt.
    cause
        An external cause that can recur each time, such as a busy callee.
    """

    label: str
    to: int
    passive: bool = False
    talked: bool = False
    cause: str = ""


@dataclass(frozen=True)
class NodeStep:
    """An action that a node runs: its name, and what is said, awaited, called or played."""

    action: str
    text: str

    def __str__(self) -> str:
        """Return the step as one line."""
        return self.text if self.action == "talk" else f"{self.action} {self.text}".strip()


@dataclass
class Node:
    """The actions that run before the next event.

    Attributes
    ----------
    number
        The node's number, from 1.
    steps
        The actions.
    heard
        Whether the caller hears something, after the latest recording if there is one.
    ending
        The ending of the path; empty if the node has branches.
    problem
        The reason for a dead end.
    branches
        The branches to the next nodes.
    """

    number: int
    steps: list[NodeStep] = field(default_factory=list)
    heard: bool = False
    ending: str = ""
    problem: str = ""
    branches: list[Branch] = field(default_factory=list)


@dataclass
class Tree:
    """The nodes of a flow, ordered by distance from the start of the call.

    Attributes
    ----------
    flow
        The name of the flow.
    nodes
        The nodes.
    unreachable
        Actions that no caller reaches, as text.
    handlers
        The functions of the flow that were invoked.
    inputs
        For each input action, the maximum number of digits, and whether the hash key submits.
    unprompted
        Input actions that begin directly after a recording has ended, as text.
    overlapping
        Actions after a connect to a WebSocket that is not synchronous, as text.
    without_language
        On a line that is not English, the talk actions without a language, as text.
    unbounded
        Whether the traversal stopped at the node limit.
    """

    flow: str
    nodes: list[Node] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    handlers: set[str] = field(default_factory=set)
    inputs: set[tuple[int, bool]] = field(default_factory=set)
    unprompted: list[str] = field(default_factory=list)
    overlapping: list[str] = field(default_factory=list)
    without_language: list[str] = field(default_factory=list)
    unbounded: bool = False


def arrivals(tree: Tree) -> dict[int, tuple[int, Branch] | None]:
    """Return the first arrival at each node: the previous node and the branch; None for the start.

    The nodes are in the order of their distance from the start.
    """
    found: dict[int, tuple[int, Branch] | None] = {1: None}
    pending = [1]
    for number in pending:
        for branch in tree.nodes[number - 1].branches:
            if branch.to not in found:
                found[branch.to] = (number, branch)
                pending.append(branch.to)
    return found


def step_of(action: dict[str, Any]) -> NodeStep:
    """Return the step that runs an action."""
    details = {
        "talk": f"\u201c{action.get('text', '')}\u201d",
        "stream": _first(action.get("streamUrl")),
        "connect": _endpoint(action),
        "conversation": str(action.get("name", "")),
        "record": "after a beep" if action.get("beepStart") else "",
        "wait": f"{action.get('timeout', 10)} s",
        "input": " and ".join(action.get("type", ["dtmf"])),
    }
    kind = str(action.get("action"))
    return NodeStep(kind, details.get(kind, ""))


def describe(action: dict[str, Any]) -> str:
    """Return an action as text."""
    return str(step_of(action))


def grouped(branches: list[Branch]) -> list[tuple[list[str], Branch]]:
    """Group the branches to the same node, with their labels in order of appearance."""
    joined: dict[tuple[int, bool], list[Branch]] = {}
    for branch in branches:
        joined.setdefault((branch.to, branch.talked), []).append(branch)
    return [(_with_ranges([one.label for one in ones]), ones[0]) for ones in joined.values()]


def _with_ranges(labels: list[str]) -> list[str]:
    """Join consecutive digits to a range: 3-9."""
    joined: list[str] = []
    for label in labels:
        last = joined[-1] if joined else ""
        if len(label) == 1 and label.isdigit() and last[-1:].isdigit():
            first, _, end = last.partition("-")
            if len(first) == 1 and int(label) == int(end or first) + 1:
                joined[-1] = f"{first}-{label}"
                continue
        joined.append(label)
    return joined


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else ""


def _endpoint(action: dict[str, Any]) -> str:
    endpoint = (action.get("endpoint") or [{}])[0]
    names = ("number", "uri", "user", "extension")
    return next((str(endpoint[name]) for name in names if name in endpoint), "")
