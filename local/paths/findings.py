"""What is wrong with a flow, told from its tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.paths.tree import FAULT, HANG_UP, arrivals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.paths.tree import Branch, Place, Tree

# Functions of a flow that are called only where an NCCO names their webhook.
_ASKED_FOR = {"dtmf", "asr", "notification"}


def findings(tree: Tree, handlers: Iterable[str]) -> list[str]:
    """Say everything that is wrong, in sentences, the worst first.

    Parameters
    ----------
    tree
        The flow's tree.
    handlers
        The functions that the flow has for webhooks, to be compared with what was asked for.
    """
    found = [
        f"dead end: {_path(tree, place)}: {place.problem}"
        for place in tree.places
        if place.ending == FAULT
    ]
    found += _loops(tree)
    if not tree.unbounded:
        found += _silent_endings(tree)
        found += [f"no caller reaches: {what}" for what in tree.unreached]
        found += [
            f"no caller reaches: the function {name}, since no NCCO names its webhook"
            for name in sorted((_ASKED_FOR & set(handlers)) - tree.handlers)
        ]
    return found


def _loops(tree: Tree) -> list[str]:
    if tree.unbounded:
        return [f"endless: {len(tree.places)} places, and every one led to a new one"]
    ends = _leading_to(tree, lambda place: bool(place.ending), lambda branch: True)
    quiet = _leading_to(tree, lambda place: bool(place.ending), lambda branch: branch.passive)
    found = []
    for place in tree.places:
        if place.number not in ends:
            found.append(f"endless: {_path(tree, place)}: no way from here ends the call")
            break
        if place.number not in quiet and any(branch.passive for branch in place.branches):
            found.append(
                f"endless: {_path(tree, place)}: a caller who does nothing never gets away"
            )
            break
    return found


def _leading_to(
    tree: Tree, ends: Callable[[Place], bool], counts: Callable[[Branch], bool]
) -> set[int]:
    """The places from which branches that count lead to an end."""
    found = {place.number for place in tree.places if ends(place)}
    grown = True
    while grown:
        more = {
            place.number
            for place in tree.places
            if any(counts(branch) and branch.to in found for branch in place.branches)
        }
        grown = not more <= found
        found |= more
    return found


def _silent_endings(tree: Tree) -> list[str]:
    """Endings before which the caller, having done something, hears not a word."""
    found = []
    first = tree.places[0]
    if first.ending == HANG_UP and not first.heard:
        found.append("silent ending: at once: the call is answered and ends without a word")
    for place in tree.places:
        for branch in place.branches:
            end = tree.places[branch.to - 1]
            if end.ending == HANG_UP and not end.heard and not branch.talked:
                path = branch.what if place is first else f"{_path(tree, place)}, {branch.what}"
                found.append(f"silent ending: {path}: the call ends without a word")
    return list(dict.fromkeys(found))


def _path(tree: Tree, wanted: Place) -> str:
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
