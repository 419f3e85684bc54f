"""Events and mails of played calls, from the webhook to the event bus and the outbox."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from local.stack_file import read
from local.testing.phone import Phone
from local.testing.platform_thread import PlatformThread

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NUMBER = "447700900100"
_LINK = re.compile(r"http://\S+/listen/\S+")


@pytest.fixture
def faults(voice_platform: PlatformThread) -> Iterator[Any]:
    """A function that sets the faults of the simulated Vonage for the test."""

    def put(**faults: Any) -> None:
        voice_platform.run(voice_platform.request("PUT", "/sim/faults", faults))

    yield put
    put()


@pytest.fixture(scope="module")
def transcribing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformThread]:
    """A platform whose line wants transcripts in its mails."""
    board = {"lines": {NUMBER: {"transcript": True}}}
    thread = PlatformThread(ROOT, tmp_path_factory.mktemp("voice"), switchboard=board)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


def test_the_stack_file_names_the_bus_and_its_queues(voice_platform: PlatformThread) -> None:
    content, outputs = read(voice_platform.platform.folder), voice_platform.platform.stack.outputs
    assert content["event_bus"] == outputs["EventBusName"]
    assert content["call_events_queue_url"] == outputs["CallEventsQueueUrl"]
    dead = content["call_events_dead_letter_queue_url"]
    assert dead == outputs["CallEventsDeadLetterQueueUrl"]


def types(phone: Phone) -> list[str]:
    """Return the types of the events without those of a call's begin and end, sorted."""
    always = ("voice.call.started", "voice.call.completed")
    return sorted(one["detail-type"] for one in phone.events if one["detail-type"] not in always)


@pytest.fixture(autouse=True)
def _valid_events(voice_platform: PlatformThread) -> Iterator[None]:
    """Validate every event of the test with its JSON Schema."""
    yield
    for event in voice_platform.platform.outbox.events:
        schema = json.loads((ROOT / "docs" / "events" / f"{event['detail-type']}.json").read_text())
        jsonschema.validate(event["detail"], schema)


def detail(phone: Phone, name: str) -> dict[str, Any]:
    """Return the detail of the one event of a type."""
    (found,) = [one["detail"] for one in phone.events if one["detail-type"] == name]
    return dict(found)


def get(url: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.headers.get_content_type(), response.read()


def test_a_call_has_the_events_started_and_completed(phone: Phone) -> None:
    call = phone.call("greet")
    assert call.is_over
    started = detail(phone, "voice.call.started")
    completed = detail(phone, "voice.call.completed")
    for one in (started, completed):
        assert (one["from"], one["to"]) == (call.number, phone.vonage_number)
        assert one["direction"] == "inbound"
    assert completed["result"] == "alone"
    assert started["uuid"] == completed["uuid"]
    assert started["id"] != completed["id"]


def test_a_running_call_has_only_started(phone: Phone) -> None:
    call = phone.call("dtmf_menu")
    assert not call.is_over
    assert [one["detail-type"] for one in phone.events] == ["voice.call.started"]


def test_a_call_that_somebody_takes_is_connected_and_has_no_mail(phone: Phone) -> None:
    phone.callee().answers(says="Hello?")
    phone.call("reception").hang_up()
    completed = detail(phone, "voice.call.completed")
    assert (completed["result"], completed["missed"]) == ("connected", False)
    assert phone.mails == []


def test_hanging_up_while_it_rings_is_one_missed_call_with_one_mail(phone: Phone) -> None:
    phone.callee().rings()
    call = phone.call("reception")
    call.hang_up()
    completed = detail(phone, "voice.call.completed")
    assert (completed["result"], completed["missed"]) == ("unanswered", True)
    (mail,) = phone.mails
    assert mail.subject == f"Missed call from {call.number}"
    assert mail.line == phone.vonage_number
    assert _LINK.search(mail.text) is None


def test_a_message_is_a_voicemail_with_one_mail_whose_link_plays_it(phone: Phone) -> None:
    phone.callee().does_not_answer()
    call = phone.call("reception").say("Please call me back, it is about the oven.").press("#")
    assert call.is_over
    (recording,) = call.recordings
    left = detail(phone, "voice.voicemail.left")
    assert left["recording_uuid"] == recording.uuid
    assert (left["from"], left["to"]) == (call.number, phone.vonage_number)
    assert types(phone) == ["voice.voicemail.left"]
    (mail,) = phone.mails
    assert re.fullmatch(rf"Voicemail from {call.number} \(0:\d\d\)", mail.subject)
    (link,) = _LINK.findall(mail.text)
    assert get(link) == (recording.content_type, recording.content)


def test_a_changed_link_is_not_found(phone: Phone) -> None:
    phone.callee().does_not_answer()
    phone.call("reception").say("Please call me back, it is about the oven.").press("#")
    (link,) = _LINK.findall(phone.mails[0].text)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(link[:-1] + ("A" if link[-1] != "A" else "B"))


def test_a_recorded_conversation_is_a_recording_without_a_mail(phone: Phone) -> None:
    phone.callee().answers(says="Hello?")
    call = phone.call("record_call")
    call.say("It is me").hang_up()
    assert types(phone) == ["voice.recording.stored"]
    assert phone.mails == []


def test_a_recording_that_cannot_be_fetched_is_told(phone: Phone, faults: Any) -> None:
    faults(record_empty=1)
    phone.callee().does_not_answer()
    phone.call("reception").say("Please call me back").press("#")
    assert detail(phone, "voice.recording.failed")["reason"]
    assert "A message could not be fetched" in [mail.subject for mail in phone.mails]


def test_a_transcript_is_told_and_in_the_only_mail(transcribing: PlatformThread) -> None:
    phone = Phone(transcribing)
    phone.callee().does_not_answer()
    phone.call("reception", to=NUMBER).say("Please call me back about the oven").press("#")
    assert types(phone) == ["voice.transcript.stored", "voice.voicemail.left"]
    (mail,) = phone.mails
    assert "Please call me back about the oven" in mail.text
    assert mail.line == NUMBER
    phone.reset()


def test_webhooks_that_arrive_twice_are_told_once(phone: Phone, faults: Any) -> None:
    faults(duplicate_delivery=1)
    phone.callee().rings()
    phone.call("reception").hang_up()
    ids = [one["detail"]["id"] for one in phone.events]
    assert len(ids) == len(set(ids)) == 2
    assert len(phone.mails) == 1
