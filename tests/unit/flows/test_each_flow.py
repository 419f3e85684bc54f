"""Each flow, and that its NCCO is the one of the Vonage code snippet."""

from __future__ import annotations

from typing import Any

import pytest

from flows import (
    agent,
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
# The caller hears this if there is no answer.
NO_ANSWER = {"action": "talk", "text": "Nobody is on the line any more. Goodbye."}


def heard(ncco: NCCO | None) -> str:
    """Return the texts that a caller hears, in order."""
    return " ".join(action["text"] for action in ncco or [] if action["action"] == "talk")


def actions(ncco: NCCO | None) -> list[str]:
    return [action["action"] for action in ncco or []]


def url(flow: str, webhook: str, **state: object) -> list[str]:
    query = "&".join(f"{name}={value}" for name, value in {"flow": flow, **state}.items())
    return [f"{BASE}/webhooks/{webhook}?{query}"]


# greet


def test_greet_reads_the_callers_number_digit_by_digit() -> None:
    assert greet.answer(a_call("greet")) == [
        {"action": "talk", "text": "Thank you for calling from 4 4 7 7 0 0 9 0 0 0 0 0."}
    ]


@pytest.mark.parametrize(
    "caller", [None, "Unknown", "sip:alice@example.com", "<speak>", "anonymous"]
)
def test_greet_reads_only_phone_numbers(caller: str | None) -> None:
    assert heard(greet.answer(a_call("greet", {**INBOUND, "from": caller}))) == (
        "Thank you for calling."
    )


def test_greet_reads_a_number_with_a_leading_space() -> None:
    call = a_call("greet", {**INBOUND, "from": f" {CALLER}"})

    assert heard(greet.answer(call)).endswith("0 0.")


# connect


def test_connect_calls_the_second_number_and_subscribes_to_its_events() -> None:
    assert connect.answer(a_call("connect")) == [
        {**CONNECTED, "eventType": "synchronous", "eventUrl": url("connect", "event")}
    ]


def test_connect_omits_from_if_the_stack_has_no_number() -> None:
    (action,) = connect.answer(a_call("connect", VONAGE_NUMBER=""))

    assert "from" not in action


def test_connect_announces_that_the_line_is_busy() -> None:
    event = event_of({"status": "busy"})

    assert "busy" in heard(connect.event(a_call("connect"), event))


@pytest.mark.parametrize("status", ["timeout", "failed", "rejected", "unanswered"])
def test_connect_announces_that_there_is_no_answer(status: str) -> None:
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
def test_connect_ignores_any_other_status(status: str) -> None:
    assert connect.event(a_call("connect"), event_of({"status": status})) is None


@pytest.mark.parametrize("flow", [connect, record_call, record_split])
def test_without_a_second_number_the_caller_hears_an_announcement(flow: Any) -> None:
    ncco = flow.answer(a_call("connect", SECOND_NUMBER=""))

    assert actions(ncco) == ["talk"]
    assert "not connected" in heard(ncco)


# agent

BOT = "wss://bot.example.com/ws"
RINGS = [
    {"action": "talk", "text": "I am putting you through."},
    {
        **CONNECTED,
        "timeout": 20,
        "eventType": "synchronous",
        "eventUrl": url("agent", "event", side="person"),
    },
]


def test_agent_greets_and_connects_the_agent_with_nothing_after_it() -> None:
    greeting, connected = agent.answer(a_call("agent", AGENT=BOT))

    assert greeting == {"action": "talk", "text": "Hello. One moment, please."}
    assert connected["endpoint"][0]["uri"] == BOT
    assert connected["eventType"] == "synchronous"
    assert connected["eventUrl"] == url("agent", "event", side="agent")


def test_without_an_agent_a_person_is_rung() -> None:
    assert agent.answer(a_call("agent")) == RINGS


def test_without_an_agent_and_a_person_a_message_is_recorded() -> None:
    ncco = agent.answer(a_call("agent", SECOND_NUMBER=""))

    assert actions(ncco) == ["talk", "record", "talk"]


GONE = ["disconnected", "failed", "unanswered", "timeout", "rejected", "busy"]


@pytest.mark.parametrize("status", GONE)
def test_after_the_agent_a_person_is_rung(status: str) -> None:
    call = a_call("agent", state={"side": "agent"}, AGENT=BOT)

    assert agent.event(call, event_of({"status": status})) == RINGS


@pytest.mark.parametrize("status", GONE)
def test_after_the_person_a_message_is_recorded(status: str) -> None:
    call = a_call("agent", state={"side": "person"}, AGENT=BOT)

    assert actions(agent.event(call, event_of({"status": status}))) == ["talk", "record", "talk"]


@pytest.mark.parametrize("status", ["started", "ringing", "answered", "completed", "cancelled"])
@pytest.mark.parametrize("side", ["agent", "person"])
def test_any_other_status_of_a_side_is_ignored(status: str, side: str) -> None:
    call = a_call("agent", state={"side": side}, AGENT=BOT)

    assert agent.event(call, event_of({"status": status})) is None


def test_events_of_the_callers_own_leg_are_ignored() -> None:
    assert agent.event(a_call("agent", AGENT=BOT), event_of({"status": "failed"})) is None


# conference


def test_conference_makes_an_announcement_and_joins_the_conversation() -> None:
    assert conference.answer(a_call("conference", CONFERENCE_NAME="lobby")) == [
        {"action": "talk", "text": "Please wait while we connect you to the conference."},
        {"action": "conversation", "name": "lobby"},
    ]


# dtmf_menu


def press(digits: str | None, attempt: int = 1, second_number: str = SECOND) -> NCCO:
    call = a_call("dtmf_menu", state={"attempt": str(attempt)}, SECOND_NUMBER=second_number)
    fields = {"dtmf": {"digits": digits, "timed_out": not digits}, "speech": {"results": []}}
    return dtmf_menu.dtmf(call, input_of(fields))


def is_menu_again(ncco: NCCO, attempt: int) -> bool:
    return actions(ncco) == ["talk", "input"] and ncco[1]["eventUrl"] == url(
        "dtmf_menu", "dtmf", attempt=attempt
    )


def test_the_menu_greets_and_asks_for_one_digit() -> None:
    greeting, question = dtmf_menu.answer(a_call("dtmf_menu"))

    assert greeting["text"].startswith("Hello")
    assert question == {
        "action": "input",
        "type": ["dtmf"],
        "dtmf": {"timeOut": 5, "maxDigits": 1},
        "eventUrl": url("dtmf_menu", "dtmf", attempt=1),
    }


def test_a_digit_can_interrupt_the_menu() -> None:
    assert dtmf_menu.answer(a_call("dtmf_menu"))[0]["bargeIn"] is True


def test_digit_1_announces_the_opening_hours_and_ends() -> None:
    assert actions(press("1")) == ["talk"]
    assert "open" in heard(press("1"))


def test_digit_2_announces_the_address_and_ends() -> None:
    assert actions(press("2")) == ["talk"]
    assert "Street" in heard(press("2"))


def test_digit_0_connects_to_the_second_number() -> None:
    assert press("0")[1:] == [CONNECTED, NO_ANSWER]


def test_digit_0_without_a_second_number_repeats_the_menu() -> None:
    ncco = press("0", second_number="")

    assert is_menu_again(ncco, attempt=2)
    assert "nobody to speak to" in heard(ncco)


@pytest.mark.parametrize("digit", ["3", "9", "*", "#", "11", "12"])
def test_a_wrong_digit_repeats_the_menu(digit: str) -> None:
    ncco = press(digit)

    assert is_menu_again(ncco, attempt=2)
    assert "not one of the choices" in heard(ncco)


@pytest.mark.parametrize("digits", ["", None])
def test_no_digit_repeats_the_menu(digits: str | None) -> None:
    ncco = press(digits)

    assert is_menu_again(ncco, attempt=2)
    assert "did not hear" in heard(ncco)


def test_the_menu_is_read_three_times() -> None:
    assert is_menu_again(press("9", attempt=2), attempt=3)


@pytest.mark.parametrize("digits", ["9", "", "0"])
@pytest.mark.parametrize("attempt", [3, 4, 99])
def test_after_the_third_attempt_the_menu_ends_the_call(digits: str, attempt: int) -> None:
    ncco = press(digits, attempt, second_number="")

    assert actions(ncco) == ["talk"]
    assert "Goodbye" in heard(ncco)


@pytest.mark.parametrize("digit", ["1", "2", "0"])
def test_a_valid_digit_on_the_third_attempt_is_accepted(digit: str) -> None:
    assert press(digit, attempt=3) == press(digit)


@pytest.mark.parametrize("attempt", ["0", "-1", "x", "", "100", "001" + "0" * 5000, "٣", "1.5"])
def test_an_invalid_attempt_counts_as_the_first(attempt: str) -> None:
    call = a_call("dtmf_menu", state={"attempt": attempt})

    assert is_menu_again(dtmf_menu.dtmf(call, input_of({"dtmf": "9"})), attempt=2)


# speech


def speak(speech_part: object, attempt: int = 1) -> NCCO:
    call = a_call("speech", state={"attempt": str(attempt)})
    fields = {"speech": speech_part, "dtmf": {"digits": None, "timed_out": False}}
    return speech.asr(call, input_of(fields))


def transcript(text: str, confidence: object = "0.9") -> dict[str, object]:
    return {"text": text, "confidence": confidence}


def test_speech_asks_and_listens() -> None:
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


def test_speech_repeats_the_transcript() -> None:
    ncco = speak({"results": [transcript("good morning")]})

    assert actions(ncco) == ["talk"]
    assert "you said good morning." in heard(ncco)


def test_speech_uses_the_most_likely_transcript() -> None:
    transcripts = [
        transcript("ice cream", "0.5"),
        transcript("I scream", "0.91"),
        transcript("eyes", 0.2),
    ]

    assert "you said I scream." in heard(speak({"results": transcripts}))


def test_speech_escapes_ssml_in_the_transcript() -> None:
    assert "you said &lt;break/&gt; &amp; &quot;hi&quot;." in heard(
        speak({"results": [transcript('<break/> & "hi"')]})
    )


@pytest.mark.parametrize("text", ["word " * 20_000, "'" * 100_000], ids=["words", "quotes"])
def test_speech_truncates_a_long_transcript(text: str) -> None:
    ncco = speak({"results": [transcript(text)]})

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
        {"results": [transcript("")]},
        {"results": [transcript(" ")]},
        {"results": [transcript("\x00\ud800")]},
        None,
    ],
    ids=str,
)
def test_without_a_transcript_speech_asks_again(speech_part: object) -> None:
    ncco = speak(speech_part)

    assert actions(ncco) == ["talk", "input"]
    assert "didn't understand" in heard(ncco)
    assert ncco[1]["eventUrl"] == url("speech", "asr", attempt=2)


