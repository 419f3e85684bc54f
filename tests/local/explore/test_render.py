"""How a tree is drawn: for a terminal of eighty columns, and as a picture."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from local.explore.render import as_svg, as_text
from local.explore.tree import HANG_UP, Branch, Node, Tree

LONG = "Press 1 for our opening hours, 2 for our address, or 0 to speak to somebody. " * 3


def tree_of(said: str, does: str) -> Tree:
    first = Node(1, [f"“{said}”", "input speech"], branches=[Branch(does, 2)])
    return Tree("drawn", [first, Node(2, [f"“{said}”"], ending=HANG_UP)])


def lines_of(tree: Tree) -> list[str]:
    drawn = ElementTree.fromstring(as_svg(tree))
    return ["".join(one.itertext()) for one in drawn.iter() if one.tag.endswith("}text")]


def test_the_text_fits_a_terminal_and_keeps_its_branches_apart() -> None:
    text = as_text(tree_of(f"{LONG}\nAnother line.", f"says {LONG}"))
    assert max(map(len, text.splitlines())) < 80
    assert text.count("Another line.") == 2
    assert all(re.match("drawn$|  [ 1“i└]", line) for line in text.splitlines())


def test_a_picture_cuts_no_label_off() -> None:
    lines = lines_of(tree_of("Hello.", "timeout, busy, rejected, unanswered, failed"))
    assert "timeout, busy, rejected, unanswered, failed → 2" in " ".join(lines)


def test_wide_characters_and_capitals_stay_within_their_box() -> None:
    for wide in ("営" * 60, "W" * 60):
        assert max(line.count(wide[0]) for line in lines_of(tree_of(wide, f"says {wide}"))) <= 20
        assert sum(line.count(wide[0]) for line in lines_of(tree_of(wide, "1"))) == 120
