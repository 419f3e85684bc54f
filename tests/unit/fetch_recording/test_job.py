"""What a message asks for, as the webhook put it on the queue."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from fetch_recording import job
from fetch_recording.errors import PermanentFailure
from fetch_recording.settings import from_environment
from records.event import event_item, parse_event
from tests.support.recording_stack import message
from tests.support.webhooks import conversation, keys, recorded, status
from voicekit.settings import SettingsError


def test_the_event_of_a_get_request_is_read_without_our_own_parameters() -> None:
    fields = recorded(conversation())
    query = "flow=voicemail&" + urlencode(fields)
    told = {"method": "GET", "body": query, "own": ["flow"], "received_at": 1.5}
    read = job.read(json.dumps(told), 30)
    assert (read.url, read.size) == (fields["recording_url"], fields["size"])
    assert (read.item["method"], read.item["body"]) == ("GET", query)


def test_the_item_of_the_event_is_the_one_that_every_event_has() -> None:
    fields = recorded(conversation())
    read = job.read(message(fields, received_at=1.5), 30)
    assert read.item == event_item(parse_event(fields), json.dumps(fields), "POST", 1.5, 30)


def test_the_place_of_a_recording_follows_from_its_event_alone() -> None:
    of = conversation()
    first, second = recorded(of), recorded(of, size=1, timestamp="2026-03-30T00:00:00.000Z")
    assert job.read(message(first), 30).place == job.read(message(second), 30).place


@pytest.mark.parametrize("name", [None, "../../x", "a/b", "", "ü", 7])
def test_a_conversation_that_cannot_be_part_of_a_key_is_unknown(name: object) -> None:
    read = job.read(message(recorded("x", conversation_uuid=name)), 30)
    assert read.place.object_key.startswith("recordings/unknown/")


@pytest.mark.parametrize("time", [None, "", 7, "x" * 50, "2026\r\nx: y", "ü"])
def test_a_time_that_cannot_stand_in_metadata_is_left_out(time: object) -> None:
    read = job.read(message(recorded(conversation(), start_time=time)), 30)
    assert set(read.told) == {"end_time"}


@pytest.mark.parametrize("size", [None, "x", -1, 1.5, True, [], "9" * 20])
def test_a_size_that_is_none_is_not_known(size: object) -> None:
    assert job.read(message(recorded(conversation(), size=size)), 30).size is None


@pytest.mark.parametrize("fields", [status("CON-1"), keys("CON-1"), {}])
def test_an_event_that_reports_no_recording_is_no_job(fields: dict[str, object]) -> None:
    with pytest.raises(PermanentFailure) as raised:
        job.read(message(fields), 30)
    assert raised.value.reason == "malformed"


def test_every_setting_that_is_missing_or_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        from_environment({"TABLE_NAME": "t", "KEEP_EVENTS_DAYS": "0"})
    said = str(raised.value)
    assert "TABLE_NAME" not in said
    for name in ("BUCKET_NAME", "APPLICATION_SECRET_ID", "KEEP_EVENTS_DAYS", "RETRY_SECONDS"):
        assert name in said
