"""The switchboard: parsing, validation, opening hours, and when a function reads it."""

from __future__ import annotations

import functools
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.flow_runner import FlowTimeout
from tests.support.environment import stack
from tests.support.fake_secrets import FakeSecrets
from voicekit.lines import line_problems
from voicekit.settings import from_environment
from voicekit.switchboard import (
    MAX_CHARACTERS,
    Switchboard,
    SwitchboardCache,
    SwitchboardError,
    parse,
    stored_form,
)

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


# Valid documents


def test_an_empty_document_changes_nothing() -> None:
    board = parse("{}", FLOWS)
    assert board == Switchboard()
    assert board.dialing
    assert not board.is_closed(0)


@pytest.mark.parametrize("spelling", ["dialing", "dialling"])
def test_a_document_routes_numbers_and_turns_dialing_off(spelling: str) -> None:
    board = read(numbers={NUMBER: "voicemail"}, **{spelling: "off"})
    assert board.numbers == {NUMBER: "voicemail"}
    assert not board.dialing
    assert read(**{spelling: "on"}).dialing


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
        # In local time, in summer as in winter.
        ("2026-06-22T09:00", False),
        ("2026-06-22T08:59", True),
    ],
)
def test_it_is_closed_outside_the_opening_hours(now: str, closed: bool) -> None:
    assert read(opening=LONDON, closed=CLOSED).is_closed(at(now)) is closed


def test_a_closed_date_is_a_date_in_the_time_zone() -> None:
    zone = "Pacific/Auckland"
    opening = {"time_zone": zone, "hours": {"friday": ["00:00-24:00"]}}
    board = read(opening=opening | {"closed_on": ["2026-12-25"]}, closed=CLOSED)
    assert board.is_closed(at("2026-12-25T00:00", zone))
    assert not board.is_closed(at("2026-12-18T23:59", zone))


def test_without_opening_hours_it_is_closed_at_all_hours() -> None:
    assert read(closed=CLOSED).is_closed(at("2026-11-23T10:00"))


def test_an_announcement_is_an_ncco() -> None:
    board = read(closed=CLOSED | {"language": "en-GB"})
    talk = {"action": "talk", "text": "We are closed. Goodbye.", "language": "en-GB"}
    assert (board.announcement, board.closed_flow) == ([talk], None)


def test_a_flow_can_answer_outside_the_opening_hours() -> None:
    board = read(opening=LONDON, closed={"flow": "voicemail"})
    assert (board.announcement, board.closed_flow) == (None, "voicemail")


# The stored form


def test_dialing_is_stored_with_the_spelling_that_older_versions_read() -> None:
    document = {"numbers": {NUMBER: "greet"}, "dialing": "off"}
    stored = stored_form(json.dumps(document), FLOWS)
    assert json.loads(stored) == {"numbers": {NUMBER: "greet"}, "dialling": "off"}


@pytest.mark.parametrize("text", ['{ "dialling":"off" }', "{}", '{"closed": {"flow": "greet"}}'])
def test_a_document_with_the_stored_spelling_is_stored_as_it_is(text: str) -> None:
    assert stored_form(text, FLOWS) == text


@pytest.mark.parametrize("text", ["", '{"dialing": "of"}', '{"dialing": "on", "dialling": "on"}'])
def test_an_invalid_document_has_no_stored_form(text: str) -> None:
    with pytest.raises(SwitchboardError):
        stored_form(text, FLOWS)


def test_a_stored_form_that_is_too_long_is_rejected() -> None:
    closed = {"announcement": "é" * 1400}
    numbers = {f"4477009{n:05}": "voicemail" for n in range(1850)}
    document = {"dialing": "off", "closed": closed, "numbers": numbers}
    text = json.dumps(document, ensure_ascii=False)
    parse(text, FLOWS)
    assert len(text) < MAX_CHARACTERS < len(json.dumps(document))
    with pytest.raises(SwitchboardError, match="longer than"):
        stored_form(text, FLOWS)


# Invalid documents


