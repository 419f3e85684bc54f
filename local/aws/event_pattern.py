"""Match events with patterns, as Lambda's event filters do.

The supported rules are exact values, null, ``exists``, ``prefix`` and ``anything-but`` with values
(Lambda guide: filter rule syntax).
"""

from __future__ import annotations

from typing import Any

_MISSING = object()


def check_pattern(pattern: Any) -> None:
    """Check that a pattern has only supported rules.

    Raises
    ------
    ValueError
        If it has another rule; the message names it.
    """
    if not isinstance(pattern, dict):
        raise ValueError(f"a pattern must be an object, not {pattern!r}")
    for name, value in pattern.items():
        if name.startswith("$"):
            raise ValueError(f"the local platform does not support {name}")
        if isinstance(value, dict):
            check_pattern(value)
        elif not isinstance(value, list):
            raise ValueError(f"{name}: expected an array of rules or an object, not {value!r}")
        else:
            _check_rules(name, value)


def _check_rules(name: str, rules: list[Any]) -> None:
    for rule in rules:
        if isinstance(rule, dict) and not _is_supported(rule):
            raise ValueError(f"{name}: the local platform does not support the rule {rule}")
        if isinstance(rule, list):
            raise ValueError(f"{name}: a rule cannot be an array")


def _is_supported(rule: dict[str, Any]) -> bool:
    if len(rule) != 1:
        return False
    name, argument = next(iter(rule.items()))
    if name == "anything-but":
        return isinstance(argument, list) and not any(isinstance(one, dict) for one in argument)
    return isinstance(argument, {"exists": bool, "prefix": str}.get(name, ()))


def matches(pattern: dict[str, Any], event: Any) -> bool:
    """Return whether every field of a checked pattern matches the event's."""
    for name, expected in pattern.items():
        value = event.get(name, _MISSING) if isinstance(event, dict) else _MISSING
        if isinstance(expected, dict):
            if not matches(expected, value):
                return False
        elif not any(_rule_matches(rule, value) for rule in expected):
            return False
    return True


def _rule_matches(rule: Any, value: Any) -> bool:
    if not isinstance(rule, dict):
        return value is not _MISSING and type(value) is type(rule) and bool(value == rule)
    name, argument = next(iter(rule.items()))
    if name == "exists":
        return argument is (value is not _MISSING)
    if name == "prefix":
        return isinstance(value, str) and value.startswith(argument)
    return value is not _MISSING and value not in argument
