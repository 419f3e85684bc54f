"""The switchboard: what is one, what is none, when it is closed, and when it is read."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_secrets import FakeSecrets
from voicekit.switchboard import Switchboard, SwitchboardCache, SwitchboardError, parse

if TYPE_CHECKING:
    from voicekit.aws_client import AwsClient

FLOWS = ("greet", "voicemail")
NUMBER = "447700900000"
LONDON = {"time_zone": "Europe/London", "hours": {"monday": ["09:00-12:30", "13:30-17:00"]}}
CLOSED = {"announcement": "We are closed. Goodbye."}


def read(**parts: Any) -> Switchboard:
    return parse(json.dumps(parts), FLOWS)


def at(text: str, zone: str = "Europe/London") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def problems(document: object) -> dict[str, str]:
    with pytest.raises(SwitchboardError) as caught:
        parse(document if isinstance(document, str) else json.dumps(document), FLOWS)
    return dict(caught.value.problems)


# What it says


def test_an_empty_one_changes_nothing() -> None:
    board = parse("{}", FLOWS)
    assert board == Switchboard()
    assert board.dialling
    assert not board.is_closed(0)


def test_it_names_flows_for_numbers_and_switches_dialling_off() -> None:
    board = read(numbers={NUMBER: "voicemail"}, dialling="off")
    assert board.numbers == {NUMBER: "voicemail"}
    assert not board.dialling


@pytest.mark.parametrize(
    ("now", "closed"),
    [
        ("2026-11-23T08:59", True),
        ("2026-11-23T09:00", False),
        ("2026-11-23T12:29", False),
        ("2026-11-23T12:30", True),
        ("2026-11-23T13:30", False),
        ("2026-11-23T17:00", True),
        ("2026-11-24T10:00", True),  # a Tuesday
        # By the clocks of the place, in summer as in winter.
        ("2026-06-22T09:00", False),
        ("2026-06-22T08:59", True),
    ],
)
def test_it_is_closed_out_of_hours(now: str, closed: bool) -> None:
    assert read(opening=LONDON, closed=CLOSED).is_closed(at(now)) is closed


def test_it_is_closed_on_a_date_by_the_calendar_of_the_place() -> None:
    zone = "Pacific/Auckland"
    opening = {"time_zone": zone, "hours": {"friday": ["00:00-24:00"]}}
    board = read(opening=opening | {"closed_on": ["2026-12-25"]}, closed=CLOSED)
    assert board.is_closed(at("2026-12-25T00:00", zone))
    assert not board.is_closed(at("2026-12-18T23:59", zone))


def test_without_hours_it_is_closed_until_that_is_taken_back() -> None:
    assert read(closed=CLOSED).is_closed(at("2026-11-23T10:00"))


def test_what_callers_hear_is_an_ncco() -> None:
    board = read(closed=CLOSED | {"language": "en-GB"})
    talk = {"action": "talk", "text": "We are closed. Goodbye.", "language": "en-GB"}
    assert (board.announcement, board.closed_flow) == ([talk], None)


def test_a_flow_may_answer_out_of_hours() -> None:
    board = read(opening=LONDON, closed={"flow": "voicemail"})
    assert (board.announcement, board.closed_flow) == (None, "voicemail")


# What is none


@pytest.mark.parametrize(
    ("document", "where", "what"),
    [
        ("", "", "it is no JSON: Expecting value (line 1, column 1)"),
        ('{"dialling": "on",}', "", "line 1, column 1"),
        ("[" * 10**4, "", "nested too deep"),
        ('{"dialling": ' + "1" * 5000 + "}", "", "a number that is too long"),
        ("[]", "", "it is no JSON object"),
        ("null", "", "it is no JSON object"),
        ('{"dialling": "on", "dialling": "off"}', "", "dialling stands in it twice"),
        (" " * 17_000, "", "more than 16384 characters"),
        ({"flows": {}}, "flows", "is not one of numbers, opening, closed, dialling"),
        ({"numbers": []}, "numbers", "must be an object"),
        ({"numbers": {"+447700900000": "greet"}}, "numbers.+447700900000", "E.164"),
        ({"numbers": {NUMBER: "grete"}}, f"numbers.{NUMBER}", "one of greet, voicemail"),
        ({"numbers": {NUMBER: ["greet"]}}, f"numbers.{NUMBER}", "one of greet, voicemail"),
        ({"dialling": False}, "dialling", "must be on or off"),
        ({"dialling": []}, "dialling", "must be on or off"),
        ({"closed": "Goodbye"}, "closed", "must be an object"),
        ({"closed": {}}, "closed", "either an announcement"),
        ({"closed": {"language": "en-GB"}}, "closed", "either an announcement"),
        ({"closed": {"flow": "greet", "announcement": "x"}}, "closed", "either an announcement"),
        ({"closed": {"flow": "none"}}, "closed.flow", "one of greet, voicemail"),
        ({"closed": {"announcement": " "}}, "closed.announcement", "must be a text"),
        ({"closed": {"announcement": 1}}, "closed.announcement", "must be a text"),
        ({"closed": {"announcement": "x" * 1501}}, "closed", "1500"),
        ({"closed": CLOSED | {"language": 1}}, "closed", "language"),
        ({"opening": LONDON}, "closed", "is missing"),
    ],
)
def test_a_broken_one_is_refused_with_its_place_and_reason(
    document: object, where: str, what: str
) -> None:
    found = problems(document)
    assert what in found[where]


@pytest.mark.parametrize(
    ("opening", "where", "what"),
    [
        ([], "opening", "must be an object"),
        ({"time_zone": "Europe/London"}, "opening.hours", "names no day"),
        (LONDON | {"hours": {"monday": []}}, "opening.hours", "names no day"),
        (LONDON | {"hours": []}, "opening.hours", "must be an object"),
        (LONDON | {"hours": {"Monday": []}}, "opening.hours.Monday", "is not one of monday"),
        (LONDON | {"hours": {"monday": "9-5"}}, "opening.hours.monday", "array of texts"),
        (LONDON | {"hours": {"monday": [9]}}, "opening.hours.monday", "array of texts"),
        (LONDON | {"hours": {"monday": ["9:00-17:00"]}}, "opening.hours.monday", "'9:00-17:00'"),
        (LONDON | {"hours": {"monday": ["17:00-09:00"]}}, "opening.hours.monday", "later time"),
        (LONDON | {"hours": {"monday": ["09:00-09:00"]}}, "opening.hours.monday", "later time"),
        (LONDON | {"hours": {"monday": ["09:00-25:00"]}}, "opening.hours.monday", "later time"),
        (LONDON | {"hours": {"monday": ["٠٩:00-17:00"]}}, "opening.hours.monday", "later time"),
        (
            LONDON | {"hours": {"monday": ["09:00-12:00", "11:59-13:00"]}},
            "opening.hours.monday",
            "overlap",
        ),
        (LONDON | {"time_zone": "London"}, "opening.time_zone", "must be a time zone"),
        (LONDON | {"time_zone": "Europe"}, "opening.time_zone", "must be a time zone"),
        (LONDON | {"time_zone": "/etc/passwd"}, "opening.time_zone", "must be a time zone"),
        (LONDON | {"time_zone": "x" * 5000}, "opening.time_zone", "must be a time zone"),
        (LONDON | {"time_zone": None}, "opening.time_zone", "must be a time zone"),
        ({"hours": LONDON["hours"]}, "opening.time_zone", "must be a time zone"),
        (LONDON | {"closed_on": "2026-12-25"}, "opening.closed_on", "array of dates"),
        (LONDON | {"closed_on": ["2026-02-30"]}, "opening.closed_on", "'2026-02-30'"),
        (LONDON | {"closed_on": ["20261225"]}, "opening.closed_on", "'20261225'"),
        (LONDON | {"closed_on": [20261225]}, "opening.closed_on", "20261225"),
    ],
)
def test_broken_hours_are_refused_with_their_place_and_reason(
    opening: object, where: str, what: str
) -> None:
    found = problems({"opening": opening, "closed": CLOSED})
    assert what in found[where]


def test_every_fault_is_told_at_once() -> None:
    found = problems({"dialling": "no", "numbers": {"1": "greet"}, "closed": {"flow": "x"}})
    assert set(found) == {"dialling", "numbers.1", "closed.flow"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_PARTS = ("numbers", "opening", "closed", "dialling")


@given(st.dictionaries(st.sampled_from(_PARTS), _JSON | st.fixed_dictionaries({"hours": _JSON})))
def test_whatever_stands_in_it_it_is_read_or_refused(document: dict[str, Any]) -> None:
    try:
        board = parse(json.dumps(document), FLOWS)
    except SwitchboardError as error:
        assert error.problems
    else:
        assert isinstance(board.is_closed(1_800_000_000), bool)


@given(st.text())
def test_whatever_text_it_is_it_is_read_or_refused(text: str) -> None:
    try:
        parse(text, FLOWS)
    except SwitchboardError as error:
        assert error.problems


# When it is read


def store(vault: FakeSecrets) -> SwitchboardCache:
    return SwitchboardCache(
        cast("AwsClient", vault), "switchboard", lambda: vault.seconds, lambda: FLOWS
    )


OFF, ON = '{"dialling": "off"}', '{"dialling": "on"}'


def test_it_is_read_once_in_thirty_seconds() -> None:
    vault = FakeSecrets(OFF)
    boards = store(vault)
    assert not boards.get(1).dialling
    vault.text = ON
    vault.seconds += 29.9
    assert not boards.get(1).dialling
    assert vault.read == 1
    vault.seconds += 0.1
    assert boards.get(1).dialling
    assert vault.read == 2


def test_a_clock_that_is_put_back_has_it_read_again() -> None:
    vault = FakeSecrets(OFF)
    boards = store(vault)
    boards.get(1)
    vault.text = ON
    vault.seconds -= 5
    assert boards.get(1).dialling


BROKEN = (None, "", "numbers", '{"dialling": 0}', "1" * 5000, "[" * 10**4)


@pytest.mark.parametrize("text", BROKEN)
def test_where_it_was_never_read_the_settings_hold(text: str | None) -> None:
    boards = store(FakeSecrets(text))
    assert boards.get(1) == Switchboard()
    assert boards.last_error


@pytest.mark.parametrize("text", BROKEN)
def test_the_last_one_that_was_read_holds_on(text: str | None) -> None:
    vault = FakeSecrets(OFF)
    boards = store(vault)
    boards.get(1)
    vault.text = text
    vault.seconds += 30
    assert not boards.get(1).dialling
    assert boards.last_error
    # and when it is mended, even with the very document of before, that is no trouble any more
    vault.text = OFF
    vault.seconds += 30
    assert not boards.get(1).dialling
    assert boards.last_error is None


def test_a_broken_one_that_says_that_dialling_is_off_is_obeyed_in_that() -> None:
    # given a flow that was deployed away while dialling is off
    off = json.dumps({"dialling": "off", "numbers": {NUMBER: "deployed_away"}})
    vault = FakeSecrets(off)
    boards = store(vault)
    assert boards.get(1) == Switchboard(dialling=False)
    assert boards.last_error
    # and it holds until one that is none the worse says otherwise
    vault.text = ON
    vault.seconds += 30
    assert boards.get(1).dialling
    # whatever else was read before it stays
    vault.text = json.dumps({"numbers": {NUMBER: "voicemail"}})
    vault.seconds += 30
    boards.get(1)
    vault.text = off
    vault.seconds += 30
    assert boards.get(1) == Switchboard({NUMBER: "voicemail"}, dialling=False)


def test_what_cannot_be_read_is_not_asked_for_more_often() -> None:
    vault = FakeSecrets(None)
    boards = store(vault)
    for _ in range(10):
        boards.get(1)
        vault.seconds += 3
    assert vault.read == 1
