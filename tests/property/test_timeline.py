"""records.timeline: the timeline is the same for any order and repetition of the events.

The events follow the paths of the call state machine, with equal timestamps and with other events
between them.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from records.event import STATUS_RANK, CallEvent, event_item, parse_event
from records.timeline import LegSummary, Timeline, build_timeline

FAILURES = ["busy", "cancelled", "timeout", "unanswered", "failed"]
CONVERSATION = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
MOVED_TO = "CON-0972836a-550f-45fa-956c-12a2ab5b7d22"
LEG = "0779a56d002f1c7f47f82ef5fe84ab79"
DASHED = "0779a56d-002f-1c7f-47f8-2ef5fe84ab79"
SECOND_LEG = "11111111222233334444555555555555"
Fields = dict[str, Any]


class SentEvents(NamedTuple):
    """The events of a leg, in the order in which they happened."""

    statuses: list[str]
    sent: list[Fields]


# The paths of the state machine (Vonage Webhook reference: event webhook)

_ringing = st.sampled_from([["started"], ["started", "ringing"]])
_answered = st.tuples(
    _ringing,
    st.sampled_from([["answered"], ["answered", "human"], ["answered", "machine"]])
    | st.just(["answered", "machine", "machine"]),
).map(lambda parts: [*parts[0], *parts[1], "completed"])
_failed = st.tuples(_ringing, st.sampled_from(FAILURES)).map(
    lambda parts: [*parts[0], parts[1], "completed"]
)
_rejected = st.just(["started", "rejected"])
_websocket = st.just(["started", "answered", "disconnected", "completed"])
complete_paths = st.one_of(_answered, _failed, _rejected, _websocket)
partial_paths = complete_paths.flatmap(
    lambda path: st.integers(1, len(path)).map(lambda length: path[:length])
)


@st.composite
def leg_events(draw: st.DrawFn, paths: st.SearchStrategy[list[str]], leg: str = LEG) -> SentEvents:
    statuses = draw(paths)
    second = 0
    sent: list[Fields] = []
    for position, status in enumerate(statuses):
        second += draw(st.integers(0, 2))  # equal timestamps are common
        fields: Fields = {
            "uuid": draw(st.sampled_from([leg, leg.upper()])),
            "conversation_uuid": CONVERSATION,
            "status": status,
            "timestamp": f"2021-03-29T21:20:{second:02}.582Z",
            "from": draw(st.sampled_from(["447700900000", " 447700900000", "Unknown", None])),
            "to": "442079460000",
            "direction": "outbound",
        }
        if status in ("human", "machine"):
            fields["call_uuid"] = fields.pop("uuid")
            del fields["direction"]
        if status == "machine" and statuses[position - 1] == "machine":
            fields["sub_state"] = "beep_start"
        if status == "completed":
            fields |= {"duration": "6", "rate": "0.00720000", "price": "0.00072000"}
            fields |= {"network": "GB-FIXED", "disconnected_by": "user"}
        sent.append(fields)
    return SentEvents(statuses, sent)


def other_events(leg: str = LEG) -> st.SearchStrategy[list[Fields]]:
    """Return other events that a leg may have."""
    common = {
        "conversation_uuid": CONVERSATION,
        "timestamp": "2021-03-29T21:20:01.582Z",
    }
    of_the_leg = {**common, "uuid": leg, "from": "447700900000", "to": "442079460000"}
    return st.lists(
        st.sampled_from(
            [
                {**of_the_leg, "dtmf": {"digits": "1", "timed_out": False}},
                {**of_the_leg, "speech": {"results": []}},
                {**of_the_leg, "type": "payment", "status": "success"},
                {**common, "payload": {"stage": "greeted"}},
                {**common, "recording_url": "https://api.nexmo.com/v1/files/1", "size": 0},
                {**common, "reason": "Syntax error in NCCO."},
                {
                    "type": "transfer",
                    "uuid": leg,
                    "conversation_uuid_from": CONVERSATION,
                    "conversation_uuid_to": MOVED_TO,
                    "timestamp": "2021-03-29T21:20:01.582Z",
                },
                {"status": "transcribed", "type": "record", "transcription_url": "https://a.b"},
                {**of_the_leg, "status": "a status of tomorrow"},
            ]
        ),
        max_size=4,
    )


@st.composite
def arrived(draw: st.DrawFn, sent: list[Fields]) -> list[CallEvent]:
    """The events as they may arrive: in any order, some of them several times."""
    repeated = draw(st.lists(st.sampled_from(sent), max_size=6)) if sent else []
    return [parse_event(fields) for fields in draw(st.permutations([*sent, *repeated]))]


def table_of(events: list[CallEvent]) -> dict[tuple[object, object], dict[str, Any]]:
    """Return the items of a table after these events arrived in this order."""
    table: dict[tuple[object, object], dict[str, Any]] = {}
    for event in events:
        item = event_item(event, json.dumps(event.fields), "POST", 1617052806.25, 90)
        table.setdefault((item["pk"], item["sk"]), item)
    return table


def leg_of(timeline: Timeline, leg: str = LEG) -> LegSummary:
    return timeline.legs[leg]


@given(data=st.data())
def test_any_order_and_repetition_builds_the_same_timeline(data: st.DataObject) -> None:
    sent = data.draw(leg_events(partial_paths)).sent + data.draw(other_events())

    first, second = data.draw(arrived(sent)), data.draw(arrived(sent))

    assert build_timeline(first) == build_timeline(second)


@given(data=st.data())
def test_any_order_and_repetition_stores_the_same_items(data: st.DataObject) -> None:
    sent = data.draw(leg_events(partial_paths)).sent + data.draw(other_events())

    first, second = data.draw(arrived(sent)), data.draw(arrived(sent))

    assert table_of(first) == table_of(second)


@given(data=st.data())
def test_stored_events_build_the_timeline_of_the_received_ones(data: st.DataObject) -> None:
    events = data.draw(
        arrived(data.draw(leg_events(partial_paths)).sent + data.draw(other_events()))
    )

    read = [parse_event(json.loads(item["body"])) for item in table_of(events).values()]

    assert build_timeline(read) == build_timeline(events)


@given(data=st.data())
def test_the_timeline_has_each_event_once_and_in_order(data: st.DataObject) -> None:
    sent = data.draw(leg_events(partial_paths)).sent + data.draw(other_events())

    events = build_timeline(data.draw(arrived(sent))).events

    keys = [event.key for event in events]
    assert sorted(keys) == sorted({parse_event(fields).key for fields in sent})
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)


@given(data=st.data())
def test_statuses_of_the_same_millisecond_are_in_the_order_of_vonage(data: st.DataObject) -> None:
    path = ["started", "ringing", "answered", "completed"]
    sent = data.draw(leg_events(st.just(path))).sent
    moment = sent[0]["timestamp"]
    received = [{**fields, "timestamp": moment} for fields in sent]

    events = build_timeline(data.draw(arrived(received))).events

    assert [event.status for event in events] == path


@given(data=st.data())
def test_a_leg_has_the_last_state_of_its_path(data: st.DataObject) -> None:
    happened = data.draw(leg_events(partial_paths))

    leg = leg_of(build_timeline(data.draw(arrived(happened.sent + data.draw(other_events())))))

    assert leg.state == happened.statuses[-1]


@given(data=st.data())
def test_a_leg_has_ended_if_its_path_has(data: st.DataObject) -> None:
    happened = data.draw(leg_events(partial_paths))

    leg = leg_of(build_timeline(data.draw(arrived(happened.sent))))

    assert leg.ended == (happened.statuses[-1] in ("completed", "rejected"))


@given(data=st.data())
def test_the_outcome_of_a_failed_leg_is_the_failure_completed_or_not(
    data: st.DataObject,
) -> None:
    happened = data.draw(leg_events(_failed))
    failure = happened.statuses[-2]
    sent = data.draw(st.sampled_from([happened.sent, happened.sent[:-1]]))

    assert leg_of(build_timeline(data.draw(arrived(sent)))).outcome == failure


@given(data=st.data())
def test_the_outcome_of_an_answered_leg_is_answered(data: st.DataObject) -> None:
    happened = data.draw(leg_events(_answered | _websocket))

    assert leg_of(build_timeline(data.draw(arrived(happened.sent)))).outcome == "answered"


@given(data=st.data())
def test_a_rejected_leg_has_ended_without_being_completed(data: st.DataObject) -> None:
    leg = leg_of(build_timeline(data.draw(arrived(data.draw(leg_events(_rejected)).sent))))

    assert (leg.state, leg.outcome, leg.ended) == ("rejected", "rejected", True)
    assert "completed" not in leg.times


@given(data=st.data())
def test_a_status_that_follows_answered_implies_it(data: st.DataObject) -> None:
    happened = data.draw(leg_events(_answered | _websocket))
    follows = ("human", "machine", "disconnected")
    sent = [fields for fields in happened.sent if fields["status"] in follows]

    for leg in build_timeline(data.draw(arrived(sent))).legs.values():
        assert leg.outcome == "answered"


@given(data=st.data())
def test_with_missing_events_the_received_status_of_highest_rank_counts(
    data: st.DataObject,
) -> None:
    happened = data.draw(leg_events(complete_paths))
    received = data.draw(st.lists(st.sampled_from(happened.sent), min_size=1, unique_by=id))

    leg = leg_of(build_timeline(data.draw(arrived(received))))

    assert leg.state == max((fields["status"] for fields in received), key=STATUS_RANK.__getitem__)


@given(data=st.data())
def test_the_time_of_a_status_is_that_of_its_first_event(data: st.DataObject) -> None:
    happened = data.draw(leg_events(partial_paths))
    first: dict[str, str] = {}
    for fields in happened.sent:
        first.setdefault(fields["status"], fields["timestamp"])

    assert leg_of(build_timeline(data.draw(arrived(happened.sent)))).times == first


@given(data=st.data())
def test_the_legs_of_a_conversation_are_independent(data: st.DataObject) -> None:
    one, other = (
        data.draw(leg_events(partial_paths)),
        data.draw(leg_events(partial_paths, SECOND_LEG)),
    )

    both = build_timeline(data.draw(arrived([*one.sent, *other.sent])))

    assert both.legs[LEG] == leg_of(build_timeline(map(parse_event, one.sent)))
    assert both.legs[SECOND_LEG] == leg_of(build_timeline(map(parse_event, other.sent)), SECOND_LEG)


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
_fields = st.dictionaries(
    st.sampled_from(["uuid", "conversation_uuid", "status", "timestamp", "from", "to", "duration"]),
    _anything | st.sampled_from([LEG, CONVERSATION, *STATUS_RANK, "2021-03-29T21:20:01.582Z"]),
)


@given(data=st.data(), sent=st.lists(_fields, max_size=8))
def test_arbitrary_events_build_the_same_timeline_in_any_order(
    data: st.DataObject, sent: list[Fields]
) -> None:
    def as_json(events: list[CallEvent]) -> str:  # comparable, although NaN is not equal to itself
        timeline = build_timeline(events)
        keys = [event.key for event in timeline.events]
        return json.dumps([timeline.legs, keys], sort_keys=True)

    assert as_json(data.draw(arrived(sent))) == as_json(data.draw(arrived(sent)))


# Examples


def status(name: str, second: int = 0, /, **fields: Any) -> Fields:
    return {
        "uuid": LEG,
        "conversation_uuid": CONVERSATION,
        "status": name,
        "timestamp": f"2021-03-29T21:20:{second:02}.582Z",
        **fields,
    }


def leg_after(*sent: Fields) -> LegSummary:
    return leg_of(build_timeline(map(parse_event, sent)))


def test_no_events_build_an_empty_timeline() -> None:
    assert build_timeline([]) == Timeline({}, ())


def test_a_leg_with_only_input_events_has_an_unknown_state() -> None:
    leg = leg_after({"uuid": LEG, "dtmf": {"digits": "1"}, "timestamp": "2021-03-29T21:20:05Z"})

    assert (leg.state, leg.outcome, leg.ended) == ("unknown", None, False)


def test_a_uuid_with_and_without_dashes_is_one_leg() -> None:
    events = map(parse_event, [status("started"), status("answered", uuid=DASHED)])

    assert list(build_timeline(events).legs) == [LEG]


def test_a_websocket_closed_by_its_server_is_disconnected_until_completed() -> None:
    sent = [status("started"), status("answered", 1), status("disconnected", 2)]

    assert (leg_after(*sent).state, leg_after(*sent).ended) == ("disconnected", False)
    assert leg_after(*sent, status("completed", 3)).state == "completed"


def test_busy_and_then_completed_is_completed_with_the_outcome_busy() -> None:
    leg = leg_after(status("completed", 1), status("busy", 1), status("started"))

    assert (leg.state, leg.outcome, leg.ended) == ("completed", "busy", True)


def test_costs_that_are_numbers_become_text() -> None:
    costs = leg_after(status("completed", duration=6, rate=0.0072, price=0)).costs

    assert {name: costs[name] for name in ("duration", "rate", "price", "network")} == {
        "duration": "6",
        "rate": "0.0072",
        "price": "0",
        "network": None,
    }


def test_the_costs_of_a_call_come_from_completed() -> None:
    costs = {
        "duration": "6",
        "rate": "0.00720000",
        "price": "0.00072000",
        "network": "GB-FIXED",
        "disconnected_by": "user",
    }

    assert leg_after(status("completed", 0, **costs), status("answered")).costs == costs
    assert leg_after(status("answered", rate=None, network=None)).costs == {}


def test_caller_and_callee_come_from_the_earliest_event_that_has_them() -> None:
    leg = leg_after(
        status("completed", 3, **{"from": "Unknown", "to": "442079460000"}),
        status("answered", 2, **{"from": " 447700900000"}),
        status("ringing", 1, **{"from": " "}),
        status("started", 0, **{"from": None, "direction": "inbound"}),
    )

    assert (leg.from_, leg.to, leg.direction) == ("447700900000", "442079460000", "inbound")


def test_a_transferred_leg_was_in_both_conversations_in_order() -> None:
    moved = {
        "type": "transfer",
        "uuid": DASHED,
        "conversation_uuid_from": CONVERSATION,
        "conversation_uuid_to": MOVED_TO,
        "timestamp": "2021-03-29T21:20:02.582Z",
    }
    ended = status("completed", 3, conversation_uuid=MOVED_TO)

    assert leg_after(ended, moved, status("started")).conversations == (CONVERSATION, MOVED_TO)
