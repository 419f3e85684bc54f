"""What is wrong with a flow, told from its tree."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from local.explore.traversal import fits
from local.explore.tree import FAULT, HANG_UP, arrivals, grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.explore.tree import Branch, Node, Tree

# Functions of a flow that are called only where an NCCO names their webhook.
_ASKED_FOR = {"dtmf", "asr", "notification"}


def findings(tree: Tree, flow: Mapping[str, Any]) -> list[str]:
    """Say everything that is wrong, in sentences, the worst first.

    Parameters
    ----------
    tree
        The flow's tree.
    flow
        The flow as its file tells: its functions and keys are compared with what was asked for.
    """
    found = [
        f"dead end: {_path(tree, place)}: {place.problem}"
        for place in tree.places
        if place.ending == FAULT
    ]
    found += _loops(tree)
    found += _silent_endings(tree)
    if not tree.unbounded:
        found += [f"no caller reaches: {what}" for what in dict.fromkeys(tree.unreached)]
        found += [
            f"no caller reaches: the function {name}, since no NCCO names its webhook"
            for name in sorted((_ASKED_FOR & set(flow["handlers"])) - tree.handlers)
        ]
        found += [
            f"no caller reaches: what the keys {keys} lead to (line {line}), since no input takes"
            " them"
            for keys, line in flow["keys"].items()
            if tree.inputs and not any(fits(keys, taken) for taken in tree.inputs)
        ]
    return found


def _loops(tree: Tree) -> list[str]:
    if tree.unbounded:
        return [
            f"endless: {len(tree.places)} places, and there are ever new ones, the latest after"
            f" {_path(tree, tree.places[-1])}; what stands in a URL, or is said, may grow or change"
            " each time"
        ]
    found = []
    ends = _leading_to(tree, lambda place: place.branches)
    stuck = [place for place in tree.places if place.number not in ends]
    if stuck:
        found.append(f"endless: {_path(tree, stuck[0])}: no way from here ends the call")
    fates = dict.fromkeys(branch.fate for place in tree.places for branch in place.branches)
    told = {place.number for place in stuck}
    for fate in ["", *filter(None, fates)]:
        quiet = _leading_to(tree, functools.partial(_passive_branches, fate=fate))
        kept = [place for place in tree.places if place.number not in quiet]
        held = [
            place for place in kept if _passive_branches(place, fate) and place.number not in told
        ]
        if held:
            each_time = f" ({fate} each time)" if fate else ""
            found.append(
                f"endless: {_path(tree, held[0])}: a caller who does nothing never gets away"
                f"{each_time}"
            )
        told |= {place.number for place in kept}
    return found


def _passive_branches(place: Node, fate: str) -> list[Branch]:
    """What happens to a caller who does nothing, where what ``fate`` names is so each time."""
    fated = [branch for branch in place.branches if fate and branch.fate == fate]
    return fated or [branch for branch in place.branches if branch.passive and not branch.fate]


def _leading_to(tree: Tree, happening: Callable[[Node], list[Branch]]) -> set[int]:
    """The places from which what happens leads to an end."""
    found = {place.number for place in tree.places if place.ending}
    grown = True
    while grown:
        more = {
            place.number
            for place in tree.places
            if any(branch.to in found for branch in happening(place))
        }
        grown = not more <= found
        found |= more
    return found


def _silent_endings(tree: Tree) -> list[str]:
    """Endings before which the caller, having done something, hears not a word."""
    found = []
    first = tree.places[0]
    if first.ending == HANG_UP and not first.heard:
        found.append(f"silent ending: at once: {_in_silence(first)}")
    for place in tree.places:
        for what, branch in grouped(place.branches):
            end = tree.places[branch.to - 1]
            if end.ending == HANG_UP and not end.heard and not branch.talked:
                path = what if place is first else f"{_path(tree, place)}, {what}"
                found.append(f"silent ending: {path}: {_in_silence(end)}")
    return found


def _in_silence(end: Node) -> str:
    recorded = any(step.startswith("record") for step in end.steps)
    return f"the call ends without a word{' after the recording' if recorded else ''}"


def _path(tree: Tree, wanted: Node) -> str:
    """The shortest way to a place, in what happens on it."""
    known = arrivals(tree)
    if wanted.number not in known:
        return f"place {wanted.number}"
    steps: list[str] = []
    arrival = known[wanted.number]
    while arrival is not None:
        before, branch = arrival
        steps.insert(0, branch.what)
        arrival = known[before]
    return ", ".join(steps) or "at once"