@pytest.mark.parametrize(
    ("document", "where", "what"),
    [
        ("", "", "not valid JSON: Expecting value (line 1, column 1)"),
        ('{"dialling": "on",}', "", "line 1, column 1"),
        ("[" * 10**4, "", "nested too deep"),
        ('{"dialling": ' + "1" * 5000 + "}", "", "a number is too long"),
        ("[]", "", "not a JSON object"),
        ("null", "", "not a JSON object"),
        ('{"dialling": "on", "dialling": "off"}', "", "duplicate key: dialling"),
        (" " * 60_001, "", "longer than 60000 characters"),
        (" " * 5 + "{" + "€" * 30_000, "", "larger than 65536 bytes"),
        (
            {"flows": {}},
            "flows",
            "unknown field; allowed fields: numbers, opening, closed, lines, dialing, dialling",
        ),
        ({"numbers": []}, "numbers", "must be an object"),
        ({"numbers": {"+447700900000": "greet"}}, "numbers.+447700900000", "E.164"),
        ({"numbers": {NUMBER: "grete"}}, f"numbers.{NUMBER}", "one of greet, voicemail"),
        ({"numbers": {NUMBER: ["greet"]}}, f"numbers.{NUMBER}", "one of greet, voicemail"),
        ({"dialling": False}, "dialling", "must be on or off"),
        ({"dialling": []}, "dialling", "must be on or off"),
        ({"dialing": "of"}, "dialing", "must be on or off"),
        ({"dialing": "on", "dialling": "on"}, "dialing", "also given as dialling"),
        ({"closed": "Goodbye"}, "closed", "must be an object"),
        ({"closed": {}}, "closed", "either an announcement"),
        ({"closed": {"language": "en-GB"}}, "closed", "either an announcement"),
        ({"closed": {"flow": "greet", "announcement": "x"}}, "closed", "either an announcement"),
        ({"closed": {"flow": "none"}}, "closed.flow", "one of greet, voicemail"),
        ({"closed": {"announcement": " "}}, "closed.announcement", "must be a string"),
        ({"closed": {"announcement": 1}}, "closed.announcement", "must be a string"),
        ({"closed": {"announcement": "x" * 1501}}, "closed", "1500"),
        ({"closed": CLOSED | {"language": 1}}, "closed", "language"),
        ({"opening": LONDON}, "closed", "missing"),
    ],
)
def test_an_invalid_document_is_rejected_with_path_and_reason(
    document: object, where: str, what: str
) -> None:
    found = problems(document)
    assert what in found[where]


