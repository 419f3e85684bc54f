"""call.emit: the events that a flow may emit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.flows.calls import a_call
from voicekit.emitted_events import emits_attribute


def emitted(*events: tuple[Any, Any], hook: str = "dtmf") -> list[dict[str, Any]]:
    call = a_call("booking", hook=hook)
    for name, data in events:
        call.emit(name, data)
    return call.context.emitted


def test_an_event_has_a_name_data_and_the_flow() -> None:
    assert emitted(("appointment.cancelled", {"customer": "4711"})) == [
        {"name": "appointment.cancelled", "data": {"customer": "4711"}, "flow": "booking"}
    ]


@pytest.mark.parametrize("name", ["a.b", "voicemail.heard", "order.line_2.left", "a" * 62 + ".b"])
def test_a_name_is_words_with_periods(name: str) -> None:
    assert emitted((name, {}))[0]["name"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "appointment",
        "voice.call",
        "voice.call.completed",
        "Appointment.cancelled",
        "appointment.",
        ".cancelled",
        "a..b",
        "a.b\n",
        "a-b.c",
        "1.a",
        "é.a",
        "a" * 63 + ".b",
        None,
        1,
    ],
)
def test_any_other_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="invalid name"):
        emitted((name, {}))


@pytest.mark.parametrize("data", [None, "text", [1], {1: 2}, {"a": object()}])
def test_data_is_a_dict_of_json(data: Any) -> None:
    with pytest.raises(TypeError):
        emitted(("a.b", data))


@pytest.mark.parametrize("value", [float("inf"), "\ud800"])
def test_data_must_be_json_in_utf8(value: object) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        emitted(("a.b", {"a": value}))


def test_a_later_change_of_the_data_has_no_effect() -> None:
    call, data = a_call("booking", hook="dtmf"), {"items": [1]}
    call.emit("a.b", data)
    data["items"].append(2)
    assert call.context.emitted[0]["data"] == {"items": [1]}


def test_a_webhook_has_ten_events_at_most() -> None:
    ten = [("a.b", {"n": number}) for number in range(10)]
    assert len(emitted(*ten)) == 10
    with pytest.raises(ValueError, match="at most ten"):
        emitted(*ten, ("a.b", {}))


def test_a_webhook_has_16_kb_of_events_at_most() -> None:
    assert emitted(("a.b", {"text": "x" * 16_000}))
    with pytest.raises(ValueError, match="16 KB"):
        emitted(("a.b", {"text": "x" * 16_384}))
    with pytest.raises(ValueError, match="16 KB"):
        emitted(("a.b", {"text": "é" * 4_500}), ("a.b", {"text": "é" * 4_500}))


def test_an_event_that_was_refused_is_not_emitted() -> None:
    call = a_call("booking", hook="dtmf")
    with pytest.raises(ValueError, match="16 KB"):
        call.emit("a.b", {"text": "x" * 20_000})
    call.emit("a.c", {})
    assert [event["name"] for event in call.context.emitted] == ["a.c"]


def test_the_answer_webhook_emits_nothing() -> None:
    with pytest.raises(RuntimeError, match="answer webhook is not stored"):
        emitted(("a.b", {}), hook="answer")


def test_identifiers_depend_on_the_webhook_and_the_position() -> None:
    events = emitted(("a.b", {"é": 1}), ("a.b", {"é": 1}))
    first, again = (json.loads(emits_attribute(events, "digest")) for _ in range(2))
    assert first == again
    assert len({event["id"] for event in first}) == 2
    other = json.loads(emits_attribute(events, "another digest"))
    assert not {event["id"] for event in first} & {event["id"] for event in other}
    assert [{**event, "id": ""} for event in first] == [{"id": "", **event} for event in events]
