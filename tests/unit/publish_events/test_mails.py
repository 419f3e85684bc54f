"""The mails: which call gets which one, what it says, and the two that must not both come."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from publish_events.mail_text import MailFacts, flow_failed, lost, missed, voicemail
from tests.support.function_process import FunctionProcesses
from tests.support.publish_stack import seconds
from tests.support.webhooks import CALLED, CALLER, conversation, recorded
from tests.unit.publish_events.conftest import PACKAGES, PublishHarness, call
from voicekit.signed_token import read_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.publish_stack import PublishStack

STORED = "2026-03-29T21:20:40.000"
STORED_AT = seconds(STORED)
VOICEMAIL = {"purpose": "voicemail", "line": CALLED, "flow": "reception"}
FACTS = MailFacts(CALLER, CALLED, STORED)
LINE = {
    CALLED: {
        "opening": {"time_zone": "Europe/Berlin", "hours": {"monday": ["09:00-17:00"]}},
        "blocked": ["44999*", "withheld"],
    }
}


def leg() -> str:
    return uuid.uuid4().hex


def a_message(stack: PublishStack, of: str, **changes: Any) -> dict[str, Any]:
    """Store the event and the item of a message, and return the record of the item."""
    recording = f"r-{uuid.uuid4()}"
    stack.event(recorded(of, recording_uuid=recording, start_time="2026-03-29T21:20:25Z"))
    return stack.recording(of, recording, STORED_AT, **{**VOICEMAIL, **changes})


@pytest.fixture(scope="module")
def with_lines(stack: PublishStack) -> Iterator[FunctionProcesses]:
    name = stack.set_switchboard({"lines": LINE})
    with FunctionProcesses(stack.environment(SWITCHBOARD_SECRET_ID=name), PACKAGES) as started:
        yield started


@pytest.fixture
def lined(harness: PublishHarness, with_lines: FunctionProcesses) -> PublishHarness:
    """The function where the called number is a business line."""
    return PublishHarness(harness.stack, with_lines)


def subjects(harness: PublishHarness) -> list[str]:
    return [one.subject for one in harness.stack.mails()]


# Missed calls


def test_a_missed_call_sends_one_mail(harness: PublishHarness) -> None:
    harness.run(*call(harness.stack, leg=leg()))
    (mail,) = harness.stack.mails()
    assert mail.subject == f"Missed call from {CALLER}"
    assert mail.line == CALLED
    assert mail.text == (
        "Nobody took a call, and the caller left no message.\n\n"
        f"From: +{CALLER}\nTo: +{CALLED}\nAt: 2026-03-29 21:20 (UTC)\nRung: 1 number\n\n"
        f"Call back: tel:+{CALLER}\n"
    )


def test_the_time_of_a_mail_is_that_of_the_lines_time_zone(lined: PublishHarness) -> None:
    lined.run(*call(lined.stack, leg=leg(), rung=False))  # a line is missed, rung or not
    (mail,) = lined.stack.mails()
    assert "At: 2026-03-29 23:20 (Europe/Berlin)\nRung: 0 numbers\n" in mail.text


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        ({"DEFAULT_FLOW": "reception"}, ["Missed call from 447700900123"]),
        ({"NUMBER_FLOWS": f"{CALLED}=reception"}, ["Missed call from 447700900123"]),
        ({"DEFAULT_FLOW": "greet"}, []),
    ],
)
def test_only_a_number_that_people_answer_is_missed_without_ringing(
    harness: PublishHarness, flows: dict[str, str], expected: list[str]
) -> None:
    with FunctionProcesses(harness.stack.environment(**flows), PACKAGES) as functions:
        other = PublishHarness(harness.stack, functions)
        other.run(*call(other.stack, leg=leg(), rung=False))
        assert subjects(other) == expected


@pytest.mark.parametrize("caller", ["449991234567", None, "anonymous"])
def test_a_blocked_caller_sends_no_mail_but_events(
    lined: PublishHarness, caller: str | None
) -> None:
    of, own = conversation(), leg()
    records = call(lined.stack, of=of, leg=own, caller=caller)
    recording = a_message(lined.stack, of)
    lined.run(*records, recording, lined.stack.lost(of, f"r-{uuid.uuid4()}", **VOICEMAIL))
    assert lined.stack.mails() == []
    types = {one["detail-type"] for one in lined.stack.events()}
    assert {"voice.call.completed", "voice.voicemail.left", "voice.recording.failed"} <= types


# Voicemail


def test_a_message_sends_its_mail_and_none_about_the_missed_call(harness: PublishHarness) -> None:
    of, own = conversation(), leg()
    records = call(harness.stack, of=of, leg=own)
    harness.run(*records, a_message(harness.stack, of))
    (mail,) = harness.stack.mails()
    assert mail.subject == f"Voicemail from {CALLER} (0:23)"
    assert mail.line == CALLED
    link = "https://voice.example.com/listen/"
    assert re.sub(r"[\w.-]+(?=\nThe link)", "TOKEN", mail.text) == (
        "A caller left a message.\n\n"
        f"From: +{CALLER}\nTo: +{CALLED}\nAt: 2026-03-29 21:20 (UTC)\nLength: 0:23\n\n"
        f"Listen: {link}TOKEN\nThe link works for 30 days, for everybody who has it.\n\n"
        f"Call back: tel:+{CALLER}\n"
    )


def test_the_link_of_a_mail_names_its_recording_for_thirty_days(harness: PublishHarness) -> None:
    harness.run(a_message(harness.stack, of := conversation()))
    (mail,) = harness.stack.mails()
    (token,) = re.findall(r"/listen/(\S+)", mail.text)
    secrets = [json.loads(harness.stack.account.secret_string())["signature_secret"]]
    last = STORED_AT + 30 * 86400
    claims = read_token(token, secrets, "listen", None, last - 1)
    assert claims.subject.startswith(f"recordings/{of}/r-")
    assert claims.data == {}
    with pytest.raises(Exception, match="expired"):
        read_token(token, secrets, "listen", None, last)


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1.9, "Missed call"), (2.0, "Voicemail"), (None, "Voicemail")],
)
def test_a_caller_who_hangs_up_at_the_tone_is_a_missed_call(
    harness: PublishHarness, length: float | None, expected: str
) -> None:
    of = conversation()
    records = call(harness.stack, of=of, leg=leg())
    harness.run(*records, a_message(harness.stack, of, seconds=length))
    assert [one.partition(" from")[0] for one in subjects(harness)] == [expected]


def test_another_recording_hides_no_missed_call(harness: PublishHarness) -> None:
    of = conversation()
    records = call(harness.stack, of=of, leg=leg())
    harness.run(*records, a_message(harness.stack, of, purpose="other"))
    assert subjects(harness) == [f"Missed call from {CALLER}"]


def test_a_message_that_could_not_be_fetched_sends_its_mail_only(harness: PublishHarness) -> None:
    of, recording = conversation(), f"r-{uuid.uuid4()}"
    records = call(harness.stack, of=of, leg=leg())
    harness.stack.event(recorded(of, recording_uuid=recording, start_time="2026-03-29T21:20:25Z"))
    harness.run(*records, harness.stack.lost(of, recording, **VOICEMAIL))
    (mail,) = harness.stack.mails()
    assert mail.subject == "A message could not be fetched"
    assert f"From: +{CALLER}\n" in mail.text
    assert "Reason: gone\n" in mail.text


def test_a_lost_recording_that_is_no_message_sends_no_mail(harness: PublishHarness) -> None:
    harness.run(harness.stack.lost(conversation(), f"r-{uuid.uuid4()}"))
    assert harness.stack.mails() == []


def test_a_message_whose_caller_is_not_stored_is_not_blocked(lined: PublishHarness) -> None:
    """The line blocks callers who withhold their number, and this one is not known to do so."""
    lined.run(a_message(lined.stack, conversation()))
    assert subjects(lined) == ["Voicemail from an unknown number (0:23)"]


# The transcript


def transcript(stack: PublishStack, of: str, recording: str, after: float) -> dict[str, Any]:
    """Store a transcript so many seconds after the recording, and return its record."""
    said = {"channels": [{"transcript": [{"sentence": "Please call."}, {"sentence": "Thanks."}]}]}
    stack.store_object(f"transcripts/{of}/{recording}", json.dumps(said).encode())
    return stack.recording(of, recording, STORED_AT + after, kind="transcription", seconds=None)


def waiting_mail(recording: str) -> dict[str, Any]:
    return {"what": "mail", "about": "voicemail", "recording": recording, "waited": True}


def recording_of(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["NewImage"]["recording"]["S"])


def publish_stream(harness: PublishHarness, record: dict[str, Any]) -> None:
    """Deliver a record and the message that follows, but not the mail."""
    assert harness.receive_stream(record) == []
    assert harness.receive_queue(*harness.stack.queued()) == []


@pytest.mark.parametrize(
    ("after", "sent_by"),
    [(-1.0, "recording"), (0.0, "transcript"), (110.0, "transcript"), (110.1, "wait")],
)
def test_exactly_one_path_sends_the_mail_of_a_message_with_a_transcript(
    harness: PublishHarness, after: float, sent_by: str
) -> None:
    """All three paths run once everything is stored, which is their hardest order."""
    stack, of = harness.stack, conversation()
    record = a_message(stack, of, expects_transcript=1)
    recording = recording_of(record)
    publish_stream(harness, transcript(stack, of, recording, after))
    now = len(stack.queued())
    assert now == (sent_by == "transcript")
    publish_stream(harness, record)
    now, later = len(stack.queued()), stack.waiting()
    assert (now, later) == ((1, 0) if sent_by == "recording" else (0, 1))
    if later:
        assert harness.receive_queue(waiting_mail(recording)) == []
        assert len(stack.mails()) == (sent_by == "wait")


def test_the_mail_of_a_transcript_says_what_was_said(harness: PublishHarness) -> None:
    stack, of = harness.stack, conversation()
    recording = recording_of(a_message(stack, of, expects_transcript=1))
    harness.run(transcript(stack, of, recording, 12.0))
    (mail,) = stack.mails()
    assert "\n\nTranscript:\nPlease call. Thanks.\n\nListen: " in mail.text


def test_a_mail_that_waited_for_no_transcript_comes_without(harness: PublishHarness) -> None:
    recording = recording_of(a_message(harness.stack, conversation(), expects_transcript=1))
    assert harness.receive_queue(waiting_mail(recording)) == []
    (mail,) = harness.stack.mails()
    assert "Transcript" not in mail.text


@pytest.mark.parametrize("content", [None, b"not JSON", b"[]", b'{"channels": [{}]}', b"{}"])
def test_a_transcript_that_cannot_be_read_does_not_hold_up_the_mail(
    harness: PublishHarness, content: bytes | None
) -> None:
    stack, of = harness.stack, conversation()
    recording = recording_of(a_message(stack, of, expects_transcript=1))
    record = stack.recording(of, recording, STORED_AT + 9, kind="transcription", seconds=None)
    if content is not None:
        stack.store_object(f"transcripts/{of}/{recording}", content)
    harness.run(record)
    (mail,) = stack.mails()
    assert "Transcript" not in mail.text


def test_a_transcript_that_nobody_waits_for_sends_no_mail(harness: PublishHarness) -> None:
    stack, of = harness.stack, conversation()
    recording = recording_of(a_message(stack, of))
    harness.run(transcript(stack, of, recording, 12.0))
    harness.run(transcript(stack, of, f"r-{uuid.uuid4()}", 12.0))
    assert stack.mails() == []


# Flows that fail


ALARM = {
    "version": "0",
    "source": "aws.cloudwatch",
    "detail-type": "CloudWatch Alarm State Change",
    "time": "2026-03-29T21:20:40Z",
    "detail": {"alarmName": "voice-apologies", "state": {"value": "ALARM"}},
}


def test_the_alarm_of_failed_flows_sends_a_mail(harness: PublishHarness) -> None:
    assert harness.receive_queue(ALARM) == []
    (mail,) = harness.stack.mails()
    assert (mail.subject, mail.line) == ("A call flow failed", None)
    assert "At: 2026-03-29 21:20 (UTC)\n" in mail.text


# Failures, and nobody to tell


@pytest.mark.parametrize("fault", ["throttle", "refuse", "cut"])
def test_a_mail_that_fails_repeats_no_event(harness: PublishHarness, fault: Any) -> None:
    assert harness.receive_stream(a_message(harness.stack, conversation())) == []
    assert harness.receive_queue(*harness.stack.queued()) == []
    (mail,) = harness.stack.queued()
    assert len(harness.stack.events()) == 1
    harness.stack.aws.faults["Publish"] = fault
    assert harness.receive_queue(mail) == ["0"]
    harness.stack.aws.reset()
    assert harness.receive_queue(mail) == []
    assert len(harness.stack.mails()) == 1
    assert harness.stack.events() == []


def test_mails_are_sent_at_a_pace(harness: PublishHarness) -> None:
    begun = time.monotonic()
    assert harness.receive_queue(ALARM, ALARM, ALARM) == []
    assert time.monotonic() - begun >= 1.5
    assert len(harness.stack.mails()) == 3


def test_a_stack_without_an_address_sends_events_only(harness: PublishHarness) -> None:
    environment = harness.stack.environment(NOTIFICATION_TOPIC_ARN="")
    with FunctionProcesses(environment, PACKAGES) as functions:
        quiet = PublishHarness(harness.stack, functions)
        of = conversation()
        quiet.run(*call(quiet.stack, of=of, leg=leg()), a_message(quiet.stack, of))
        assert quiet.receive_queue(ALARM) == []
    assert len(harness.stack.events()) == 3
    assert harness.stack.mails() == []


def test_a_mail_about_what_was_deleted_is_not_sent(harness: PublishHarness) -> None:
    gone = [{"what": "mail", "about": one, "recording": "r-none"} for one in ("voicemail", "lost")]
    assert harness.receive_queue(*gone) == []
    assert harness.stack.mails() == []


# Texts


@pytest.mark.parametrize(
    ("caller", "shown"),
    [
        ("447700900123", "447700900123"),
        (None, "an unknown number"),
        ("anonymous", "an unknown number"),
        ("Zoë", "an unknown number"),
        ("sip:zoë@example.com", "sip:zo@example.com"),
        ("a" * 200 + "@example.com\r\nBcc: x", "a" * 60),
    ],
)
def test_a_subject_is_short_ascii_of_one_line(caller: str | None, shown: str) -> None:
    facts = FACTS._replace(from_=caller)
    mails = [voicemail(facts, 3723, "https://link", "ü" * 9000), missed(facts, 2)]
    mails += [lost(facts, "gone"), flow_failed(STORED)]
    for mail in mails:
        assert mail.subject.isascii()
        assert mail.subject.isprintable()
        assert len(mail.subject) <= 100
    assert mails[0].subject == f"Voicemail from {shown} (62:03)"
    assert len(mails[0].text) < 2400
    assert ("Call back" in mails[1].text) == (caller == CALLER)


@pytest.mark.parametrize("called", ["sip:bob@example.com\x00\nBcc: x", "", None, "bob"])
def test_only_a_number_is_the_attribute_line(called: str | None) -> None:
    mail = missed(FACTS._replace(to=called), 1)
    assert mail.line is None
    assert "\nBcc" not in mail.text
    assert "\x00" not in mail.text


@pytest.mark.parametrize(
    ("time", "zone"),
    [
        ("0001-01-01T00:00:00Z", "America/New_York"),
        ("9999-12-31T23:00:00Z", "Asia/Tokyo"),
        ("yesterday\nBcc: x", "UTC"),
    ],
)
def test_a_time_that_no_zone_has_is_written_as_it_came(time: str, zone: str) -> None:
    mail = missed(FACTS._replace(time=time, zone=ZoneInfo(zone)), 1)
    assert f"\nAt: {' '.join(time.split())}\n" in mail.text
