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


def job_of(body: str) -> job.Job:
    """Return what a message asks to fetch."""
    queued = job.parse(body, 30)
    assert queued.job is not None
    return queued.job


def test_the_event_of_a_get_request_excludes_our_own_parameters() -> None:
    fields = recorded(conversation())
    query = "flow=voicemail&" + urlencode(fields)
    queued = {"method": "GET", "body": query, "own": ["flow"], "received_at": 1.5}
    found = job_of(json.dumps(queued))
    assert (found.url, found.size) == (fields["recording_url"], fields["size"])
    item = job.parse(json.dumps(queued), 30).item
    assert (item["method"], item["body"]) == ("GET", query)


def test_the_event_item_is_built_as_for_any_other_event() -> None:
    fields = recorded(conversation())
    parsed = job.parse(message(fields, received_at=1.5), 30)
    assert parsed.item == event_item(parse_event(fields), json.dumps(fields), "POST", 1.5, 30)


def test_the_key_depends_only_on_the_recording_and_its_conversation() -> None:
    of = conversation()
    first, second = recorded(of), recorded(of, size=1, timestamp="2026-03-30T00:00:00.000Z")
    assert job_of(message(first)).key == job_of(message(second)).key


@pytest.mark.parametrize("name", [None, "../../x", "a/b", "", "ü", 7, ".", ".."])
def test_an_invalid_conversation_id_is_stored_under_unknown(name: object) -> None:
    found = job_of(message(recorded("x", conversation_uuid=name)))
    assert found.key.object_key.startswith("recordings/unknown/")


@pytest.mark.parametrize("name", ["...", "..a", ".a", "a.b", "-"])
def test_an_id_that_is_not_a_path_segment_is_part_of_the_key(name: str) -> None:
    found = job_of(message(recorded(name, recording_uuid=name)))
    assert found.key.object_key == f"recordings/{name}/{name}"


@pytest.mark.parametrize("time", [None, "", 7, "x" * 50, "2026\r\nx: y", "ü"])
def test_a_time_that_is_not_valid_metadata_is_omitted(time: object) -> None:
    assert set(job_of(message(recorded(conversation(), start_time=time))).times) == {"end_time"}


@pytest.mark.parametrize("size", [None, "x", -1, 1.5, True, [], "9" * 20])
def test_an_invalid_size_is_ignored(size: object) -> None:
    assert job_of(message(recorded(conversation(), size=size))).size is None


@pytest.mark.parametrize(
    "fields",
    [status("CON-1"), keys("CON-1"), {}]
    + [recorded("CON-1", recording_uuid=name) for name in (None, 7, "", ".", "..", "../../x", "ü")],
)
def test_an_event_without_a_valid_recording_is_only_stored(fields: dict[str, object]) -> None:
    queued = job.parse(message(fields, received_at=1.5), 30)
    assert queued.job is None
    assert queued.item == event_item(parse_event(fields), json.dumps(fields), "POST", 1.5, 30)


@pytest.mark.parametrize("body", ["", "[]", '{"method": "POST", "body": "{}"}'])
def test_a_message_of_another_sender_is_malformed(body: str) -> None:
    with pytest.raises(PermanentFailure) as raised:
        job.parse(body, 30)
    assert raised.value.reason == "malformed"


def test_every_missing_or_invalid_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        from_environment({"TABLE_NAME": "t", "KEEP_EVENTS_DAYS": "0"})
    text = str(raised.value)
    assert "TABLE_NAME" not in text
    for name in ("BUCKET_NAME", "APPLICATION_SECRET_ID", "KEEP_EVENTS_DAYS", "RETRY_SECONDS"):
        assert name in text


LABELED = {"purpose": "voicemail", "line": "442079460000", "flow": "reception", "transcript": "1"}


@pytest.mark.parametrize(
    ("state", "labels"),
    [
        ({}, {}),
        (
            LABELED,
            {
                "purpose": "voicemail",
                "line": "442079460000",
                "flow": "reception",
                "expects_transcript": 1,
            },
        ),
        ({"purpose": "greeting", "line": "", "flow": "../x", "transcript": "yes"}, {}),
        ({"line": "tel:+44", "flow": "x" * 65, "signed": "a.b.c", "attempt": "2"}, {}),
    ],
)
def test_the_url_of_a_recording_labels_it(state: dict[str, str], labels: dict[str, object]) -> None:
    assert job_of(message(recorded(conversation()), state=state)).labels == labels


@pytest.mark.parametrize("state", [None, [], "voicemail", {"purpose": 7, "line": None}])
def test_a_message_without_usable_parameters_has_no_labels(state: object) -> None:
    queued = json.loads(message(recorded(conversation()))) | {"state": state}
    assert job_of(json.dumps(queued)).labels == {}
    del queued["state"]  # as versions before this one sent it
    assert job_of(json.dumps(queued)).labels == {}
