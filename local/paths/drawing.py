"""Draws a flow's tree, as text and as SVG."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from local.paths.tree import FAULT, arrivals, grouped

if TYPE_CHECKING:
    from local.paths.tree import Place, Tree

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

    def draw(place: Place, indent: str) -> None:
        drawn.add(place.number)
        for line in _said(place):
            lines.append(f"{indent}{line}")
        branches = grouped(place.branches)
        for position, (what, branch) in enumerate(branches):
            last = position == len(branches) - 1
            known = branch.to in drawn
            arrow = f"\u2192 {branch.to}" + (" (above)" if known else "")
            lines.append(f"{indent}{'└' if last else '├'}─ {what} {arrow}")
            if not known:
                draw(tree.places[branch.to - 1], indent + ("   " if last else "│  "))

    draw(tree.places[0], "  ")
    return "\n".join(lines)


def _said(place: Place) -> list[str]:
    end = place.problem or place.ending
    steps = [*place.steps, *([f"({end})"] if end else [])]
    return [f"{place.number}. {steps[0]}" if steps else f"{place.number}.", *steps[1:]]


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

    def __init__(self, place: Place, x: int, y: int) -> None:
        self.number, self.x, self.y = place.number, x, y
        self._kind = "fault" if place.ending == FAULT else "end" if place.ending else "place"
        self._lines = [line for said in _said(place) for line in textwrap.wrap(said, _WIDTH)]
        self._branches: dict[int, int] = {}
        for what, branch in grouped(place.branches):
            self._branches.setdefault(branch.to, len(self._lines))
            shown = textwrap.shorten(what, _WIDTH - 6, placeholder="\u2026")
            self._lines.append(f"{shown} \u2192 {branch.to}")

    @property
    def height(self) -> int:
        """Pixels."""
        return _LINE * len(self._lines) + 14

    def line_to(self, number: int) -> int:
        """The height at which the branch to a place stands."""
        return self.y + 15 + _LINE * self._branches[number]

    def drawn(self) -> str:
        """The box and its text."""
        first_branch = min(self._branches.values(), default=len(self._lines))
        text = "".join(
            f'<text class="{"label" if n >= first_branch else "said"}" x="{self.x + 10}"'
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
