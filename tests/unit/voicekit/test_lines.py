"""Business lines: what a document says, what is refused, and what a caller gets all the same."""

from __future__ import annotations

import functools
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.environment import stack
from voicekit.lines import TEXTS, Line, MenuEntry, NumberToRing, line_problems, read_line
from voicekit.settings import StackSettings, from_environment
from voicekit.switchboard import SwitchboardError, parse

NUMBER = "447700900000"
SECOND = stack()["SECOND_NUMBER"]
OPENING = {"time_zone": "Europe/London", "hours": {"monday": ["09:00-17:00"]}}
MENU = {"prompt": "Press 1.", "keys": {"1": {"say": "1 Main Street."}}}


def settings(**environment: str) -> StackSettings:
    return from_environment(stack(ALLOWED_PREFIXES="44", LANGUAGE="en-US") | environment)


def line(document: dict[str, Any] | None = None, **environment: str) -> Line:
    found, problems = read_line(NUMBER, document, settings(**environment))
    assert problems == []
    return found


def problems(document: Any, **environment: str) -> dict[str, str]:
    """Return the problems of a document that is to be stored, by their path in the line."""
    check = functools.partial(line_problems, settings=settings(**environment))
    try:
        parse(json.dumps({"lines": {NUMBER: document}}), ["reception"], check)
    except SwitchboardError as error:
        return {where.removeprefix(f"lines.{NUMBER}."): what for where, what in error.problems}
    return {}


# Valid lines


def test_without_a_document_a_line_rings_the_second_number_and_takes_messages() -> None:
    found = line()
    assert found.ring == (NumberToRing(SECOND, 20),)
    assert (found.voicemail, found.transcript, found.menu, found.blocked) == (True, False, {}, ())
    assert found.is_open(0)
    assert found.talk("greeting") == {
        "action": "talk",
        "text": "Thank you for calling.",
        "language": "en-US",
    }


def test_without_a_second_number_a_line_rings_nobody() -> None:
    assert line(SECOND_NUMBER="").ring == ()


def test_a_line_has_what_its_document_says() -> None:
    found = line(
        {
            "language": "en-GB",
            "style": 2,
            "premium": True,
            "greeting": "Good day.",
            "menu": {
                "prompt": "Press 1, 2, or 3.",
                "keys": {
                    "1": {"ring": [{"number": "447700900001", "seconds": 5}]},
                    "2": {"say": "1 Main Street."},
                    "*": {"voicemail": True},
                },
            },
            "ring": [{"number": "447700900002"}, {"number": "447700900003", "seconds": 120}],
            "transcript": True,
            "blocked": ["447700900666", "4490*", "withheld"],
        }
    )
    voice = {"language": "en-GB", "style": 2, "premium": True}
    assert found.talk("greeting") == {"action": "talk", "text": "Good day.", **voice}
    assert found.talk("nobody") == {"action": "talk", "text": TEXTS["nobody"], **voice}
    assert found.say("Hello", barge_in=True) == {
        "action": "talk",
        "text": "Hello",
        "bargeIn": True,
        **voice,
    }
    assert found.menu == {
        "1": MenuEntry(ring=(NumberToRing("447700900001", 5),)),
        "2": MenuEntry("1 Main Street."),
        "*": MenuEntry(voicemail=True),
    }
    assert found.ring == (NumberToRing("447700900002", 20), NumberToRing("447700900003", 120))
    assert found.numbers("1") == (NumberToRing("447700900001", 5),)
    assert found.numbers("7") == ()
    assert found.transcript


@pytest.mark.parametrize(("now", "is_open"), [("09:00", True), ("08:59", False), ("17:00", False)])
def test_a_line_has_opening_hours_of_its_own(now: str, is_open: bool) -> None:
    zone = ZoneInfo("Europe/London")
    monday = datetime.fromisoformat(f"2026-11-23T{now}").replace(tzinfo=zone).timestamp()
    assert line({"opening": OPENING}).is_open(monday) == is_open


@pytest.mark.parametrize(
    ("caller", "blocked"),
    [
        ("447700900666", True),
        ("+447700900666", True),
        ("4477009006660", False),
        ("4490123456", True),
        ("449123456", False),
        (None, True),
        ("Unknown", True),
        ("anonymous", True),
        ("sip:alice@example.com", False),
        ("alice", False),
    ],
)
def test_numbers_prefixes_and_withheld_callers_are_blocked(
    caller: str | None, blocked: bool
) -> None:
    assert line({"blocked": ["447700900666", "4490*", "withheld"]}).blocks(caller) == blocked


@pytest.mark.parametrize("caller", [None, "Unknown", "447700900123"])
def test_without_a_list_nobody_is_blocked(caller: str | None) -> None:
    assert not line().blocks(caller)


