"""The fold: any order and any repetition of a leg's events says the same, and says what happened.

The events are generated along the paths of the call state machine, with equal timestamps and with
other events among them.
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


class Told(NamedTuple):
    """What was sent of a leg, in the order in which it happened."""

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
whole_paths = st.one_of(_answered, _failed, _rejected, _websocket)
begun_paths = whole_paths.flatmap(
    lambda path: st.integers(1, len(path)).map(lambda length: path[:length])
)


@st.composite
def told(draw: st.DrawFn, paths: st.SearchStrategy[list[str]], leg: str = LEG) -> Told:
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
    return Told(statuses, sent)


def others(leg: str = LEG) -> st.SearchStrategy[list[Fields]]:
    """What else may come of a leg."""
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
    """The same events as they may arrive: in any order, some of them several times."""
    again = draw(st.lists(st.sampled_from(sent), max_size=6)) if sent else []
    return [parse_event(fields) for fields in draw(st.permutations([*sent, *again]))]


def table_of(events: list[CallEvent]) -> dict[tuple[object, object], dict[str, Any]]:
    """What stands in a table after these came in this order, each written unless it is there."""
    table: dict[tuple[object, object], dict[str, Any]] = {}
    for event in events:
        made = event_item(event, json.dumps(event.fields), "POST", 1617052806.25, 90)
        table.setdefault((made["pk"], made["sk"]), made)
    return table


def leg_of(timeline: Timeline, leg: str = LEG) -> LegSummary:
    return timeline.legs[leg]


@given(data=st.data())
def test_any_order_and_any_repetition_folds_to_the_same(data: st.DataObject) -> None:
    sent = data.draw(told(begun_paths)).sent + data.draw(others())

    first, second = data.draw(arrived(sent)), data.draw(arrived(sent))

    assert build_timeline(first) == build_timeline(second)


@given(data=st.data())
def test_any_order_and_any_repetition_leaves_the_same_items(data: st.DataObject) -> None:
    sent = data.draw(told(begun_paths)).sent + data.draw(others())

    first, second = data.draw(arrived(sent)), data.draw(arrived(sent))

    assert table_of(first) == table_of(second)


@given(data=st.data())
def test_what_is_kept_folds_to_what_came(data: st.DataObject) -> None:
    events = data.draw(arrived(data.draw(told(begun_paths)).sent + data.draw(others())))

    read = [parse_event(json.loads(kept["body"])) for kept in table_of(events).values()]

    assert build_timeline(read) == build_timeline(events)


@given(data=st.data())
def test_each_event_stands_in_the_timeline_once_and_in_order(data: st.DataObject) -> None:
    sent = data.draw(told(begun_paths)).sent + data.draw(others())

    events = build_timeline(data.draw(arrived(sent))).events

    assert [event.key for event in events] == sorted({parse_event(fields).key for fields in sent})


@given(data=st.data())
def test_a_leg_is_in_the_last_state_of_its_path(data: st.DataObject) -> None:
    happened = data.draw(told(begun_paths))

    leg = leg_of(build_timeline(data.draw(arrived(happened.sent + data.draw(others())))))

    assert leg.state == happened.statuses[-1]


@given(data=st.data())
def test_a_leg_has_ended_when_its_path_has(data: st.DataObject) -> None:
    happened = data.draw(told(begun_paths))

    leg = leg_of(build_timeline(data.draw(arrived(happened.sent))))

    assert leg.ended == (happened.statuses[-1] in ("completed", "rejected"))


@given(data=st.data())
def test_a_leg_that_failed_has_the_failure_as_its_outcome_completed_or_not(
    data: st.DataObject,
) -> None:
    happened = data.draw(told(_failed))
    failure = happened.statuses[-2]
    sent = data.draw(st.sampled_from([happened.sent, happened.sent[:-1]]))

    assert leg_of(build_timeline(data.draw(arrived(sent)))).outcome == failure


@given(data=st.data())
def test_a_leg_that_was_answered_has_that_as_its_outcome(data: st.DataObject) -> None:
    happened = data.draw(told(_answered | _websocket))

    assert leg_of(build_timeline(data.draw(arrived(happened.sent)))).outcome == "answered"


@given(data=st.data())
def test_a_rejected_leg_has_ended_without_being_completed(data: st.DataObject) -> None:
    leg = leg_of(build_timeline(data.draw(arrived(data.draw(told(_rejected)).sent))))

    assert (leg.state, leg.outcome, leg.ended) == ("rejected", "rejected", True)
    assert "completed" not in leg.times


@given(data=st.data())
def test_an_answer_is_known_from_what_only_follows_one(data: st.DataObject) -> None:
    happened = data.draw(told(_answered | _websocket))
    follows = ("human", "machine", "disconnected")
    sent = [fields for fields in happened.sent if fields["status"] in follows]

    for leg in build_timeline(data.draw(arrived(sent))).legs.values():
        assert leg.outcome == "answered"


@given(data=st.data())
def test_when_events_are_missing_the_furthest_that_came_counts(data: st.DataObject) -> None:
    happened = data.draw(told(whole_paths))
    came = data.draw(st.lists(st.sampled_from(happened.sent), min_size=1, unique_by=id))

    leg = leg_of(build_timeline(data.draw(arrived(came))))

    assert leg.state == max((fields["status"] for fields in came), key=STATUS_RANK.__getitem__)


@given(data=st.data())
def test_the_time_of_a_status_is_the_first_at_which_it_was_reported(data: st.DataObject) -> None:
    happened = data.draw(told(begun_paths))
    first: dict[str, str] = {}
    for fields in happened.sent:
        first.setdefault(fields["status"], fields["timestamp"])

    assert leg_of(build_timeline(data.draw(arrived(happened.sent)))).times == first


@given(data=st.data())
def test_legs_of_one_conversation_do_not_disturb_each_other(data: st.DataObject) -> None:
    one, other = data.draw(told(begun_paths)), data.draw(told(begun_paths, SECOND_LEG))

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
def test_whatever_came_folds_to_the_same_in_any_order(
    data: st.DataObject, sent: list[Fields]
) -> None:
    def said(events: list[CallEvent]) -> str:  # as text, since NaN is not even the same as itself
        timeline = build_timeline(events)
        keys = [event.key for event in timeline.events]
        return json.dumps([timeline.legs, keys], sort_keys=True)

    assert said(data.draw(arrived(sent))) == said(data.draw(arrived(sent)))


# Single sentences


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


def test_nothing_folds_to_nothing() -> None:
    assert build_timeline([]) == Timeline({}, ())


def test_a_leg_of_which_only_keys_are_known_is_in_an_unknown_state() -> None:
    leg = leg_after({"uuid": LEG, "dtmf": {"digits": "1"}, "timestamp": "2021-03-29T21:20:05Z"})

    assert (leg.state, leg.outcome, leg.ended) == ("unknown", None, False)


def test_a_leg_written_with_and_without_dashes_is_one() -> None:
    events = map(parse_event, [status("started"), status("answered", uuid=DASHED)])

    assert list(build_timeline(events).legs) == [LEG]


def test_a_websocket_that_the_application_closed_is_disconnected_until_it_is_completed() -> None:
    sent = [status("started"), status("answered", 1), status("disconnected", 2)]

    assert (leg_after(*sent).state, leg_after(*sent).ended) == ("disconnected", False)
    assert leg_after(*sent, status("completed", 3)).state == "completed"


def test_busy_and_then_completed_is_completed_with_the_outcome_busy() -> None:
    leg = leg_after(status("completed", 1), status("busy", 1), status("started"))

    assert (leg.state, leg.outcome, leg.ended) == ("completed", "busy", True)


def test_what_a_call_cost_is_as_completed_tells_it() -> None:
    told_costs = {
        "duration": "6",
        "rate": "0.00720000",
        "price": "0.00072000",
        "network": "GB-FIXED",
        "disconnected_by": "user",
    }

    assert leg_after(status("completed", 0, **told_costs), status("answered")).costs == told_costs
    assert leg_after(status("answered", rate=None, network=None)).costs == {}


def test_who_called_is_as_the_earliest_event_tells_that_says_so() -> None:
    leg = leg_after(
        status("completed", 3, **{"from": "Unknown", "to": "442079460000"}),
        status("answered", 2, **{"from": " 447700900000"}),
        status("ringing", 1, **{"from": " "}),
        status("started", 0, **{"from": None, "direction": "inbound"}),
    )

    assert (leg.from_, leg.to, leg.direction) == ("447700900000", "442079460000", "inbound")


def test_a_leg_that_was_moved_was_in_both_conversations_in_this_order() -> None:
    moved = {
        "type": "transfer",
        "uuid": DASHED,
        "conversation_uuid_from": CONVERSATION,
        "conversation_uuid_to": MOVED_TO,
        "timestamp": "2021-03-29T21:20:02.582Z",
    }
    ended = status("completed", 3, conversation_uuid=MOVED_TO)

    assert leg_after(ended, moved, status("started")).conversations == (CONVERSATION, MOVED_TO)


def test_events_of_one_kind_are_given_in_order() -> None:
    keys = [{**status("x", second), "dtmf": {"digits": str(second)}} for second in (3, 1, 2)]
    for fields in keys:
        del fields["status"]
    timeline = build_timeline(map(parse_event, [status("started"), *keys]))

    assert [event.fields["dtmf"]["digits"] for event in timeline.of_kind("input")] == list("123")
