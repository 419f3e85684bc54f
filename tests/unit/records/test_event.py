"""records.event: the kind, leg, time and item of an event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from records.event import CallEvent, event_item, parse_event

CONVERSATION = "CON-f972836a-550f-45fa-956c-12a2ab5b7d22"
OTHER = "CON-00000000-550f-45fa-956c-12a2ab5b7d22"
DASHED = "0779a56d-002f-1c7f-47f8-2ef5fe84ab79"
LEG = DASHED.replace("-", "")
TIME = "2021-03-29T21:20:05.582Z"
NOW = 1617052806.25  # 2021-03-29T21:20:06.250Z

STATUS = {
    "headers": {},
    "from": "447700900000",
    "to": "442079460000",
    "uuid": DASHED,
    "conversation_uuid": CONVERSATION,
    "status": "started",
    "direction": "inbound",
    "timestamp": TIME,
}
COMPLETED = {
    **STATUS,
    "status": "completed",
    "start_time": "2021-03-29T21:20:00.000Z",
    "end_time": "2021-03-29T21:20:06.000Z",
    "duration": "6",
    "rate": "0.00720000",
    "price": "0.00072000",
    "network": "GB-FIXED",
    "disconnected_by": "user",
}
RECORD = {
    "start_time": "2020-05-06T13:34:21Z",
    "end_time": "2020-05-06T13:34:26Z",
    "recording_url": "https://api.nexmo.com/v1/files/aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "recording_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ff",
    "size": 18990,
    "conversation_uuid": CONVERSATION,
    "timestamp": "2020-05-06T13:34:27.123Z",
}
TRANSCRIPTION = {
    "conversation_uuid": CONVERSATION,
    "type": "record",
    "recording_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ff",
    "status": "transcribed",
    "transcription_url": "https://api.nexmo.com/v1/files/aaaaaaaa-bbbb-cccc-dddd-0123456789aa",
}
CALLER = {"from": "447700900000", "to": "442079460000", "uuid": LEG, "timestamp": TIME}
INPUT = {
    **CALLER,
    "conversation_uuid": CONVERSATION,
    "dtmf": {"digits": "1", "timed_out": False},
    "speech": {"results": []},
}
NOTIFY = {"payload": {"foo": "bar"}, "conversation_uuid": CONVERSATION, "timestamp": TIME}
TRANSFER = {
    "conversation_uuid_from": OTHER,
    "conversation_uuid_to": CONVERSATION,
    "uuid": DASHED,
    "type": "transfer",
    "timestamp": TIME,
}
FAILED_TRANSCRIPTION = {
    "conversation_uuid": CONVERSATION,
    "type": "record",
    "recording_uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ff",
    "status": "failed",
}
PAYMENT = {**CALLER, "type": "payment", "status": "success", "conversation_uuid": CONVERSATION}
ERROR = {
    "reason": "Syntax error in NCCO. Invalid value type or action.",
    "conversation_uuid": CONVERSATION,
    "timestamp": TIME,
}


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def item_of(
    fields: dict[str, Any], received_at: float = NOW, keep_days: int = 90
) -> dict[str, Any]:
    return event_item(parse_event(fields), json.dumps(fields), "POST", received_at, keep_days)


# Kind


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (STATUS, "status"),
        (COMPLETED, "status"),
        ({**STATUS, "status": "a future status"}, "status"),
        (RECORD, "record"),
        ({**RECORD, "size": 0, "recording_url": ""}, "record"),
        ({**RECORD, "type": "record"}, "record"),
        ({**RECORD, "type": "record", "status": "recorded"}, "record"),
        (TRANSCRIPTION, "transcription"),
        (FAILED_TRANSCRIPTION, "transcription"),
        ({**FAILED_TRANSCRIPTION, "transcription_url": ""}, "transcription"),
        (INPUT, "input"),
        (without(INPUT, "dtmf"), "input"),
        (without(INPUT, "speech"), "input"),
        ({**INPUT, "dtmf": None}, "input"),
        ({**INPUT, "dtmf": "5"}, "input"),
        ({**INPUT, "speech": {"error": "Speech was not enabled"}}, "input"),
        ({**INPUT, "speech": {"recording_url": "https://api.nexmo.com/v1/files/1"}}, "input"),
        (NOTIFY, "notify"),
        ({**NOTIFY, "payload": None}, "notify"),
        (TRANSFER, "transfer"),
        ({name: value for name, value in TRANSFER.items() if name != "type"}, "transfer"),
        ({**STATUS, "conversation_uuid_from": OTHER}, "status"),
        (PAYMENT, "payment"),
        (ERROR, "error"),
        ({**ERROR, "original_request": {"url": "https://a.b", "type": "event"}}, "unknown"),
        ({}, "unknown"),
        ({"type": ["transfer"]}, "unknown"),
        ({"something": "new", "conversation_uuid": CONVERSATION}, "unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_kind_of_an_event_follows_from_its_fields(fields: dict[str, Any], kind: str) -> None:
    assert parse_event(fields).kind == kind


@pytest.mark.parametrize(
    "fields", [TRANSCRIPTION, FAILED_TRANSCRIPTION, PAYMENT, {**STATUS, "status": "unheard of"}]
)
def test_only_a_known_status_of_a_leg_counts(fields: dict[str, Any]) -> None:
    assert parse_event(fields).status is None


@pytest.mark.parametrize("status", [None, 7, ["started"], {"started": 1}, True, ""])
def test_a_status_of_another_type_is_none(status: object) -> None:
    assert parse_event({**STATUS, "status": status}).status is None


# Conversation and leg


def test_a_leg_is_the_same_with_and_without_dashes() -> None:
    legs = {parse_event({**STATUS, "uuid": uuid}).leg for uuid in (DASHED, LEG, DASHED.upper())}

    assert legs == {LEG}


def test_a_machine_event_has_its_leg_in_call_uuid() -> None:
    machine = {**without(STATUS, "uuid"), "status": "machine", "call_uuid": DASHED}

    assert parse_event(machine).leg == LEG
    assert parse_event(machine).uuid == machine["call_uuid"]


@pytest.mark.parametrize("uuid", [DASHED, LEG, DASHED.upper(), LEG.upper()])
def test_the_uuid_of_a_leg_stays_as_vonage_wrote_it(uuid: str) -> None:
    assert parse_event({**STATUS, "uuid": uuid}).uuid == uuid


@pytest.mark.parametrize("uuid", ["", "x", None, 1])
def test_an_event_without_a_leg_has_no_uuid(uuid: object) -> None:
    event = parse_event({**STATUS, "uuid": uuid})
    assert (event.leg, event.uuid) == (None, None)


def test_a_transfer_belongs_to_its_target_conversation() -> None:
    assert item_of(TRANSFER)["pk"] == CONVERSATION


def test_an_event_without_a_conversation_has_its_leg_as_key() -> None:
    assert item_of(without(STATUS, "conversation_uuid"))["pk"] == LEG


def test_an_event_without_conversation_and_leg_has_its_day_as_key() -> None:
    assert item_of({"timestamp": "2020-01-02T03:04:05Z"})["pk"] == "unknown#2020-01-02"


def test_without_a_time_the_key_is_the_day_of_arrival() -> None:
    assert item_of({})["pk"] == "unknown#2021-03-29"


# Time


@pytest.mark.parametrize(
    ("sent", "parsed"),
    [
        ("2021-03-29T21:20:05.582Z", "2021-03-29T21:20:05.582Z"),
        ("2020-05-06T13:34:21Z", "2020-05-06T13:34:21.000Z"),
        ("2021-03-29T21:20:05.582123Z", "2021-03-29T21:20:05.582Z"),
        ("2021-03-29T21:20:05.5Z", "2021-03-29T21:20:05.500Z"),
        ("2021-03-29T21:20:05.582+00:00", "2021-03-29T21:20:05.582Z"),
        ("2021-03-29T21:20:05.582+0000", "2021-03-29T21:20:05.582Z"),
        ("2021-03-29T23:20:05.582+02:00", "2021-03-29T21:20:05.582Z"),
        ("2021-03-30T00:20:05+03:00", "2021-03-29T21:20:05.000Z"),
        ("2021-03-29 21:20:05", "2021-03-29T21:20:05.000Z"),
        (" 2021-03-29T21:20:05.582Z ", "2021-03-29T21:20:05.582Z"),
    ],
)
def test_a_time_in_any_format_becomes_utc_with_milliseconds(sent: str, parsed: str) -> None:
    assert parse_event({**STATUS, "timestamp": sent}).timestamp == parsed


@pytest.mark.parametrize(
    "invalid",
    [
        None,
        "",
        " ",
        "yesterday",
        1617052805582,
        1617052805.5,
        True,
        [TIME],
        {"at": TIME},
        "2021-02-30T00:00:00Z",
        "2021-03-29T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2021-03-29T21:20:05.582Z" + " " * 10_000,
        "\ud800",
        "2021-03-29\x0021:20:05.582Z#",
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_an_invalid_time_is_none(invalid: object) -> None:
    assert parse_event({**STATUS, "timestamp": invalid}).timestamp is None


# Item


def test_an_item_has_everything_of_its_event() -> None:
    event = parse_event(COMPLETED)

    assert event_item(event, "the body", "POST", NOW, 90) == {
        "pk": CONVERSATION,
        "sk": f"{TIME}#status#{LEG}#{event.digest}",
        "kind": "status",
        "leg": LEG,
        "method": "POST",
        "body": "the body",
        "received_at": "2021-03-29T21:20:06.250Z",
        "expires_at": 1617052806 + 90 * 24 * 60 * 60,
        "status": "completed",
        "direction": "inbound",
        "from": "447700900000",
        "to": "442079460000",
        "duration": "6",
        "day": "2021-03-29",
    }


def test_the_same_event_sent_twice_has_one_key() -> None:
    reordered = dict(reversed(COMPLETED.items()))
    first, repeated = item_of(COMPLETED, NOW), item_of(reordered, NOW + 100_000)

    assert (first["pk"], first["sk"]) == (repeated["pk"], repeated["sk"])


@pytest.mark.parametrize("name", COMPLETED)
def test_an_event_with_any_difference_has_another_key(name: str) -> None:
    first, other = item_of(COMPLETED), item_of({**COMPLETED, name: "something else"})

    assert (first["pk"], first["sk"]) != (other["pk"], other["sk"])


def test_the_items_of_a_conversation_sort_by_time() -> None:
    times = ["2021-03-29T21:20:05Z", "2021-03-29 21:20:05.001", "2021-03-29T23:20:06+02:00"]
    keys = [item_of({**STATUS, "timestamp": time})["sk"] for time in times]

    assert keys == sorted(keys)


@pytest.mark.parametrize("status", ["started", "completed"])
def test_started_and_completed_have_the_day_of_the_list(status: str) -> None:
    assert item_of({**STATUS, "status": status})["day"] == "2021-03-29"


@pytest.mark.parametrize(
    "fields",
    [
        *({**STATUS, "status": status} for status in ("ringing", "answered", "busy", "rejected")),
        {**STATUS, "status": ["started"]},
        without(STATUS, "timestamp"),
        {**PAYMENT, "status": "completed"},
        {**TRANSCRIPTION, "status": "completed", "timestamp": TIME},
        RECORD,
        INPUT,
        NOTIFY,
        TRANSFER,
    ],
)
def test_other_events_have_no_day(fields: dict[str, Any]) -> None:
    assert "day" not in item_of(fields)


@pytest.mark.parametrize(
    ("sent", "stored"), [("6", "6"), (6, "6"), (0, "0"), (6.5, "6.5"), (True, None), ([6], None)]
)
def test_a_duration_may_be_a_number(sent: object, stored: str | None) -> None:
    item = item_of({**COMPLETED, "duration": sent})

    assert item.get("duration") == stored


def test_an_event_without_a_leg_is_not_in_the_index_of_legs() -> None:
    assert "leg" not in item_of(NOTIFY)


@pytest.mark.parametrize("caller", [None, "", 447700900000, "x" * 10_000, "\ud800"])
def test_an_invalid_caller_is_left_out(caller: object) -> None:
    assert "from" not in item_of({**STATUS, "from": caller})


# Arbitrary events

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["\ud800", "\udfff" * 10, "x" * 10_000, "\U0001f642" * 256, "", "#", "-"])
    | st.sampled_from([LEG, DASHED, CONVERSATION, TIME, "started", "completed", "transfer"])
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_names = st.sampled_from(
    sorted({*COMPLETED, *RECORD, *TRANSCRIPTION, *INPUT, *NOTIFY, *TRANSFER, *ERROR, "call_uuid"})
) | st.text(st.characters(), max_size=10)


def is_valid_in_dynamodb(item: dict[str, Any]) -> bool:
    """Return whether an item is within DynamoDB's limits (Developer Guide: constraints)."""
    size = 0
    for name, value in item.items():
        assert type(value) in (str, int)
        size += len(name.encode()) + len(str(value).encode())
    keys = {"pk": 2048, "sk": 1024, "leg": 2048, "day": 2048}
    lengths = {key: len(item[key].encode()) for key in keys if key in item}
    return size <= 400 * 1024 and all(0 < lengths[key] <= keys[key] for key in lengths)


