"""Properties of every shipped flow: its functions, and a valid NCCO for every call."""

from __future__ import annotations

import importlib
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vonage_voice.models import ncco as official

from dispatch.flow_runner import flow_names
from tests.support.shipped_flows import SHIPPED
from tests.unit.flows.calls import a_call, calls, events, inputs, payloads
from voicekit import ncco
from voicekit.call import event_of, input_of
from voicekit.dial_policy import check_ncco, policy_from

if TYPE_CHECKING:
    from types import ModuleType

    from pydantic import BaseModel

    from voicekit.call import Call

HOOKS = {
    "answer": ["call"],
    "dtmf": ["call", "input"],
    "asr": ["call", "input"],
    "notification": ["call", "payload"],
    "event": ["call", "event"],
}
ARGUMENTS = {
    "dtmf": inputs.map(input_of),
    "asr": inputs.map(input_of),
    "notification": payloads,
    "event": events.map(event_of),
}
MODELS: dict[str, type[BaseModel]] = {
    "talk": official.Talk,
    "input": official.Input,
    "record": official.Record,
    "conversation": official.Conversation,
    "connect": official.Connect,
    "notify": official.Notify,
}


def flow(name: str) -> ModuleType:
    return importlib.import_module(f"flows.{name}")


def hooks(name: str) -> dict[str, Any]:
    """Return the public functions that the module itself defines."""
    return {
        found: function
        for found, function in inspect.getmembers(flow(name), inspect.isfunction)
        if function.__module__ == f"flows.{name}" and not found.startswith("_")
    }


PAIRS = [(name, hook) for name in SHIPPED for hook in hooks(name)]


def assert_valid(answer: object, call: Call) -> None:
    """Assert that this is a valid NCCO that the dial policy allows."""
    checked = ncco.check(answer)
    check_ncco(checked, policy_from(call.settings, call.base_url))
    json.dumps(checked, allow_nan=False)


def test_each_webhook_snippet_has_one_flow() -> None:
    assert flow_names() >= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_flow_has_a_docstring(name: str) -> None:
    assert (flow(name).__doc__ or "").rstrip().endswith(".")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_flow_has_an_answer_function(name: str) -> None:
    assert "answer" in hooks(name)


@pytest.mark.parametrize(("name", "hook"), PAIRS)
def test_every_public_function_of_a_flow_handles_a_webhook(name: str, hook: str) -> None:
    assert hook in HOOKS
    parameters = inspect.signature(hooks(name)[hook]).parameters
    given_names = [parameter.lstrip("_") for parameter in parameters]
    assert given_names == HOOKS[hook]


@pytest.mark.parametrize(("name", "hook"), PAIRS)
def test_every_function_of_a_flow_has_a_docstring(name: str, hook: str) -> None:
    assert (hooks(name)[hook].__doc__ or "").rstrip().endswith(".")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_url_of_a_flow_has_a_function_in_the_flow(name: str) -> None:
    urls = [url for action in flow(name).answer(a_call(name)) for url in action.get("eventUrl", [])]
    webhooks = {url.partition("/webhooks/")[2].partition("?")[0] for url in urls}
    assert webhooks - {"recordings"} <= set(hooks(name))
    assert all(f"flow={name}" in url.partition("?")[2].split("&") for url in urls)


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=50)
@given(data=st.data())
def test_every_flow_returns_a_valid_ncco_for_any_call(name: str, data: st.DataObject) -> None:
    call = data.draw(calls(name))

    assert_valid(flow(name).answer(call), call)


@pytest.mark.parametrize(("name", "hook"), [pair for pair in PAIRS if pair[1] in ARGUMENTS])
@settings(max_examples=150)
@given(data=st.data())
def test_every_flow_returns_a_valid_ncco_for_any_event(
    name: str, hook: str, data: st.DataObject
) -> None:
    call = data.draw(calls(name))

    answer = getattr(flow(name), hook)(call, data.draw(ARGUMENTS[hook]))

    if hook == "event" and answer is None:
        return
    assert_valid(answer, call)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_official_sdk_accepts_every_action(name: str) -> None:
    for action in flow(name).answer(a_call(name)):
        # "from" is a Python keyword, so the SDK has another name for it.
        named = {"from_" if option == "from" else option: part for option, part in action.items()}
        read = MODELS[action["action"]].model_validate(named)
        assert read.model_dump(mode="json", by_alias=True, exclude_none=True) == action
