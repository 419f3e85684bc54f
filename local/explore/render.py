"""Draws a flow's tree, as text and as SVG."""

from __future__ import annotations

import itertools
import textwrap
import unicodedata
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from local.explore.tree import FAULT, arrivals, grouped

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.explore.tree import Node, Tree

_COLUMNS = 79  # of the text
_NARROW = 30  # columns that a place has however deep it is
_COUNTED = "\ue000"  # follows a wide character while lines are broken
_WIDTH = 40  # characters in a box
_LINE = 16  # pixels
_BOX = 300
_ACROSS = 380
_GAP = 22
_STYLE = """
  svg { font: 13px system-ui, sans-serif; background: #fff }
  rect { fill: #f4f6fb; stroke: #5b6b8c }
  .end rect { fill: #eef7ee; stroke: #3b7a3b }
  .fault rect { fill: #fdecec; stroke: #b3261e }
  text { fill: #1b2230 }
  .label { fill: #44506a; font-size: 12px }
  path { fill: none; stroke: #7484a5 }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181f }
    rect { fill: #1e2531; stroke: #8294b8 }
    .end rect { fill: #17281b; stroke: #6fb274 }
    .fault rect { fill: #331a1a; stroke: #f2867e }
    text { fill: #e6eaf2 }
    .label { fill: #b4bfd4 }
    path { stroke: #8294b8 }
  }
"""


def as_text(tree: Tree) -> str:
    """Draw the tree in lines; a place that was drawn before is named by its number."""
    lines = [tree.flow]
    drawn: set[int] = set()

    def add(text: str, first: str, more: str) -> None:
        width = max(_COLUMNS - len(more), _NARROW)
        marks = itertools.chain([first], itertools.repeat(more))
        lines.extend(mark + line for mark, line in zip(marks, _wrapped(text, width), strict=False))

    def draw(place: Node, indent: str) -> None:
        drawn.add(place.number)
        for said in _said(place):
            add(said, indent, f"{indent}  ")
        branches = grouped(place.branches)
        for position, (what, branch) in enumerate(branches):
            last = position == len(branches) - 1
            known = branch.to in drawn
            arrow = f"\u2192 {branch.to}" + (" (above)" if known else "")
            below = indent + ("   " if last else "│  ")
            add(f"{what} {arrow}", f"{indent}{'└' if last else '├'}─ ", below)
            if not known:
                draw(tree.places[branch.to - 1], below)

    draw(tree.places[0], "  ")
    return "\n".join(lines)


def _said(place: Node) -> list[str]:
    end = place.problem or place.ending
    steps = [*place.steps, *([f"({end})"] if end else [])]
    return [f"{place.number}. {steps[0]}" if steps else f"{place.number}.", *steps[1:]]


def _wrapped(text: str, width: int, wide: Callable[[str], bool] | None = None) -> list[str]:
    """Break a text into lines; a character twice as wide as others counts as two."""
    is_wide = wide or _is_wide
    plain = " ".join(text.split())
    counted = "".join(f"{one}{_COUNTED}" if is_wide(one) else one for one in plain)
    return [line.replace(_COUNTED, "") for line in textwrap.wrap(counted, width)]


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _is_wide_in_a_picture(character: str) -> bool:
    return character.isupper() or _is_wide(character)


def as_svg(tree: Tree) -> str:
    """Draw the tree as a picture: places from left to right by how far from the start they are.

    Each place lists what can happen there; an arrow is drawn to where it leads for the first time,
    and the number tells the rest.
    """
    columns, found_from = _columns(tree)
    boxes: dict[int, _Box] = {}
    for column, numbers in enumerate(columns):
        top = _GAP
        for number in numbers:
            boxes[number] = _Box(tree.places[number - 1], _GAP + column * _ACROSS, top)
            top += boxes[number].height + _GAP
    width = len(columns) * _ACROSS + _GAP
    height = max(box.y + box.height for box in boxes.values()) + _GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img">',
            f"<title>Every path through {escape(tree.flow)}</title><style>{_STYLE}</style>",
            *(box.drawn() for box in boxes.values()),
            *(_arrow(boxes[start], boxes[end]) for end, start in found_from.items()),
            "</svg>\n",
        ]
    )


def _drawn(text: str) -> list[str]:
    return _wrapped(text, _WIDTH, _is_wide_in_a_picture)


def _columns(tree: Tree) -> tuple[list[list[int]], dict[int, int]]:
    """The places by their distance from the start, and from where each was first come to."""
    found_from = {number: one[0] for number, one in arrivals(tree).items() if one is not None}
    columns: list[list[int]] = [[1]]
    far = {1: 0}
    for number, start in found_from.items():
        far[number] = far[start] + 1
        if far[number] == len(columns):
            columns.append([])
        columns[far[number]].append(number)
    return columns, found_from


class _Box:
    """The picture of one place: where it is, its lines, and the line of each branch."""

    def __init__(self, place: Node, x: int, y: int) -> None:
        self.number, self.x, self.y = place.number, x, y
        self._kind = "fault" if place.ending == FAULT else "end" if place.ending else "place"
        self._lines = [line for said in _said(place) for line in _drawn(said)]
        self._first_branch = len(self._lines)
        self._branches: dict[int, int] = {}
        for what, branch in grouped(place.branches):
            self._lines += _drawn(f"{what} \u2192 {branch.to}")
            self._branches.setdefault(branch.to, len(self._lines) - 1)

    @property
    def height(self) -> int:
        """Pixels."""
        return _LINE * len(self._lines) + 14

    def line_to(self, number: int) -> int:
        """The height at which the branch to a place stands."""
        return self.y + 15 + _LINE * self._branches[number]

    def drawn(self) -> str:
        """The box and its text."""
        text = "".join(
            f'<text class="{"label" if n >= self._first_branch else "said"}" x="{self.x + 10}"'
            f' y="{self.y + 20 + _LINE * n}">{escape(line)}</text>'
            for n, line in enumerate(self._lines)
        )
        return (
            f'<g class="{self._kind}"><rect x="{self.x}" y="{self.y}" width="{_BOX}"'
            f' height="{self.height}" rx="6"/>{text}</g>'
        )


def _arrow(start: _Box, end: _Box) -> str:
    x, y = start.x + _BOX, start.line_to(end.number)
    to_x, to_y = end.x, end.y + 15
    return f'<path d="M{x} {y} C{x + 60} {y}, {to_x - 60} {to_y}, {to_x} {to_y}"/>'
