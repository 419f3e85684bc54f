"""Draws a flow's tree, as text and as SVG."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from local.explore.tree import FAULT, grouped

if TYPE_CHECKING:
    from local.explore.tree import Place, Tree

WIDTH = 34  # characters in a box
_LINE = 16  # pixels
_BOX = 260
_ACROSS = 420
_GAP = 22
_STYLE = """
  svg { font: 13px system-ui, sans-serif; background: #fff }
  rect { fill: #f4f6fb; stroke: #5b6b8c }
  .end rect { fill: #eef7ee; stroke: #3b7a3b }
  .fault rect { fill: #fdecec; stroke: #b3261e }
  text { fill: #1b2230 }
  .label { fill: #44506a; font-size: 12px }
  path { fill: none; stroke: #7484a5 }
  .back { stroke-dasharray: 4 4 }
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
    """Draw the tree as a picture: places from left to right by how far from the start they are."""
    columns = _columns(tree)
    boxes: dict[int, tuple[int, int, list[str]]] = {}
    height = 0
    for column, numbers in enumerate(columns):
        top = _GAP
        for number in numbers:
            lines = _wrapped(tree.places[number - 1])
            boxes[number] = (_GAP + column * _ACROSS, top, lines)
            top += _box_height(lines) + _GAP
        height = max(height, top)
    width = _GAP + len(columns) * _ACROSS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">',
        f"<title>Every path through {escape(tree.flow)}</title><style>{_STYLE}</style>",
    ]
    for place in tree.places:
        if place.number in boxes:
            parts += _edges(place, boxes)
    parts += [_box(tree.places[number - 1], *box) for number, box in boxes.items()]
    return "\n".join([*parts, "</svg>\n"])


def _columns(tree: Tree) -> list[list[int]]:
    """The places by their distance from the start."""
    far = {1: 0}
    pending = [1]
    for number in pending:
        for branch in tree.places[number - 1].branches:
            if branch.to not in far:
                far[branch.to] = far[number] + 1
                pending.append(branch.to)
    return [
        [number for number in pending if far[number] == column]
        for column in range(max(far.values()) + 1)
    ]


def _wrapped(place: Place) -> list[str]:
    return [line for said in _said(place) for line in textwrap.wrap(said, WIDTH)] or [""]


def _box_height(lines: list[str]) -> int:
    return _LINE * len(lines) + 14


def _box(place: Place, x: int, y: int, lines: list[str]) -> str:
    kind = "fault" if place.ending == FAULT else "end" if place.ending else "place"
    text = "".join(
        f'<text x="{x + 10}" y="{y + 20 + _LINE * n}">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    return (
        f'<g class="{kind}"><rect x="{x}" y="{y}" width="{_BOX}" height="{_box_height(lines)}"'
        f' rx="6"/>{text}</g>'
    )


def _edges(place: Place, boxes: dict[int, tuple[int, int, list[str]]]) -> list[str]:
    """The arrows from a place, each with its words where it begins."""
    x, y, _ = boxes[place.number]
    drawn = []
    for position, (what, branch) in enumerate(grouped(place.branches)):
        to_x, to_y, _ = boxes[branch.to]
        start, at = x + _BOX, y + 16 + 18 * position
        back = to_x <= x
        end_x, end_y = (to_x + _BOX, to_y + 8) if back else (to_x, to_y + 16)
        bend = start + 60 if back else end_x - 60
        label = textwrap.shorten(what, 24, placeholder="\u2026")
        drawn.append(
            f'<path class="{"back" if back else "on"}" d="M{start} {at} C{start + 60} {at},'
            f' {bend} {end_y}, {end_x} {end_y}"/>'
            f'<text class="label" x="{start + 6}" y="{at - 4}">{escape(label)}</text>'
        )
    return drawn