@pytest.mark.parametrize(
    ("opening", "where", "what"),
    [
        ([], "opening", "must be an object"),
        ({"time_zone": "Europe/London"}, "opening.hours", "at least one day"),
        (LONDON | {"hours": {"monday": []}}, "opening.hours", "at least one day"),
        (LONDON | {"hours": []}, "opening.hours", "must be an object"),
        (LONDON | {"hours": {"Monday": []}}, "opening.hours.Monday", "allowed fields: monday"),
        (LONDON | {"hours": {"monday": "9-5"}}, "opening.hours.monday", "array of strings"),
        (LONDON | {"hours": {"monday": [9]}}, "opening.hours.monday", "array of strings"),
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
def test_invalid_opening_hours_are_rejected_with_path_and_reason(
    opening: object, where: str, what: str
) -> None:
    found = problems({"opening": opening, "closed": CLOSED})
    assert what in found[where]


def test_all_problems_are_reported_together() -> None:
    found = problems({"dialling": "no", "numbers": {"1": "greet"}, "closed": {"flow": "x"}})
    assert set(found) == {"dialling", "numbers.1", "closed.flow"}


@pytest.mark.parametrize(
    ("states", "off"),
    [
        ({"dialing": "off"}, True),
        ({"dialling": "off"}, True),
        ({"dialing": "on", "dialling": "off"}, True),
        ({"dialing": "off", "dialling": "on"}, True),
        ({"dialing": "on", "dialling": "on"}, False),
        ({"dialling": "on"}, False),
        ({}, False),
        *(
            ({spelling: state}, True)
            for spelling in ("dialing", "dialling")
            for state in ("OFF", "Off", " off", "ON", "of", "", None, False, True, 0, 1, [], ["on"])
        ),
        ({"Dialing": "off"}, True),
        ({"dialing ": "off"}, True),
    ],
)
def test_an_invalid_document_that_says_anything_but_on_turns_dialing_off(
    states: dict[str, object], off: bool
) -> None:
    with pytest.raises(SwitchboardError) as caught:
        read(numbers={NUMBER: "not_deployed"}, **states)
    assert caught.value.dialing_off is off


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ('{"dialling": "off",}', True),
        ('{"dialling": off}', True),
        ("{'dialling': 'off'}", True),
        ("dialing: off", True),
        ("{“dialling”: “off”}", True),
        ("dialing" + " " * 60_000 + "off", False),
        ('{"dialing" "off"}', True),
        ('{"dialing" "on"}', False),
        ('{"dialing" : "on",}', False),
        ('{"outbound dialing": "off"}', True),
        ('{"dialling": "off", "dialling": "on"}', True),
        ('{"dialling": "on", "dialling": "off"}', True),
        ('{"dialling": "on", "dialling": "on"}', False),
        (r'{"dial\u006cing": "off", "numbers": []}', True),
        ('{"numbers": {"dialling": "off"}}', True),
        ('{"dialling": "off", "closed": {"announcement": "' + "x" * 17_000 + '"}}', True),
        ('{"dialling": "on",}', False),
        ("", False),
        ("numbers: none", False),
        ('{"closed": {"announcement": "Thank you for dialing."},}', False),
    ],
    ids=lambda it: it[:40] if isinstance(it, str) else str(it),
)
def test_a_document_that_cannot_be_parsed_turns_dialing_off_as_well(text: str, off: bool) -> None:
    with pytest.raises(SwitchboardError) as caught:
        parse(text, FLOWS)
    assert caught.value.dialing_off is off


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_PARTS = ("numbers", "opening", "closed", "dialing", "dialling")


@given(st.dictionaries(st.sampled_from(_PARTS), _JSON | st.fixed_dictionaries({"hours": _JSON})))
def test_any_document_is_parsed_or_rejected(document: dict[str, Any]) -> None:
    try:
        board = parse(json.dumps(document), FLOWS)
    except SwitchboardError as error:
        assert error.problems
    else:
        assert isinstance(board.is_closed(1_800_000_000), bool)


@given(st.text())
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    try:
        parse(text, FLOWS)
    except SwitchboardError as error:
        assert error.problems


# Reading


def cache(vault: FakeSecrets) -> SwitchboardCache:
    return SwitchboardCache(
        cast("AwsClient", vault), "switchboard", lambda: vault.seconds, lambda: FLOWS
    )


OFF, ON = '{"dialling": "off"}', '{"dialling": "on"}'


def test_the_document_is_read_every_thirty_seconds() -> None:
    vault = FakeSecrets(OFF)
    boards = cache(vault)
    assert not boards.get(1).dialing
    vault.text = ON
    vault.seconds += 29.9
    assert not boards.get(1).dialing
    assert vault.read == 1
    vault.seconds += 0.1
    assert boards.get(1).dialing
    assert vault.read == 2


def test_a_clock_that_is_set_back_causes_another_read() -> None:
    vault = FakeSecrets(OFF)
    boards = cache(vault)
    boards.get(1)
    vault.text = ON
    vault.seconds -= 5
    assert boards.get(1).dialing


BROKEN = (None, "", "numbers", '{"numbers": 0}', "1" * 5000, "[" * 10**4)


@pytest.mark.parametrize("text", BROKEN)
def test_without_a_valid_document_the_settings_apply(text: str | None) -> None:
    boards = cache(FakeSecrets(text))
    assert boards.get(1) == Switchboard()
    assert boards.last_error


