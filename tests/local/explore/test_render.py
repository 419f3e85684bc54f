"""Rendering of a tree as text of 80 columns, and as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from local.explore.render import as_data, as_svg, as_text
from local.explore.tree import HANG_UP, Branch, Node, Tree, step_of

LONG = "Press 1 for our opening hours, 2 for our address, or 0 to speak to an agent. " * 3


def tree_of(prompt: str, label: str) -> Tree:
    talk = step_of({"action": "talk", "text": prompt})
    listen = step_of({"action": "input", "type": ["speech"]})
    first = Node(1, [talk, listen], branches=[Branch(label, 2)])
    return Tree("flow", [first, Node(2, [talk], ending=HANG_UP)])


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


def test_data_has_each_node_with_its_steps_its_labels_and_where_it_is_first_reached_from() -> None:
    tree = tree_of("Hello.", "1")
    tree.nodes[0].branches += [Branch(one, 2) for one in ("2", "3", "*", "silence")]
    tree.nodes[0].branches.append(Branch("0", 1))
    first, last = as_data(tree)["nodes"]
    assert first == {
        "number": 1,
        "column": 0,
        "from": None,
        "steps": [{"action": "talk", "text": "“Hello.”"}, {"action": "input", "text": "speech"}],
        "ending": "",
        "problem": "",
        "branches": [
            {"labels": ["1-3", "*", "silence"], "to": 2},
            {"labels": ["0"], "to": 1},
        ],
    }
    assert (last["column"], last["from"], last["ending"]) == (1, 1, HANG_UP)
