"""Rendering of a tree as text of 80 columns, and as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from local.explore.render import as_svg, as_text
from local.explore.tree import HANG_UP, Branch, Node, Tree

LONG = "Press 1 for our opening hours, 2 for our address, or 0 to speak to an agent. " * 3


def tree_of(prompt: str, label: str) -> Tree:
    first = Node(1, [f"“{prompt}”", "input speech"], branches=[Branch(label, 2)])
    return Tree("flow", [first, Node(2, [f"“{prompt}”"], ending=HANG_UP)])


def lines_of(tree: Tree) -> list[str]:
    svg = ElementTree.fromstring(as_svg(tree))
    return ["".join(one.itertext()) for one in svg.iter() if one.tag.endswith("}text")]


def test_long_lines_wrap_below_their_branch() -> None:
    text = as_text(tree_of(f"{LONG}\nAnother line.", f"says {LONG}"))
    assert max(map(len, text.splitlines())) < 80
    assert text.count("Another line.") == 2
    assert all(re.match("flow$|  [ 1“i└]", line) for line in text.splitlines())


def test_long_labels_wrap_in_their_box() -> None:
    lines = lines_of(tree_of("Hello.", "timeout, busy, rejected, unanswered, failed"))
    assert "timeout, busy, rejected, unanswered, failed → 2" in " ".join(lines)


def test_wide_characters_and_capitals_stay_within_their_box() -> None:
    for wide in ("営" * 60, "W" * 60):
        assert max(line.count(wide[0]) for line in lines_of(tree_of(wide, f"says {wide}"))) <= 20
        assert sum(line.count(wide[0]) for line in lines_of(tree_of(wide, "1"))) == 120