def test_after_silence_speech_says_that_it_heard_nothing() -> None:
    ncco = speak({"timeout_reason": "start_timeout", "results": []}, attempt=2)

    assert "did not hear" in heard(ncco)
    assert ncco[1]["eventUrl"] == url("speech", "asr", attempt=3)


@pytest.mark.parametrize("attempt", [3, 4, 99])
def test_after_the_third_attempt_speech_ends_the_call(attempt: int) -> None:
    ncco = speak({"results": []}, attempt)

    assert actions(ncco) == ["talk"]
    assert "Goodbye" in heard(ncco)


# record_call, record_split, record_conversation, voicemail


def test_record_call_announces_records_and_connects() -> None:
    ncco = record_call.answer(a_call("record_call"))

    assert "recorded" in ncco[0]["text"]
    assert ncco[1:] == [
        {"action": "record", "eventUrl": url("record_call", "recordings")},
        CONNECTED,
        NO_ANSWER,
    ]


def test_record_split_announces_records_two_channels_and_connects() -> None:
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
        NO_ANSWER,
    ]


def test_record_conversation_announces_records_and_joins() -> None:
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


def test_voicemail_records_until_silence_or_the_hash_key() -> None:
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
            "eventUrl": url("voicemail", "recordings", purpose="voicemail"),
        },
        {"action": "talk", "text": "Thank you for your message. Goodbye."},
    ]


# track_progress


def test_track_progress_notifies_between_two_talk_actions() -> None:
    ncco = track_progress.answer(a_call("track_progress"))

    assert actions(ncco) == ["talk", "notify", "talk"]
    assert ncco[1] == {
        "action": "notify",
        "payload": {"stage": "greeted"},
        "eventUrl": url("track_progress", "notification"),
    }


def test_the_notification_gets_another_ncco() -> None:
    ncco = track_progress.notification(a_call("track_progress"), {"stage": "greeted"})

    assert heard(ncco) == "Your notification has been received, loud and clear."
