"""What each flow does, and where it is the plain snippet, that it is so on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from flows import (
    conference,
    connect,
    dtmf_menu,
    greet,
    record_call,
    record_conversation,
    record_split,
    speech,
    track_progress,
    voicemail,
)
from tests.unit.flows.calls import BASE, CALLER, INBOUND, OURS, SECOND, a_call
from voicekit.call import event_of, input_of
from voicekit.ncco import check

NCCO = list[dict[str, Any]]
CONNECTED = {
    "action": "connect",
    "from": OURS,
    "endpoint": [{"type": "phone", "number": SECOND}],
}
# A caller whose call nobody takes is told so.
NOBODY = {"action": "talk", "text": "Nobody is on the line any more. Goodbye."}


def heard(ncco: NCCO | None) -> str:
    """What a caller hears, in the order of the actions."""
    return " ".join(action["text"] for action in ncco or [] if action["action"] == "talk")


def actions(ncco: NCCO | None) -> list[str]:
    return [action["action"] for action in ncco or []]


def url(flow: str, door: str, **state: object) -> list[str]:
    query = "&".join(f"{name}={value}" for name, value in {"flow": flow, **state}.items())
    return [f"{BASE}/webhooks/{door}?{query}"]


# greet


def test_greet_reads_the_callers_number_digit_by_digit() -> None:
    assert greet.answer(a_call("greet")) == [
        {"action": "talk", "text": "Thank you for calling from 4 4 7 7 0 0 9 0 0 0 0 0."}
    ]


@pytest.mark.parametrize(
    "caller", [None, "Unknown", "sip:alice@example.com", "<speak>", "anonymous"]
)
def test_greet_reads_nothing_that_is_no_number(caller: str | None) -> None:
    assert heard(greet.answer(a_call("greet", {**INBOUND, "from": caller}))) == (
        "Thank you for calling."
    )


def test_greet_reads_a_number_that_came_with_a_space_before_it() -> None:
    call = a_call("greet", {**INBOUND, "from": f" {CALLER}"})

    assert heard(greet.answer(call)).endswith("0 0.")


# connect


def test_connect_rings_the_second_number_as_the_snippet_does_and_hears_how_it_went() -> None:
    assert connect.answer(a_call("connect")) == [
        {**CONNECTED, "eventType": "synchronous", "eventUrl": url("connect", "event")}
    ]


def test_connect_names_no_caller_where_the_stack_has_no_number() -> None:
    (action,) = connect.answer(a_call("connect", VONAGE_NUMBER=""))

    assert "from" not in action


def test_connect_says_that_the_line_is_busy() -> None:
    event = event_of({"status": "busy"})

    assert "busy" in heard(connect.event(a_call("connect"), event))


@pytest.mark.parametrize("status", ["timeout", "failed", "rejected", "unanswered"])
def test_connect_says_that_nobody_can_take_the_call(status: str) -> None:
    ncco = connect.event(a_call("connect"), event_of({"status": status}))

    assert "nobody can take your call" in heard(ncco)


@pytest.mark.parametrize(
    "status",
    [
        "started",
        "ringing",
        "answered",
        "human",
        "machine",
        "cancelled",
        "disconnected",
        "completed",
        "a status of tomorrow",
    ],
)
def test_connect_leaves_the_call_alone_at_any_other_report(status: str) -> None:
    assert connect.event(a_call("connect"), event_of({"status": status})) is None


@pytest.mark.parametrize("flow", [connect, record_call, record_split])
def test_without_a_second_number_the_caller_hears_that_the_line_is_not_connected(flow: Any) -> None:
    ncco = flow.answer(a_call("connect", SECOND_NUMBER=""))

    assert actions(ncco) == ["talk"]
    assert "not connected" in heard(ncco)


# conference


def test_conference_announces_the_room_and_joins_it_as_the_snippet_does() -> None:
    assert conference.answer(a_call("conference", CONFERENCE_NAME="lobby")) == [
        {"action": "talk", "text": "Please wait while we connect you to the conference."},
        {"action": "conversation", "name": "lobby"},
    ]


# dtmf_menu


def pressed(keys: str | None, attempt: int = 1, second_number: str = SECOND) -> NCCO:
    call = a_call("dtmf_menu", state={"attempt": str(attempt)}, SECOND_NUMBER=second_number)
    given = {"dtmf": {"digits": keys, "timed_out": not keys}, "speech": {"results": []}}
    return dtmf_menu.dtmf(call, input_of(given))


def asked_again(ncco: NCCO, attempt: int) -> bool:
    return actions(ncco) == ["talk", "input"] and ncco[1]["eventUrl"] == url(
        "dtmf_menu", "dtmf", attempt=attempt
    )


def test_the_menu_greets_and_asks_for_one_key_as_the_snippet_does() -> None:
    greeting, question = dtmf_menu.answer(a_call("dtmf_menu"))

    assert greeting["text"].startswith("Hello")
    assert question == {
        "action": "input",
        "type": ["dtmf"],
        "dtmf": {"timeOut": 5, "maxDigits": 1},
        "eventUrl": url("dtmf_menu", "dtmf", attempt=1),
    }


def test_the_menu_may_be_interrupted_by_a_key() -> None:
    assert dtmf_menu.answer(a_call("dtmf_menu"))[0]["bargeIn"] is True


def test_key_1_tells_the_opening_hours_and_ends() -> None:
    assert actions(pressed("1")) == ["talk"]
    assert "open" in heard(pressed("1"))


def test_key_2_tells_the_address_and_ends() -> None:
    assert actions(pressed("2")) == ["talk"]
    assert "Street" in heard(pressed("2"))


def test_key_0_puts_through_to_the_second_number() -> None:
    assert pressed("0")[1:] == [CONNECTED, NOBODY]


def test_key_0_without_a_second_number_says_so_and_asks_again() -> None:
    ncco = pressed("0", second_number="")

    assert asked_again(ncco, attempt=2)
    assert "nobody to speak to" in heard(ncco)


@pytest.mark.parametrize("key", ["3", "9", "*", "#", "11", "12"])
def test_a_wrong_key_is_said_to_be_wrong_and_asked_for_again(key: str) -> None:
    ncco = pressed(key)

    assert asked_again(ncco, attempt=2)
    assert "not one of the choices" in heard(ncco)


@pytest.mark.parametrize("keys", ["", None])
def test_without_a_key_the_menu_asks_again(keys: str | None) -> None:
    ncco = pressed(keys)

    assert asked_again(ncco, attempt=2)
    assert "did not hear" in heard(ncco)


def test_the_third_attempt_is_still_asked_for() -> None:
    assert asked_again(pressed("9", attempt=2), attempt=3)


@pytest.mark.parametrize("keys", ["9", "", "0"])
@pytest.mark.parametrize("attempt", [3, 4, 99])
def test_after_the_third_attempt_the_menu_says_goodbye(keys: str, attempt: int) -> None:
    ncco = pressed(keys, attempt, second_number="")

    assert actions(ncco) == ["talk"]
    assert "Goodbye" in heard(ncco)


@pytest.mark.parametrize("key", ["1", "2", "0"])
def test_a_right_key_at_the_third_attempt_counts(key: str) -> None:
    assert pressed(key, attempt=3) == pressed(key)


@pytest.mark.parametrize("attempt", ["0", "-1", "x", "", "100", "001" + "0" * 5000, "٣", "1.5"])
def test_an_attempt_that_is_none_counts_as_the_first(attempt: str) -> None:
    call = a_call("dtmf_menu", state={"attempt": attempt})

    assert asked_again(dtmf_menu.dtmf(call, input_of({"dtmf": "9"})), attempt=2)


# speech


def said(speech_part: object, attempt: int = 1) -> NCCO:
    call = a_call("speech", state={"attempt": str(attempt)})
    given = {"speech": speech_part, "dtmf": {"digits": None, "timed_out": False}}
    return speech.asr(call, input_of(given))


def reading(text: str, confidence: object = "0.9") -> dict[str, object]:
    return {"text": text, "confidence": confidence}


def test_speech_asks_and_listens_as_the_snippet_does() -> None:
    assert speech.answer(a_call("speech")) == [
        {"action": "talk", "text": "Please say something."},
        {
            "action": "input",
            "type": ["speech"],
            "speech": {"endOnSilence": 1, "language": "en-US", "saveAudio": False},
            "eventUrl": url("speech", "asr", attempt=1),
        },
    ]


def test_speech_listens_in_the_language_of_the_stack() -> None:
    question = speech.answer(a_call("speech", LANGUAGE="de-DE"))[1]

    assert question["speech"]["language"] == "de-DE"


def test_speech_says_back_what_was_heard() -> None:
    ncco = said({"results": [reading("good morning")]})

    assert actions(ncco) == ["talk"]
    assert "you said good morning." in heard(ncco)


def test_speech_takes_the_likeliest_of_several_readings() -> None:
    readings = [reading("ice cream", "0.5"), reading("I scream", "0.91"), reading("eyes", 0.2)]

    assert "you said I scream." in heard(said({"results": readings}))


def test_speech_says_marks_of_ssml_as_text() -> None:
    assert "you said &lt;break/&gt; &amp; &quot;hi&quot;." in heard(
        said({"results": [reading('<break/> & "hi"')]})
    )


@pytest.mark.parametrize("text", ["word " * 20_000, "'" * 100_000], ids=["words", "quotes"])
def test_speech_says_the_beginning_of_a_speech_without_end(text: str) -> None:
    ncco = said({"results": [reading(text)]})

    assert actions(check(ncco)) == ["talk"]
    assert len(heard(ncco)) < 1500


@pytest.mark.parametrize(
    "speech_part",
    [
        {"results": []},
        {"results": None},
        {"error": "ERR1: Failed to analyze audio"},
        {"error": "Speech was not enabled"},
        {"timeout_reason": "end_on_silence_timeout", "results": []},
        {"timeout_reason": "max_duration"},
        {"results": [reading("")]},
        {"results": [reading(" ")]},
        {"results": [reading("\x00\ud800")]},
        None,
    ],
    ids=str,
)
def test_speech_that_was_not_understood_is_asked_for_again(speech_part: object) -> None:
    ncco = said(speech_part)

    assert actions(ncco) == ["talk", "input"]
    assert "didn't understand" in heard(ncco)
    assert ncco[1]["eventUrl"] == url("speech", "asr", attempt=2)


def test_speech_that_never_began_is_said_not_to_have_been_heard() -> None:
    ncco = said({"timeout_reason": "start_timeout", "results": []}, attempt=2)

    assert "did not hear" in heard(ncco)
    assert ncco[1]["eventUrl"] == url("speech", "asr", attempt=3)


@pytest.mark.parametrize("attempt", [3, 4, 99])
def test_after_the_third_attempt_at_speech_the_caller_hears_goodbye(attempt: int) -> None:
    ncco = said({"results": []}, attempt)

    assert actions(ncco) == ["talk"]
    assert "Goodbye" in heard(ncco)


# record_call, record_split, record_conversation, voicemail


def test_record_call_says_so_then_records_and_connects_as_the_snippet_does() -> None:
    ncco = record_call.answer(a_call("record_call"))

    assert "recorded" in ncco[0]["text"]
    assert ncco[1:] == [
        {"action": "record", "eventUrl": url("record_call", "recordings")},
        CONNECTED,
        NOBODY,
    ]


def test_record_split_says_so_then_records_each_side_and_connects_as_the_snippet_does() -> None:
    ncco = record_split.answer(a_call("record_split"))

    assert "recorded" in ncco[0]["text"]
    assert ncco[1:] == [
        {
            "action": "record",
            "split": "conversation",
            "channels": 2,
            "eventUrl": url("record_split", "recordings"),
        },
        CONNECTED,
        NOBODY,
    ]


def test_record_conversation_says_so_then_joins_as_the_snippet_does() -> None:
    ncco = record_conversation.answer(a_call("record_conversation"))

    assert "recorded" in ncco[0]["text"]
    assert ncco[1:] == [
        {
            "action": "conversation",
            "name": "reception",
            "record": True,
            "eventMethod": "POST",
            "eventUrl": url("record_conversation", "recordings"),
        }
    ]


def test_voicemail_is_the_snippet() -> None:
    assert voicemail.answer(a_call("voicemail")) == [
        {
            "action": "talk",
            "text": "Please leave a message after the tone, then press the hash key."
            " We will get back to you as soon as we can.",
        },
        {
            "action": "record",
            "endOnSilence": 3,
            "endOnKey": "#",
            "beepStart": True,
            "eventUrl": url("voicemail", "recordings"),
        },
        {"action": "talk", "text": "Thank you for your message. Goodbye."},
    ]


# track_progress


def test_track_progress_notifies_between_two_talks_as_the_snippet_does() -> None:
    ncco = track_progress.answer(a_call("track_progress"))

    assert actions(ncco) == ["talk", "notify", "talk"]
    assert ncco[1] == {
        "action": "notify",
        "payload": {"stage": "greeted"},
        "eventUrl": url("track_progress", "notification"),
    }


def test_the_notification_is_answered_with_another_ncco() -> None:
    ncco = track_progress.notification(a_call("track_progress"), {"stage": "greeted"})

    assert heard(ncco) == "Your notification has been received, loud and clear."
