"""Render a flow's tree as text, as SVG and as data."""

from __future__ import annotations

import itertools
import textwrap
import unicodedata
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from local.explore.tree import DEAD_END, arrivals, grouped

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.explore.tree import Node, Tree

_COLUMNS = 79  # of the text
_MIN_COLUMNS = 30  # of a node, at any depth
_PADDING = "\ue000"  # follows a wide character while lines are wrapped
_WIDTH = 40  # characters in a box
_LINE = 16  # pixels, as below
_BOX = 300
_COLUMN = 380
_GAP = 22
_STYLE = """
  svg { font: 13px system-ui, sans-serif; background: #fff }
  rect { fill: #f4f6fb; stroke: #5b6b8c }
  .end rect { fill: #eef7ee; stroke: #3b7a3b }
  .dead-end rect { fill: #fdecec; stroke: #b3261e }
  text { fill: #1b2230 }
  .label { fill: #44506a; font-size: 12px }
  path { fill: none; stroke: #7484a5 }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181f }
    rect { fill: #1e2531; stroke: #8294b8 }
    .end rect { fill: #17281b; stroke: #6fb274 }
    .dead-end rect { fill: #331a1a; stroke: #f2867e }
    text { fill: #e6eaf2 }
    .label { fill: #b4bfd4 }
    path { stroke: #8294b8 }
  }
"""


def as_text(tree: Tree) -> str:
    """Render the tree as text. Each node appears once; other branches to it show its number."""
    lines = [tree.flow]
    rendered: set[int] = set()

    def add(text: str, first: str, rest: str) -> None:
        width = max(_COLUMNS - len(rest), _MIN_COLUMNS)
        marks = itertools.chain([first], itertools.repeat(rest))
        lines.extend(mark + line for mark, line in zip(marks, _wrapped(text, width), strict=False))

    def render(node: Node, indent: str) -> None:
        rendered.add(node.number)
        for line in _node_lines(node):
            add(line, indent, f"{indent}  ")
        branches = grouped(node.branches)
        for position, (labels, branch) in enumerate(branches):
            last = position == len(branches) - 1
            known = branch.to in rendered
            arrow = f"\u2192 {branch.to}" + (" (above)" if known else "")
            below = indent + ("   " if last else "│  ")
            add(f"{', '.join(labels)} {arrow}", f"{indent}{'└' if last else '├'}─ ", below)
            if not known:
                render(tree.nodes[branch.to - 1], below)

    render(tree.nodes[0], "  ")
    return "\n".join(lines)


def as_data(tree: Tree) -> dict[str, Any]:
    """Return the tree as JSON values.

    Each of the `nodes` has its `column`, which is its distance from the start, and `from`, the
    node that it is first reached from. `branches` to the same node share a list of `labels`.
    """
    columns, found_from = _columns(tree)
    nodes = [
        {
            "number": number,
            "column": column,
            "from": found_from.get(number),
            "steps": [asdict(step) for step in tree.nodes[number - 1].steps],
            "ending": tree.nodes[number - 1].ending,
            "problem": tree.nodes[number - 1].problem,
            "branches": [
                {"labels": labels, "to": branch.to}
                for labels, branch in grouped(tree.nodes[number - 1].branches)
            ],
        }
        for column, numbers in enumerate(columns)
        for number in numbers
    ]
    return {"flow": tree.flow, "nodes": nodes}


def _node_lines(node: Node) -> list[str]:
    end = node.problem or node.ending
    steps = [*map(str, node.steps), *([f"({end})"] if end else [])]
    return [f"{node.number}. {steps[0]}" if steps else f"{node.number}.", *steps[1:]]


def _wrapped(text: str, width: int, wide: Callable[[str], bool] | None = None) -> list[str]:
    """Wrap a text into lines; a wide character counts as two."""
    is_wide = wide or _is_wide
    plain = " ".join(text.split())
    padded = "".join(f"{one}{_PADDING}" if is_wide(one) else one for one in plain)
    return [line.replace(_PADDING, "") for line in textwrap.wrap(padded, width)]


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")


def _is_wide_in_svg(character: str) -> bool:
    return character.isupper() or _is_wide(character)


def as_svg(tree: Tree) -> str:
    """Render the tree as SVG, with nodes from left to right by their distance from the start.

    Each node lists its branches. An arrow shows the first arrival at a node; further branches name
    its number.
    """
    columns, found_from = _columns(tree)
    boxes: dict[int, _Box] = {}
    for column, numbers in enumerate(columns):
        top = _GAP
        for number in numbers:
            boxes[number] = _Box(tree.nodes[number - 1], _GAP + column * _COLUMN, top)
            top += boxes[number].height + _GAP
    width = len(columns) * _COLUMN + _GAP
    height = max(box.y + box.height for box in boxes.values()) + _GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img">',
            f"<title>Every path through {escape(tree.flow)}</title><style>{_STYLE}</style>",
            *(box.svg() for box in boxes.values()),
            *(_arrow(boxes[start], boxes[end]) for end, start in found_from.items()),
            "</svg>\n",
        ]
    )


def _wrapped_in_box(text: str) -> list[str]:
    return _wrapped(text, _WIDTH, _is_wide_in_svg)


def _columns(tree: Tree) -> tuple[list[list[int]], dict[int, int]]:
    """Return the nodes by their distance from the start, and the previous node of each."""
    found_from = {number: one[0] for number, one in arrivals(tree).items() if one is not None}
    columns: list[list[int]] = [[1]]
    distance = {1: 0}
    for number, start in found_from.items():
        distance[number] = distance[start] + 1
        if distance[number] == len(columns):
            columns.append([])
        columns[distance[number]].append(number)
    return columns, found_from


class _Box:
    """The box of one node: its position, its lines, and the line of each branch."""

    def __init__(self, node: Node, x: int, y: int) -> None:
        self.number, self.x, self.y = node.number, x, y
        self._kind = "dead-end" if node.ending == DEAD_END else "end" if node.ending else "node"
        self._lines = [line for text in _node_lines(node) for line in _wrapped_in_box(text)]
        self._first_branch = len(self._lines)
        self._branches: dict[int, int] = {}
        for labels, branch in grouped(node.branches):
            self._lines += _wrapped_in_box(f"{', '.join(labels)} \u2192 {branch.to}")
            self._branches.setdefault(branch.to, len(self._lines) - 1)

    @property
    def height(self) -> int:
        """The height in pixels."""
        return _LINE * len(self._lines) + 14

    def line_to(self, number: int) -> int:
        """Return the y coordinate of the branch to a node."""
        return self.y + 15 + _LINE * self._branches[number]

    def svg(self) -> str:
        """Return the SVG of the box and its text."""
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
