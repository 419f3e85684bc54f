"""docs/ncco.md is what the rules say, and its defaults are those of the simulated Vonage."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.ncco_reference import (
    DEFAULTS,
    EXAMPLES,
    OBJECTS,
    PATH,
    SOURCES,
    UnknownRule,
    kept,
    page,
)
from tests.unit.flows.calls import a_call
from voicekit import ncco
from voicekit.ncco import rules, value_rules
from vonage_simulator.ncco import parse

if TYPE_CHECKING:
    from types import ModuleType

URL = "https://example.com/hook"
PHONE = {"type": "phone", "number": "447700900000"}
# The smallest action with each object; {} is where its options go.
SMALLEST: dict[str, dict[str, Any]] = {
    "talk": {"text": "Hi"},
    "stream": {"streamUrl": [URL]},
    "input": {"type": ["dtmf"]},
    "record": {},
    "conversation": {"name": "team"},
    "connect": {"endpoint": [PHONE]},
    "notify": {"payload": {}, "eventUrl": [URL]},
    "wait": {},
    "transfer": {"conversationId": "CON-1"},
}
NESTED: dict[str, tuple[str, str]] = {
    "dtmf": ("input", "dtmf"),
    "speech": ("input", "speech"),
    "advanced_machine_detection": ("connect", "advancedMachineDetection"),
}


def action(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the smallest action with these options of an action or of a nested object."""
    kind, option = NESTED.get(name, (name, None))
    if option is None:
        return {"action": kind, **SMALLEST[kind], **options}
    types = {"type": [option]} if kind == "input" else {}
    return {"action": kind, **SMALLEST[kind], **types, option: options}


def value(text: str) -> Any:
    """Return a default: numbers and booleans as such, anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def options_of(name: str) -> set[str]:
    return {f"{name}.{option}" for option in kept(OBJECTS[name])["options"]}


def test_the_page_is_what_the_rules_say() -> None:
    assert PATH.read_text(encoding="utf-8") == page(), "run python -m tests.docs.ncco_reference"


def test_a_changed_rule_changes_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = rules._object_rule({"timeout": value_rules.whole(2, 9, "minutes")})
    monkeypatch.setitem(OBJECTS, "wait", rule)
    assert "| `timeout` | `timeout` | integer | 2 to 9 minutes |" in page()


def test_a_rule_that_cannot_be_described_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = rules._object_rule({"timeout": lambda _where, _value: None})
    monkeypatch.setitem(OBJECTS, "wait", rule)
    with pytest.raises(UnknownRule, match="lambda"):
        page()


def test_defaults_and_sources_are_of_options_that_exist() -> None:
    options = set().union(*map(options_of, OBJECTS))
    assert DEFAULTS.keys() | SOURCES.keys() <= options


@pytest.mark.parametrize("path", sorted(DEFAULTS))
def test_a_default_is_allowed_and_is_that_of_the_simulator(path: str) -> None:
    name, option = path.split(".")
    without, explicit = action(name, {}), action(name, {option: value(DEFAULTS[path])})
    assert ncco.check([explicit]) == [explicit]
    assert parse([without])[0].action == parse([explicit])[0].action


@pytest.fixture(scope="module")
def examples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples", EXAMPLES)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [*SMALLEST, "phone", "app", "websocket", "sip", "vbc"])
def test_the_example_is_valid_and_shows_the_action_or_endpoint(
    examples: ModuleType, name: str
) -> None:
    result = ncco.check(getattr(examples, name)(a_call("example")))
    endpoints = [one["endpoint"][0]["type"] for one in result if one["action"] == "connect"]
    assert name in [*(one["action"] for one in result), *endpoints]
