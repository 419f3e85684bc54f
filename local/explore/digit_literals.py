"""Which keys a flow's source compares ``input.digits`` with."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What leaves keys as they are, but for some at the ends.
_TRIMS = {"strip", "lstrip", "rstrip", "removeprefix", "removesuffix"}


def compared(tree: ast.Module) -> dict[str, int]:
    """Give the keys, and for each the line where they stand first.

    Names count that are given nothing but the digits in the whole module. What the flow makes of
    the digits otherwise, such as their number, does not.
    """
    names = _names(tree)
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        for keys, line in _texts(node, names):
            if re.fullmatch("[0-9*#]{1,20}", keys):
                found[keys] = min(line, found.get(keys, line))
    return found


def _names(tree: ast.Module) -> set[str]:
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.NamedExpr):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                given.setdefault(target.id, []).append(node.value)  # type: ignore[attr-defined]
    return {name for name, values in given.items() if all(_is_digits(one, set()) for one in values)}


def _is_digits(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is the digits, some of them, or a text where there are none."""
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(attr="digits", value=ast.Name(id=name)):
            return name != "string"
        case ast.Subscript(value=value) | ast.NamedExpr(value=value):
            return _is_digits(value, names)
        case ast.BoolOp(values=[value, ast.Constant()]):
            return _is_digits(value, names)
        case ast.Call(func=ast.Attribute(attr=method, value=value)):
            return method in _TRIMS and _is_digits(value, names)
    return False


def _texts(node: ast.AST, names: set[str]) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Match) and _is_digits(node.subject, names):
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                if isinstance(pattern, ast.MatchValue):
                    yield from _constants(pattern.value)
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(_is_digits(side, names) for side in sides):
            for side in sides:
                if isinstance(side, ast.Constant) and isinstance(node.ops[0], ast.In | ast.NotIn):
                    # Keys that are looked for in a text are one of its characters.
                    yield from ((key, side.lineno) for key in str(side.value))
                else:
                    yield from _constants(side)


def _constants(node: ast.expr) -> Iterator[tuple[str, int]]:
    items = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item.value, item.lineno
