"""The NCCOs of `reception`: whom it rings and how, and what its URLs carry."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flows import reception
from tests.unit.flows.calls import CALLER, INBOUND, OURS, SECOND, a_call
from voicekit.call import Call, event_of, input_of
from voicekit.lines import read_line

LINE = "442079460001"
RING = {"ring": [{"number": SECOND, "seconds": 5}, {"number": SECOND, "seconds": 120}]}
TO_LINE = INBOUND | {"to": LINE}


def a_call_of(
    document: dict[str, Any] | None,
    fields: dict[str, Any] = TO_LINE,
    state: dict[str, str] | None = None,
    **environment: str,
) -> Call:
    """Return a call of a stack whose switchboard has one line."""
    call = a_call("reception", fields, state, **environment)

    def read(number: str | None) -> Any:
        return read_line(number, document if number == LINE else None, call.settings)[0]

    return call._replace(context=call.context._replace(read_line=read))


def query(action: dict[str, Any]) -> dict[str, str]:
    (url,) = action["eventUrl"]
    return {name: text for name, (text,) in parse_qs(urlsplit(url).query).items()}


def heard(ncco: list[dict[str, Any]] | None) -> list[str]:
    return [action["text"] for action in ncco or [] if action["action"] == "talk"]


def test_without_a_document_it_rings_the_second_number_for_twenty_seconds() -> None:
    greeting, connect = reception.answer(a_call("reception"))
    assert greeting["text"] == "Thank you for calling."
    assert connect["endpoint"] == [{"type": "phone", "number": SECOND}]
    assert (connect["timeout"], connect["from"], connect["eventType"]) == (20, OURS, "synchronous")
    assert query(connect) == {"flow": "reception", "line": OURS, "step": "0"}


def test_the_callee_sees_the_called_number() -> None:
    assert reception.answer(a_call_of(RING))[-1]["from"] == LINE


@pytest.mark.parametrize("called", [None, "sip:office@example.com", "alice"])
def test_a_call_without_a_called_number_shows_the_vonage_number(called: str | None) -> None:
    assert reception.answer(a_call_of(None, INBOUND | {"to": called}))[-1]["from"] == OURS


def test_a_placed_call_shows_the_vonage_number_and_not_the_callees() -> None:
    placed = INBOUND | {"from": OURS, "to": CALLER}
    assert reception.answer(a_call_of(None, placed))[-1]["from"] == OURS


def test_without_any_number_it_takes_a_message() -> None:
    ncco = reception.answer(a_call("reception", SECOND_NUMBER="", VONAGE_NUMBER=""))
    assert [action["action"] for action in ncco] == ["talk", "talk", "talk", "record", "talk"]


@pytest.mark.parametrize("status", ["timeout", "unanswered", "busy", "rejected", "failed"])
def test_each_failure_leads_to_the_next_number(status: str) -> None:
    # In an event of the callee's leg, from and to are not the caller's and the line's.
    leg = INBOUND | {"from": LINE, "to": SECOND}
    call = a_call_of(RING, leg, {"step": "0", "line": LINE})
    (connect,) = reception.event(call, event_of({"status": status})) or []
    assert (connect["timeout"], connect["from"], query(connect)["step"]) == (120, LINE, "1")


def test_two_events_of_one_attempt_ring_the_same_number() -> None:
    call = a_call_of(RING, TO_LINE, {"step": "0", "line": LINE})
    first, second = (
        reception.event(call, event_of({"status": status})) for status in ("timeout", "unanswered")
    )
    assert first == second


def test_after_the_last_number_it_takes_a_message() -> None:
    call = a_call_of(RING, TO_LINE, {"step": "1", "line": LINE})
    ncco = reception.event(call, event_of({"status": "busy"})) or []
    assert [action["action"] for action in ncco] == ["talk", "talk", "record", "talk"]


def test_a_switchboard_that_changed_during_the_call_still_takes_a_message() -> None:
    call = a_call_of({}, TO_LINE, {"step": "0", "line": LINE, "key": "7"})
    assert reception.event(call, event_of({"status": "busy"}))
    pressed = input_of({"dtmf": {"digits": "7", "timed_out": False}})
    assert reception.dtmf(a_call_of({}), pressed)[0]["action"] == "connect"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("busy", {}),
        ("completed", {"step": "0", "line": LINE}),
        ("answered", {"step": "0", "line": LINE}),
        ("cancelled", {"step": "0", "line": LINE}),
    ],
)
def test_other_events_change_nothing(status: str, state: dict[str, str]) -> None:
    assert reception.event(a_call_of(RING, TO_LINE, state), event_of({"status": status})) is None


@pytest.mark.parametrize("caller", [None, "Unknown", "anonymous"])
def test_callers_who_withhold_their_number_can_be_blocked(caller: str | None) -> None:
    call = a_call_of({"blocked": ["withheld"], "nobody": "Sorry."}, TO_LINE | {"from": caller})
    assert reception.answer(call) == [{"action": "talk", "text": "Sorry.", "language": "en-US"}]


def test_a_message_ends_after_five_seconds_of_silence_or_five_minutes() -> None:
    call = a_call_of({"ring": []})
    record = reception.answer(call)[-2]
    assert (record["endOnSilence"], record["endOnKey"], record["timeOut"]) == (5, "#", 300)
    assert query(record) == {
        "flow": "reception",
        "purpose": "voicemail",
        "line": LINE,
        "transcript": "0",
    }
    assert "transcription" not in record


def test_a_transcript_is_in_the_lines_language_and_told_to_the_message() -> None:
    document = {"ring": [], "transcript": True, "language": "de-DE"}
    record = reception.answer(a_call_of(document))[-2]
    assert record["transcription"] == {"language": "de-DE", "eventUrl": record["eventUrl"]}
    assert query(record)["transcript"] == "1"


def test_a_digit_resets_the_attempts() -> None:
    menu = {"prompt": "Press 2.", "keys": {"2": {"say": "1 Main Street."}}}
    pressed = input_of({"dtmf": {"digits": "2", "timed_out": False}})
    ncco = reception.dtmf(a_call_of({"menu": menu}, TO_LINE, {"attempt": "3"}), pressed)
    assert heard(ncco) == ["1 Main Street.", "Press 2."]
    assert query(ncco[-1])["attempt"] == "1"
