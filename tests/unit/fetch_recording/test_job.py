"""Parsing the queue messages of the webhook functions."""

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


def test_the_event_of_a_get_request_excludes_our_own_parameters() -> None:
    fields = recorded(conversation())
    query = "flow=voicemail&" + urlencode(fields)
    queued = {"method": "GET", "body": query, "own": ["flow"], "received_at": 1.5}
    parsed = job.parse(json.dumps(queued), 30)
    assert (parsed.url, parsed.size) == (fields["recording_url"], fields["size"])
    assert (parsed.item["method"], parsed.item["body"]) == ("GET", query)


def test_the_event_item_is_built_as_for_any_other_event() -> None:
    fields = recorded(conversation())
    parsed = job.parse(message(fields, received_at=1.5), 30)
    assert parsed.item == event_item(parse_event(fields), json.dumps(fields), "POST", 1.5, 30)


def test_the_key_depends_only_on_the_recording_and_its_conversation() -> None:
    of = conversation()
    first, second = recorded(of), recorded(of, size=1, timestamp="2026-03-30T00:00:00.000Z")
    assert job.parse(message(first), 30).key == job.parse(message(second), 30).key


@pytest.mark.parametrize("name", [None, "../../x", "a/b", "", "ü", 7])
def test_an_invalid_conversation_id_is_stored_under_unknown(name: object) -> None:
    parsed = job.parse(message(recorded("x", conversation_uuid=name)), 30)
    assert parsed.key.object_key.startswith("recordings/unknown/")


@pytest.mark.parametrize("time", [None, "", 7, "x" * 50, "2026\r\nx: y", "ü"])
def test_a_time_that_is_not_valid_metadata_is_omitted(time: object) -> None:
    parsed = job.parse(message(recorded(conversation(), start_time=time)), 30)
    assert set(parsed.times) == {"end_time"}


@pytest.mark.parametrize("size", [None, "x", -1, 1.5, True, [], "9" * 20])
def test_an_invalid_size_is_ignored(size: object) -> None:
    assert job.parse(message(recorded(conversation(), size=size)), 30).size is None


@pytest.mark.parametrize("fields", [status("CON-1"), keys("CON-1"), {}])
def test_an_event_without_a_recording_is_malformed(fields: dict[str, object]) -> None:
    with pytest.raises(PermanentFailure) as raised:
        job.parse(message(fields), 30)
    assert raised.value.reason == "malformed"


def test_every_missing_or_invalid_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        from_environment({"TABLE_NAME": "t", "KEEP_EVENTS_DAYS": "0"})
    text = str(raised.value)
    assert "TABLE_NAME" not in text
    for name in ("BUCKET_NAME", "APPLICATION_SECRET_ID", "KEEP_EVENTS_DAYS", "RETRY_SECONDS"):
        assert name in text
