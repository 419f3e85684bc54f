"""The tree of a flow: the places where a caller can be, and what leads from one to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# How a called side may fail (NCCO reference: eventType).
FAILURES = ("timeout", "busy", "rejected", "unanswered", "failed")
# How the caller's part of a call ends, as a place says it.
HANG_UP = "the call ends"
TOGETHER = "in a conversation"
FAULT = "fault"
ELSEWHERE = "another application goes on"


@dataclass(frozen=True)
class Branch:
    """What happens at a place, and the number of the place that it leads to.

    ``passive`` where it happens to a caller who does nothing at all, and ``fate`` names what has to
    be so for it, where that may be so each time: the line is busy. ``talked`` where the caller has
    just spoken with somebody, so that an ending needs no words.
    """

    what: str
    to: int
    passive: bool = False
    talked: bool = False
    fate: str = ""


@dataclass
class Node:
    """What a caller hears until something must happen.

    ``steps`` are the sounds and actions in words, ``heard`` whether any sound is among the last,
    ``ending`` how it ends (empty where it goes on), ``problem`` a fault's text.
    """

    number: int
    steps: list[str] = field(default_factory=list)
    heard: bool = False
    ending: str = ""
    problem: str = ""
    branches: list[Branch] = field(default_factory=list)


@dataclass
class Tree:
    """All places of a flow, the first one where the call begins.

    ``unreached`` are actions that no caller reaches, in words; ``handlers`` the functions of the
    flow that were asked; ``inputs`` how many keys each input takes, and whether the hash key ends
    it; ``unbounded`` is set where the walk gave up, since it came to new places without end.
    """

    flow: str
    places: list[Node] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    handlers: set[str] = field(default_factory=set)
    inputs: set[tuple[int, bool]] = field(default_factory=set)
    unbounded: bool = False


def arrivals(tree: Tree) -> dict[int, tuple[int, Branch] | None]:
    """Give for each place how it is come to first: from which place, and by which branch.

    The places stand in the order of how far from the start they are, which is come to from nowhere.
    """
    found: dict[int, tuple[int, Branch] | None] = {1: None}
    pending = [1]
    for number in pending:
        for branch in tree.places[number - 1].branches:
            if branch.to not in found:
                found[branch.to] = (number, branch)
                pending.append(branch.to)
    return found


def describe(action: dict[str, Any]) -> str:
    """Say an action in a few words."""
    kind = str(action.get("action"))
    if kind == "talk":
        return f"\u201c{action.get('text', '')}\u201d"
    details = {
        "stream": _first(action.get("streamUrl")),
        "connect": _endpoint(action),
        "conversation": str(action.get("name", "")),
        "record": "after a beep" if action.get("beepStart") else "",
        "wait": f"{action.get('timeout', 10)} s",
        "input": " and ".join(action.get("type", ["dtmf"])),
    }
    return f"{kind} {details.get(kind, '')}".strip()


def grouped(branches: list[Branch]) -> list[tuple[str, Branch]]:
    """Join the branches that lead to one place, their words in order of appearance."""
    joined: dict[tuple[int, bool], list[Branch]] = {}
    for branch in branches:
        joined.setdefault((branch.to, branch.talked), []).append(branch)
    return [(_in_short([one.what for one in ones]), ones[0]) for ones in joined.values()]


def _in_short(words: list[str]) -> str:
    """Write keys that follow each other as a range: 3-9."""
    made: list[str] = []
    for word in words:
        last = made[-1] if made else ""
        if len(word) == 1 and word.isdigit() and last[-1:].isdigit():
            first, _, end = last.partition("-")
            if len(first) == 1 and int(word) == int(end or first) + 1:
                made[-1] = f"{first}-{word}"
                continue
        made.append(word)
    return ", ".join(made)


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else ""


def _endpoint(action: dict[str, Any]) -> str:
    endpoint = (action.get("endpoint") or [{}])[0]
    names = ("number", "uri", "user", "extension")
    return next((str(endpoint[name]) for name in names if name in endpoint), "")
