"""records.outcome: a call has one outcome, for every order and repetition of its events."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from records.event import parse_event
from records.outcome import call_outcome, caller_of
from tests.property.test_timeline import (
    CONVERSATION,
    LEG,
    SECOND_LEG,
    arrived,
    complete_paths,
    leg_events,
    other_events,
    partial_paths,
)
from tests.property.test_timeline import _fields as any_fields

THIRD_LEG = "33333333444455556666777777777777"
Fields = dict[str, Any]


def inbound(fields: Fields) -> Fields:
    return fields | ({"direction": "inbound"} if "direction" in fields else {})


@st.composite
def calls(draw: st.DrawFn) -> list[Fields]:
    """The events of an inbound call: some lost, with others of its conversation."""
    root = [inbound(one) for one in draw(leg_events(complete_paths)).sent]
    others = draw(leg_events(partial_paths, SECOND_LEG)).sent
    others += draw(leg_events(partial_paths, THIRD_LEG)).sent
    recording = {
        "recording_url": "https://api.nexmo.com/v1/files/1",
        "recording_uuid": draw(st.sampled_from(["r-1", "r-2"])),
        "conversation_uuid": CONVERSATION,
        "start_time": "2021-03-29T21:20:01Z",
        "end_time": draw(st.sampled_from(["2021-03-29T21:20:03Z", "soon"])),
        "timestamp": "2021-03-29T21:20:04.582Z",
    }
    sent = [*root, *others, *draw(other_events()), recording]
    kept = draw(st.lists(st.booleans(), min_size=len(sent), max_size=len(sent)))
    return [root[0], *(one for one, keep in zip(sent, kept, strict=True) if keep)]


@given(data=st.data())
def test_any_order_and_repetition_is_the_same_outcome(data: st.DataObject) -> None:
    sent = data.draw(calls())

    first, second = data.draw(arrived(sent)), data.draw(arrived(sent))

    for leg in (LEG, SECOND_LEG, THIRD_LEG):
        assert call_outcome(first, leg) == call_outcome(second, leg)
    assert caller_of(first, "2021-03-29T21:20:01Z") == caller_of(second, "2021-03-29T21:20:01Z")


@given(data=st.data())
def test_exactly_the_inbound_leg_is_the_root_of_its_conversation(data: st.DataObject) -> None:
    events = data.draw(arrived(data.draw(calls())))

    roots = [leg for leg in (LEG, SECOND_LEG, THIRD_LEG) if call_outcome(events, leg)]

    assert roots == [LEG]


@given(data=st.data())
def test_exactly_one_leg_is_the_root_of_a_placed_call(data: st.DataObject) -> None:
    sent = [
        fields
        for leg in (LEG, SECOND_LEG, THIRD_LEG)
        for fields in data.draw(leg_events(partial_paths, leg)).sent
    ]
    events = data.draw(arrived(sent))

    roots = [leg for leg in (LEG, SECOND_LEG, THIRD_LEG) if call_outcome(events, leg)]

    assert len(roots) == 1


@given(sent=st.lists(any_fields, max_size=8))
def test_arbitrary_events_have_an_outcome(sent: list[Fields]) -> None:
    events = [parse_event(fields) for fields in sent]
    for event in events:
        if event.leg:
            call_outcome(events, event.leg)
    caller_of(events, "2021-03-29T21:20:01Z")
