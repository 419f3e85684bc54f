"""Find the DTMF digits with which a flow's source compares ``input.digits``."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Methods that only remove characters at the ends.
_TRIMS = {"strip", "lstrip", "rstrip", "removeprefix", "removesuffix"}


def compared(tree: ast.Module) -> dict[str, int]:
    """Return the digits, each with the line of its first occurrence.

    A name counts if the whole module assigns it nothing but the digits. Values computed from the
    digits, such as a number, do not count.
    """
    names = _names(tree)
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        for digits, line in _texts(node, names):
            if re.fullmatch("[0-9*#]{1,20}", digits):
                found[digits] = min(line, found.get(digits, line))
    return found


def _names(tree: ast.Module) -> set[str]:
    """Return the names that hold only ``input.digits``."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.NamedExpr):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                assigned.setdefault(target.id, []).append(node.value)  # type: ignore[attr-defined]
    return {
        name for name, values in assigned.items() if all(_is_digits(one, set()) for one in values)
    }


def _is_digits(node: ast.expr, names: set[str]) -> bool:
    """Return whether an expression is the digits, a part of them, or a default for none."""
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
                    # `input.digits in "123"` compares with each character.
                    yield from ((digit, side.lineno) for digit in str(side.value))
                else:
                    yield from _constants(side)


def _constants(node: ast.expr) -> Iterator[tuple[str, int]]:
    items = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    for item in items:
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item.value, item.lineno