@settings(max_examples=300)
@given(fields=st.dictionaries(_names, _values, max_size=8))
@example(fields={**STATUS, "conversation_uuid": "\U0001f642" * 256})
@example(fields={**STATUS, "conversation_uuid": "\U0001f642" * 600})
@example(fields={**STATUS, "conversation_uuid": "\ud800", "uuid": "\ud800"})
@example(fields={**STATUS, "from": "\U0001f642" * 256, "to": "\U0001f642" * 256})
@example(fields={"x" * 10_000: "\ud800" * 10_000})
@example(fields={"timestamp": float("inf"), "status": float("nan"), "uuid": 10**400})
def test_any_event_has_an_item_that_is_valid_in_dynamodb(fields: dict[str, Any]) -> None:
    item = item_of(fields)

    assert {"pk", "sk"} <= item.keys()
    assert is_valid_in_dynamodb(item)


def test_the_largest_body_fits_into_an_item() -> None:
    event = parse_event(dict.fromkeys(COMPLETED, "🙂" * 256) | {"uuid": LEG})

    assert is_valid_in_dynamodb(event_item(event, "\u00e9" * (128 * 1024), "POST", NOW, 90))


@given(fields=st.dictionaries(_names, _values, max_size=8))
def test_a_stored_event_parses_to_the_received_one(fields: dict[str, Any]) -> None:
    def key(event: CallEvent) -> object:
        return event.key, event.conversation

    assert key(parse_event(json.loads(item_of(fields)["body"]))) == key(parse_event(fields))