@pytest.mark.parametrize("entry", ["*", "", "0*", "44 90*", "44*90*", 447700900123, None])
def test_an_invalid_entry_that_is_stored_blocks_nobody(entry: object) -> None:
    found, problems = read_line(NUMBER, {"blocked": [entry, "447700900666"]}, settings())
    assert [where for where, _ in problems] == [f"lines.{NUMBER}.blocked[0]"]
    assert found.blocked == ("447700900666",)
    assert not found.blocks("447700900123")


# The language


def test_texts_of_its_own_are_spoken_in_the_stacks_language() -> None:
    texts = {name: f"{name} auf Deutsch" for name in TEXTS}
    found = line(texts, LANGUAGE="de-DE")
    for name, text in texts.items():
        assert found.talk(name) == {"action": "talk", "text": text, "language": "de-DE"}


def test_a_text_that_is_missing_is_not_spoken_by_a_voice_of_another_language() -> None:
    assert line(LANGUAGE="de-DE").talk("greeting") == {
        "action": "talk",
        "text": "Thank you for calling.",
    }


@pytest.mark.parametrize(
    ("document", "missing"),
    [
        ({}, {"greeting", "nobody", "message", "thanks"}),
        ({"opening": OPENING}, {"greeting", "nobody", "message", "thanks", "closed"}),
        ({"voicemail": "off"}, {"greeting", "nobody"}),
        ({"greeting": "Guten Tag."}, {"nobody", "message", "thanks"}),
    ],
)
def test_each_text_is_needed_if_the_language_is_not_english(
    document: dict[str, Any], missing: set[str]
) -> None:
    for found in (
        problems({"language": "de-DE", **document}),
        problems(document, LANGUAGE="de-DE"),
    ):
        assert set(found) == missing
        assert all("missing; expected a text" in what for what in found.values())
    assert problems({"language": "en-GB", **document}, LANGUAGE="de-DE") == {}


# Numbers that must not be dialed


def test_a_number_that_the_dial_policy_denies_is_refused_when_it_is_stored() -> None:
    ring = [{"number": "12025550123"}, {"number": "447700900001"}]
    entry = {"1": {"ring": [{"number": "449123456789"}]}}
    document = {"ring": ring, "menu": {"prompt": "Press 1.", "keys": entry}}
    assert problems(document, DENIED_PREFIXES="449") == {
        "ring[0].number": "1…23: matches no prefix in AllowedPrefixes",
        "menu.keys.1.ring[0].number": "44…89: matches a prefix in DeniedPrefixes",
    }


def test_a_number_that_the_dial_policy_denies_is_skipped_when_it_is_read() -> None:
    found = line({"ring": [{"number": "12025550123"}, {"number": "447700900001"}]})
    assert found.ring == (NumberToRing("447700900001", 20),)
    assert found.skipped == ("1…23: matches no prefix in AllowedPrefixes",)


def test_while_dialing_is_off_a_line_has_no_numbers_to_ring() -> None:
    document = {"menu": {"prompt": "1?", "keys": {"1": {"ring": [{"number": "447700900001"}]}}}}
    found, _ = read_line(NUMBER, document, settings(), dials=False)
    assert (found.ring, found.menu["1"].ring, found.skipped) == ((), (), ())


# Invalid lines

