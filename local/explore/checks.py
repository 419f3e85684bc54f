"""Find a flow's problems: dead ends, loops, silence, overlaps, voices, unreachable parts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from local.explore.traversal import accepts
from local.explore.tree import DEAD_END, HANG_UP, arrivals, grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.explore.tree import Branch, Node, Tree

# Functions of a flow that run only if an NCCO names their webhook.
_NEED_WEBHOOK = {"dtmf", "asr", "notification"}


def findings(tree: Tree, flow: Mapping[str, Any]) -> list[str]:
    """Return all problems as lines of text, the worst first.

    Parameters
    ----------
    tree
        The flow's tree.
    flow
        The flow's metadata (``local.explore.flow_files``), with its functions and DTMF digits.
    """
    found = [
        f"dead end: {_path(tree, node)}: {node.problem}"
        for node in tree.nodes
        if node.ending == DEAD_END
    ]
    found += _loops(tree)
    found += _silent_endings(tree)
    # A record with one of these options blocks the NCCO (Vonage support article 235528528).
    found += [
        f"unprompted: {action}: it begins only when the recording before it ends, and the caller"
        " hears no prompt; put a talk between them, or remove end_on_silence, end_on_key and"
        " time_out to record during the input"
        for action in dict.fromkeys(tree.unprompted)
    ]
    # Vonage's pages contradict each other; HybridClaw (pull request 1458) heard both at once.
    found += [
        f"overlap: {action}: Vonage may run it while the caller talks to the WebSocket before it;"
        ' pass event_type="synchronous" to that connect, or return this from event'
        for action in dict.fromkeys(tree.overlapping)
    ]
    # Vonage NCCO reference: the default of talk.language is en-US.
    found += [
        f"language: {action}: Vonage speaks it with an English voice, and the line is not English;"
        " pass language=call.language, or give the line this text"
        for action in dict.fromkeys(tree.without_language)
    ]
    if not tree.unbounded:
        found += [f"unreachable: {action}" for action in dict.fromkeys(tree.unreachable)]
        # Which functions a business line needs depends on the switchboard.
        unused = set() if flow["uses_line"] else _NEED_WEBHOOK & set(flow["handlers"])
        found += [
            f"unreachable: the function {name}: no NCCO names its webhook"
            for name in sorted(unused - tree.handlers)
        ]
        found += [
            f"unreachable: the digits {digits} (line {line}): no input action accepts them"
            for digits, line in flow["keys"].items()
            if tree.inputs and not any(accepts(options, digits) for options in tree.inputs)
        ]
    return found


def _loops(tree: Tree) -> list[str]:
    if tree.unbounded:
        return [
            f"infinite loop: the flow has more than {len(tree.nodes) - 1} nodes, the latest after"
            f" {_path(tree, tree.nodes[-1])}; a URL or a text may change each time"
        ]
    found = []
    ending = _nodes_that_reach_an_end(tree, lambda node: node.branches)
    stuck = [node for node in tree.nodes if node.number not in ending]
    if stuck:
        found.append(f"infinite loop: {_path(tree, stuck[0])}: no path from here ends the call")
    causes = dict.fromkeys(branch.cause for node in tree.nodes for branch in node.branches)
    reported = {node.number for node in stuck}
    for cause in ["", *filter(None, causes)]:
        passive = functools.partial(_passive_branches, cause=cause)
        ending = _nodes_that_reach_an_end(tree, passive)
        looping = [node for node in tree.nodes if node.number not in ending]
        new = [node for node in looping if passive(node) and node.number not in reported]
        if new:
            each_time = f" ({cause} each time)" if cause else ""
            found.append(
                f"infinite loop: {_path(tree, new[0])}: a silent caller is never disconnected"
                f"{each_time}"
            )
        reported |= {node.number for node in looping}
    return found


def _passive_branches(node: Node, cause: str) -> list[Branch]:
    """Return the branches of a caller who does nothing, if ``cause`` occurs each time."""
    with_cause = [branch for branch in node.branches if cause and branch.cause == cause]
    return with_cause or [branch for branch in node.branches if branch.passive and not branch.cause]


def _nodes_that_reach_an_end(tree: Tree, branches: Callable[[Node], list[Branch]]) -> set[int]:
    """Return the nodes from which the given branches can reach an end of the call."""
    found = {node.number for node in tree.nodes if node.ending}
    grown = True
    while grown:
        more = {
            node.number
            for node in tree.nodes
            if any(branch.to in found for branch in branches(node))
        }
        grown = not more <= found
        found |= more
    return found


def _silent_endings(tree: Tree) -> list[str]:
    """Return the endings before which a caller hears nothing after an action."""
    found = []
    first = tree.nodes[0]
    if first.ending == HANG_UP and not first.heard:
        found.append(f"silent ending: at the start: {_ending_text(first)}")
    for node in tree.nodes:
        for labels, branch in grouped(node.branches):
            end = tree.nodes[branch.to - 1]
            if end.ending == HANG_UP and not end.heard and not branch.talked:
                label = ", ".join(labels)
                path = label if node is first else f"{_path(tree, node)}, {label}"
                found.append(f"silent ending: {path}: {_ending_text(end)}")
    return found


def _ending_text(end: Node) -> str:
    recorded = any(step.action == "record" for step in end.steps)
    return f"the call ends without a prompt{' after the recording' if recorded else ''}"


def _path(tree: Tree, node: Node) -> str:
    """Return the labels of the branches on the shortest path to a node."""
    known = arrivals(tree)
    if node.number not in known:
        return f"node {node.number}"
    labels: list[str] = []
    arrival = known[node.number]
    while arrival is not None:
        before, branch = arrival
        labels.insert(0, branch.label)
        arrival = known[before]
    return ", ".join(labels) or "at the start"
