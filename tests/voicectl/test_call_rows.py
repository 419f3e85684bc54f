"""One row per call: its root leg, its flow, and its result."""

from __future__ import annotations

from typing import Any

import pytest

from voicectl.call_rows import COLUMNS, call_rows

CALLER, RENTED, CALLEE = "447700900123", "447700900000", "447700900001"


def leg(number: int, direction: str = "outbound", status: str = "completed", **fields: Any) -> Any:
    """Return a leg as the admin API lists it, which lasted for ten seconds."""
    phones = (CALLER, RENTED) if direction == "inbound" else (RENTED, CALLEE)
    return {
        "uuid": f"5ad3e1f0-1c8d-4035-a0c0-{number:012}",
        "conversation_uuid": "CON-f3cca1de-1c8d-4035-a0c0-78e7579a067e",
        "direction": direction,
        "status": status,
        "from": {"type": "phone", "number": phones[0]},
        "to": {"type": "phone", "number": phones[1]},
        "start_time": "2026-01-31T10:00:00.000Z",
        "end_time": "2026-01-31T10:00:10.000Z",
        "duration": "10",
        **fields,
    }


NEVER = {"start_time": "", "end_time": "", "duration": "0"}  # of a leg that was not answered


def results(*legs: Any, partial: str | None = None) -> list[tuple[str, str, str]]:
    """Return the last digit of the root, the flow and the result of each call."""
    rows = call_rows(legs, {RENTED: "greet"}.__getitem__, partial=partial)
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return [(one["uuid"][-1], one["flow"], one["result"]) for one in found]


@pytest.mark.parametrize(
    ("legs", "result"),
    [
        ((leg(1, "inbound"), leg(2)), ("1", "greet", "connected")),
        ((leg(2), leg(1, "inbound")), ("1", "greet", "connected")),
        ((leg(1, "inbound"), leg(2, status="timeout", **NEVER)), ("1", "greet", "unanswered")),
        ((leg(1, "inbound"),), ("1", "greet", "alone")),
        ((leg(1, "inbound", "answered", end_time=None),), ("1", "greet", "answered")),
        ((leg(9), leg(2)), ("9", "", "connected")),
        ((leg(9, status="busy", **NEVER),), ("9", "", "unanswered")),
        (
            (leg(9, status="answered", **NEVER), leg(2, status="ringing", **NEVER)),
            ("9", "", "answered"),
        ),
    ],
)
def test_a_call_has_one_row_with_its_root_and_result(
    legs: tuple[Any, ...], result: tuple[str, str, str]
) -> None:
    assert results(*legs) == [result]


def test_each_caller_of_a_conference_has_a_row() -> None:
    late = {"start_time": "2026-01-31T11:00:00.000Z", "end_time": "2026-01-31T11:00:09.000Z"}
    found = results(leg(1, "inbound"), leg(2, "inbound"), leg(3, "inbound", **late))
    assert found == [
        ("1", "greet", "connected"),
        ("2", "greet", "connected"),
        ("3", "greet", "alone"),
    ]


def test_a_call_of_which_legs_may_be_missing_has_a_status() -> None:
    other = leg(3, "inbound", conversation_uuid="CON-of-another-call")
    first = leg(1, "inbound")
    found = results(first, other, partial=first["conversation_uuid"])
    assert found == [("1", "greet", "completed"), ("3", "greet", "alone")]
    assert {one[-1] for one in results(first, other, partial="*")} == {"completed"}


def test_stored_starts_and_ends_are_one_row_too() -> None:
    def entry(time: str, uuid: str, status: str, **fields: str) -> dict[str, str]:
        known = {"time": f"2026-01-31T10:00:{time}.000Z", "uuid": uuid, "status": status}
        return known | {"conversation_uuid": "CON-f3cca1de", "to": RENTED, "from": CALLER} | fields

    inbound, placed = leg(1)["uuid"], leg(2)["uuid"]
    entries = [
        entry("00", inbound, "started", direction="inbound"),
        entry("01", placed, "started", direction="outbound"),
        entry("09", placed, "completed", direction="outbound", duration="5"),
        entry("10", inbound, "completed", direction="inbound", duration="10"),
    ]
    assert results(*entries) == [("1", "greet", "connected")]
    assert results(*entries[:2]) == [("1", "greet", "started")]