BAD: list[tuple[Any, str, str]] = [
    ([], f"lines.{NUMBER}", "must be an object"),
    ({"greetings": "x"}, "greetings", "unknown field; allowed fields: language, style"),
    ({"greeting": " "}, "greeting", "must be a string that is not empty"),
    ({"greeting": 5}, "greeting", "must be a string that is not empty"),
    ({"greeting": None}, "greeting", "must be a string that is not empty"),
    ({"nobody": "x" * 1501}, "nobody", "1500"),
    ({"thanks": "<speak>Bye"}, "thanks", "unclosed tag"),
    ({"language": "deutsch!"}, "language", "a BCP-47 language such as en-GB"),
    ({"language": None}, "language", "expected a string"),
    ({"style": -1}, "style", "out of range"),
    ({"style": True}, "style", "an integer"),
    ({"premium": 1}, "premium", "true or false"),
    ({"opening": {}}, "opening.time_zone", "IANA"),
    ({"opening": OPENING | {"closed_on": ["25.12."]}}, "opening.closed_on", "2026-12-25"),
    ({"ring": SECOND}, "ring", "array of at most 20 numbers"),
    ({"ring": [{"number": SECOND}] * 21}, "ring", "array of at most 20 numbers"),
    ({"ring": [SECOND]}, "ring[0]", "must be an object"),
    ({"ring": [{}]}, "ring[0].number", "not an E.164 number"),
    ({"ring": [{"number": "+447700900001"}]}, "ring[0].number", "not an E.164 number"),
    ({"ring": [{"number": NUMBER}]}, "ring[0].number", "the number of this line"),
    ({"ring": [{"number": SECOND, "seconds": 4}]}, "ring[0].seconds", "from 5 to 120"),
    ({"ring": [{"number": SECOND, "seconds": 121}]}, "ring[0].seconds", "from 5 to 120"),
    ({"ring": [{"number": SECOND, "seconds": 20.0}]}, "ring[0].seconds", "from 5 to 120"),
    ({"ring": [{"number": SECOND, "seconds": True}]}, "ring[0].seconds", "from 5 to 120"),
    ({"ring": [{"number": SECOND, "second": 5}]}, "ring[0].second", "number, seconds"),
    ({"menu": "Press 1."}, "menu", "must be an object"),
    ({"menu": {"keys": MENU["keys"]}}, "menu.prompt", "must be a string"),
    ({"menu": {"prompt": "Press 1."}}, "menu.keys", "an entry for each digit"),
    ({"menu": MENU | {"keys": {}}}, "menu.keys", "an entry for each digit"),
    ({"menu": MENU | {"keys": {"#": {"say": "x"}}}}, "menu.keys.#", "one of 0 1 2"),
    ({"menu": MENU | {"keys": {"12": {"say": "x"}}}}, "menu.keys.12", "one of 0 1 2"),
    ({"menu": MENU | {"keys": {"1": {}}}}, "menu.keys.1", "exactly one of say, ring, voicemail"),
    (
        {"menu": MENU | {"keys": {"1": {"say": "x", "voicemail": True}}}},
        "menu.keys.1",
        "exactly one of say, ring, voicemail",
    ),
    ({"menu": MENU | {"keys": {"1": {"voicemail": False}}}}, "menu.keys.1.voicemail", "be true"),
    (
        {"voicemail": "off", "menu": MENU | {"keys": {"1": {"voicemail": True}}}},
        "menu.keys.1",
        "needs voicemail to be on",
    ),
    ({"voicemail": True}, "voicemail", "must be on or off"),
    ({"voicemail": []}, "voicemail", "must be on or off"),
    ({"transcript": "on"}, "transcript", "must be true or false"),
    ({"transcript": 1}, "transcript", "must be true or false"),
    ({"blocked": "withheld"}, "blocked", "must be an array"),
    ({"blocked": ["anonymous"]}, "blocked[0]", "a prefix such as 4490*"),
    ({"blocked": ["withheld", "*"]}, "blocked[1]", "a prefix such as 4490*"),
    ({"blocked": [447700900666]}, "blocked[0]", "a prefix such as 4490*"),
]


@pytest.mark.parametrize(("document", "where", "what"), BAD)
def test_an_invalid_line_is_refused_with_path_and_reason(
    document: Any, where: str, what: str
) -> None:
    found = problems(document)
    assert what in found[where]


def test_all_problems_are_reported_together() -> None:
    found = problems(
        {
            "greeting": 1,
            "ring": [{"number": "1", "seconds": 1}, {"number": "12025550123"}],
            "blocked": [0],
            "language": "fr-FR",
        }
    )
    assert set(found) == {
        *("greeting", "nobody", "message", "thanks", "blocked[0]"),
        *("ring[0].number", "ring[0].seconds", "ring[1].number"),
    }


@pytest.mark.parametrize(("document", "where", "what"), BAD)
def test_an_invalid_line_that_is_stored_answers_with_what_is_valid(
    document: Any, where: str, what: str
) -> None:
    found, _ = read_line(NUMBER, document, settings())
    for name in TEXTS:
        found.talk(name)
    assert found.number == NUMBER


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
_names = st.sampled_from(
    [*TEXTS, "language", "style", "premium", "opening", "menu", "ring", "voicemail", "blocked"]
)


@given(st.dictionaries(_names, _values))
def test_any_document_gives_a_line_that_speaks(document: dict[str, Any]) -> None:
    found, _ = read_line(NUMBER, document, settings())
    assert found.talk("greeting")["action"] == "talk"
    assert found.blocks("447700900123") in (True, False)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"lines": []}, "lines"),
        ({"lines": {"+447700900000": {}}}, "lines.+447700900000"),
        ({"lines": {NUMBER: "voicemail"}}, f"lines.{NUMBER}"),
    ],
)
def test_lines_of_the_wrong_form_are_refused_even_when_read(document: Any, where: str) -> None:
    with pytest.raises(SwitchboardError) as caught:
        parse(json.dumps(document), ["reception"])
    assert where in dict(caught.value.problems)


def test_lines_need_the_flow_that_answers_them() -> None:
    with pytest.raises(SwitchboardError, match="need the call flow reception"):
        parse(json.dumps({"lines": {NUMBER: {}}}), ["voicemail"])