@pytest.mark.parametrize("text", BROKEN)
def test_the_last_valid_document_stays_in_effect(text: str | None) -> None:
    vault = FakeSecrets(OFF)
    boards = cache(vault)
    boards.get(1)
    vault.text = text
    vault.seconds += 30
    assert not boards.get(1).dialing
    assert boards.last_error
    # when fixed, even with the same document as before, there is no error
    vault.text = OFF
    vault.seconds += 30
    assert not boards.get(1).dialing
    assert boards.last_error is None


@pytest.mark.parametrize("text", ['{"dialling": "OFF"}', '{"dialling": false}', '{"dialling": 0}'])
def test_nonsense_about_dialing_turns_it_off_until_a_valid_document_turns_it_on(text: str) -> None:
    vault = FakeSecrets(json.dumps({"numbers": {NUMBER: "voicemail"}}))
    boards = cache(vault)
    assert boards.get(1).dialing
    vault.text = text
    vault.seconds += 30
    assert boards.get(1) == Switchboard({NUMBER: "voicemail"}, dialing=False)
    vault.text = ON
    vault.seconds += 30
    assert boards.get(1).dialing


def test_an_invalid_document_can_turn_dialing_off() -> None:
    # given a flow that is no longer deployed, while dialing is off
    off = json.dumps({"dialling": "off", "numbers": {NUMBER: "not_deployed"}})
    vault = FakeSecrets(off)
    boards = cache(vault)
    assert boards.get(1) == Switchboard(dialing=False)
    assert boards.last_error
    # then it stays off until a valid document turns it on
    vault.text = ON
    vault.seconds += 30
    assert boards.get(1).dialing
    # and the other parts of the last valid document stay in effect
    vault.text = json.dumps({"numbers": {NUMBER: "voicemail"}})
    vault.seconds += 30
    boards.get(1)
    vault.text = off
    vault.seconds += 30
    assert boards.get(1) == Switchboard({NUMBER: "voicemail"}, dialing=False)


def test_a_document_read_in_advance_is_used_for_thirty_seconds() -> None:
    vault = FakeSecrets('{"dialing": "off"}')
    boards = cache(vault)
    assert boards.prefetch(1) == Switchboard(dialing=False)
    vault.seconds += 29
    assert not boards.get(1).dialing
    assert vault.read == 1


@pytest.mark.parametrize("text", [None, "{"])
def test_a_failed_read_in_advance_is_repeated_at_once(text: str | None) -> None:
    vault = FakeSecrets(text)
    boards = cache(vault)
    assert boards.prefetch(1) is None
    vault.text = '{"dialing": "off"}'
    assert not boards.get(1).dialing
    assert boards.last_error is None


@pytest.mark.parametrize("before", [None, ON], ids=["never read", "read before"])
def test_a_read_that_is_interrupted_is_repeated_at_once(before: str | None) -> None:
    vault = FakeSecrets(before)
    boards = cache(vault)
    if before:
        boards.get(1)
        vault.seconds += 30
    vault.text = OFF
    vault.interrupt = FlowTimeout()
    with pytest.raises(FlowTimeout):
        boards.get(1)
    assert not boards.get(1).dialing


def test_a_failed_read_is_not_retried_sooner() -> None:
    vault = FakeSecrets(None)
    boards = cache(vault)
    for _ in range(10):
        boards.get(1)
        vault.seconds += 3
    assert vault.read == 1


@pytest.mark.parametrize(
    "document",
    [
        {"lines": {"4" * 25_000: {f"a{n}": 1 for n in range(3000)}}},
        {"lines": {f"x{n}": 1 for n in range(3000)}},
        {"numbers": {f"447700{n:06}": "" for n in range(2500)}},
    ],
)
def test_the_problems_of_a_hostile_document_are_no_larger_than_a_few_documents(
    document: dict[str, Any],
) -> None:
    with pytest.raises(SwitchboardError) as caught:
        check = functools.partial(line_problems, settings=from_environment(stack()))
        parse(json.dumps(document), ["reception"], check)
    assert len(str(caught.value)) < 100_000
    assert len(caught.value.problems) == 101
    assert re.fullmatch("and [0-9]+ more problems", caught.value.problems[-1][1])
