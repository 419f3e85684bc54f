"""The flow `reception`: each part of a business line, by a call."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from local.testing import Phone

SECOND = "447700900001"
HUNTING = "447700900010"
MENU = "447700900011"
CLOSED = "447700900012"
GERMAN = "447700900013"
WITHOUT_VOICEMAIL = "447700900014"


@pytest.fixture
def voice_parameters() -> dict[str, str]:
    """The template's, because the lines ring its second number."""
    return {}


@pytest.fixture
def voice_switchboard() -> dict[str, Any]:
    return {"lines": _lines()}


def _lines() -> dict[str, Any]:
    texts = {"nobody": "We are all at the oven.", "message": "Leave a message.", "thanks": "Bye."}
    ring = [{"number": SECOND, "seconds": 10}, {"number": SECOND, "seconds": 15}]
    menu = {
        "prompt": "Press 1 for orders, 2 for our address, 3 for a message, or hold the line.",
        "keys": {
            "1": {"ring": [{"number": SECOND}]},
            "2": {"say": "1 Main Street."},
            "3": {"voicemail": True},
        },
    }
    german = {
        "greeting": "Bäckerei Müller, guten Tag.",
        "nobody": "Wir sind gerade alle am Ofen.",
        "message": "Bitte sprechen Sie nach dem Ton.",
        "thanks": "Auf Wiederhören.",
    }
    return {
        HUNTING: {
            "greeting": "Bakery, good day.",
            "ring": ring,
            "blocked": ["447700900666", "4490*", "withheld"],
            **texts,
        },
        MENU: {"greeting": "Bakery, good day.", "menu": menu, "ring": ring[:1], **texts},
        CLOSED: {"opening": _closed_all_week(), "closed": "We open at nine.", **texts},
        GERMAN: {"language": "de-DE", "ring": ring[:1], **german},
        WITHOUT_VOICEMAIL: {
            "voicemail": "off",
            "opening": {
                "time_zone": "UTC",
                "hours": {
                    day: ["00:00-24:00"]
                    for day in (
                        *("monday", "tuesday", "wednesday", "thursday", "friday"),
                        *("saturday", "sunday"),
                    )
                },
            },
            **texts,
        },
    }


def _closed_all_week() -> dict[str, Any]:
    """Return opening hours that begin three days from now, whatever day it is."""
    later = datetime.fromtimestamp(time.time() + 3 * 86_400, UTC)
    return {"time_zone": "UTC", "hours": {later.strftime("%A").lower(): ["00:00-24:00"]}}


def test_without_a_document_it_greets_and_rings_the_second_number(phone: Phone) -> None:
    phone.callee().answers(says="Hello, who is there?")
    call = phone.call("reception")
    assert call.heard("Thank you for calling", "(ringing)", "who is there")


def test_without_a_document_it_takes_a_message_if_nobody_answers(phone: Phone) -> None:
    phone.callee().does_not_answer()
    call = phone.call("reception").say("Please ring me back.").press("#")
    assert call.heard("(ringing)", "nobody can take your call", "(beep)", "Thank you for")
    assert call.is_over
    (recording,) = call.recordings
    assert recording.seconds > 1


def test_after_a_conversation_the_call_ends_without_a_word(phone: Phone) -> None:
    phone.callee().answers(says="Hello.")
    call = phone.call("reception", to=HUNTING)
    call.other.hang_up()
    assert call.is_over
    assert call.not_heard("at the oven", "Leave a message")


def test_it_rings_the_next_number_after_one_that_declines(phone: Phone) -> None:
    phone.callee().rings()
    call = phone.call("reception", to=HUNTING)
    first = call.other
    first.hang_up()
    call.settle()
    call.other.answer().say("Bakery, what can I do?")
    assert call.heard("Bakery, good day", "(ringing)", "what can I do")
    assert first.status == "rejected"


@pytest.mark.parametrize("how", ["is_busy", "rejects", "does_not_answer"])
def test_after_the_last_number_it_takes_a_message(phone: Phone, how: str) -> None:
    getattr(phone.callee(), how)()
    call = phone.call("reception", to=HUNTING)
    assert call.heard("Bakery", "(ringing)", "at the oven", "Leave a message", "(beep)")
    assert call.words.count("(ringing)") == 2
    assert call.words.count("We are all at the oven.") == 1


def test_a_pause_of_four_seconds_does_not_end_a_message(phone: Phone) -> None:
    phone.callee().is_busy()
    call = phone.call("reception", to=HUNTING).say("It is about").wait(4)
    assert call.say("the cake.").wait().heard("Bye.")
    (recording,) = call.recordings
    assert recording.seconds > 10


def test_the_callee_sees_the_called_number(phone: Phone) -> None:
    call = phone.call("reception", to=HUNTING)
    event = next(one for one in call.events if one.fields.get("direction") == "outbound")
    assert event.fields["from"] == HUNTING


@pytest.mark.parametrize("caller", ["447700900666", "449012345678"])
def test_blocked_callers_reach_nobody(phone: Phone, caller: str) -> None:
    call = phone.call("reception", from_=caller, to=HUNTING)
    assert call.is_over
    assert call.words == ["We are all at the oven."]


def test_outside_the_opening_hours_it_takes_a_message(phone: Phone) -> None:
    call = phone.call("reception", to=CLOSED).say("Good evening.").press("#")
    assert call.heard("We open at nine.", "Leave a message", "(beep)", "Bye.")
    assert call.not_heard("(ringing)")


def test_without_voicemail_the_caller_hears_that_nobody_is_there(phone: Phone) -> None:
    phone.callee().is_busy()
    call = phone.call("reception", to=WITHOUT_VOICEMAIL)
    assert call.is_over
    assert call.heard("(ringing)", "at the oven")
    assert call.not_heard("Leave a message")


# The menu


def test_a_spoken_entry_leads_back_to_the_menu(phone: Phone) -> None:
    call = phone.call("reception", to=MENU).press("2")
    assert call.heard("good day", "hold the line", "1 Main Street", "hold the line")
    assert not call.is_over


def test_a_digit_rings_its_numbers_and_then_takes_a_message(phone: Phone) -> None:
    phone.callee().is_busy()
    call = phone.call("reception", to=MENU).press("1")
    assert call.heard("hold the line", "(ringing)", "at the oven", "(beep)")


def test_a_digit_takes_a_message_without_ringing(phone: Phone) -> None:
    call = phone.call("reception", to=MENU).press("3")
    assert call.heard("hold the line", "Leave a message", "(beep)")
    assert call.not_heard("(ringing)", "at the oven")


def test_after_three_wrong_digits_it_rings(phone: Phone) -> None:
    phone.callee().answers(says="Orders, hello.")
    call = phone.call("reception", to=MENU).press("9").press("9").press("9")
    assert call.heard(*["hold the line"] * 3, "(ringing)", "Orders, hello")


def test_a_caller_who_holds_the_line_is_connected(phone: Phone) -> None:
    phone.callee().answers(says="Orders, hello.")
    call = phone.call("reception", to=MENU).wait().wait().wait()
    assert call.heard(*["hold the line"] * 3, "(ringing)", "Orders, hello")


# The language


def test_a_line_speaks_its_language(phone: Phone) -> None:
    phone.callee().is_busy()
    call = phone.call("reception", to=GERMAN)
    assert call.heard("guten Tag", "(ringing)", "am Ofen", "nach dem Ton", "(beep)")
