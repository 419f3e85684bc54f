"""Steering a call: what Vonage is asked, and what becomes of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.calls.api_harness import CONVERSATION, HERE, LEG, VonageRequest, answer

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

CALL = f"/v1/calls/{LEG}"
NCCO = [{"action": "talk", "text": "This is a transfer."}]
NOT_READY = {"type": "BAD_REQUEST", "error_title": "Bad Request"}


@pytest.mark.parametrize("action", ["hangup", "mute", "unmute", "earmuff", "unearmuff"])
def test_an_action_is_passed_on(stage: ApiHarness, action: str) -> None:
    assert stage.change({"action": action}).status == 204
    assert stage.vonage.asked == [VonageRequest("PUT", CALL, "", {"action": action})]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"ncco": NCCO}, {"ncco": NCCO}),
        ({"type": "ncco", "ncco": NCCO}, {"ncco": NCCO}),
        ({"flow": "voicemail"}, {"url": [f"{HERE}/webhooks/answer?flow=voicemail"]}),
        ({"url": [f"{HERE}/webhooks/answer"]}, {"url": [f"{HERE}/webhooks/answer"]}),
    ],
    ids=["ncco", "with-type", "flow", "url"],
)
def test_a_transfer_is_passed_on(stage: ApiHarness, given: Any, sent: Any) -> None:
    assert stage.transfer(**given).status == 204
    body = {"action": "transfer", "destination": {"type": "ncco", **sent}}
    assert stage.vonage.asked == [VonageRequest("PUT", CALL, "", body)]


@pytest.mark.parametrize(
    ("method", "what", "body"),
    [
        (
            "PUT",
            "talk",
            {"text": "Hello", "language": "en-GB", "style": 1, "loop": 0, "level": 0.5},
        ),
        ("DELETE", "talk", None),
        ("PUT", "stream", {"stream_url": ["https://x.example/a.mp3"], "loop": 2, "level": -1}),
        ("DELETE", "stream", None),
        ("PUT", "dtmf", {"digits": "1p2*#"}),
    ],
)
def test_sounds_and_keys_are_passed_on(
    stage: ApiHarness, method: str, what: str, body: dict[str, Any] | None
) -> None:
    said = {"message": "done", "uuid": LEG}
    stage.vonage.next = [answer(200, said)]
    reply = stage.ask(method, f"/calls/{LEG}/{what}", body)
    assert (reply.status, reply.body) == (200, said)
    assert stage.vonage.asked == [VonageRequest(method, f"{CALL}/{what}", "", body)]


def test_keys_are_sent_here_where_the_request_says_nothing(stage: ApiHarness) -> None:
    assert stage.ask("PUT", f"/calls/{LEG}/input/dtmf").status == 204
    assert stage.vonage.asked[0].body == {"event_url": [f"{HERE}/webhooks/event"]}


def test_keys_are_sent_no_longer(stage: ApiHarness) -> None:
    assert stage.ask("DELETE", f"/calls/{LEG}/input/dtmf").status == 204
    assert stage.vonage.asked == [VonageRequest("DELETE", f"{CALL}/input/dtmf", "", None)]


# Hanging up


def test_hanging_up_a_call_that_is_over_is_done(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(404)]
    assert stage.change({"action": "hangup"}).status == 204


def test_hanging_up_waits_until_a_new_call_can_be_ended(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(400, NOT_READY), answer(400, NOT_READY)]
    assert stage.change({"action": "hangup"}).status == 204
    assert len(stage.vonage.asked) == 3
    assert stage.pauses == [0.5, 1.0]


def test_hanging_up_gives_up_after_three_seconds(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(400, NOT_READY)] * 9
    assert stage.change({"action": "hangup"}).status == 400
    assert sum(stage.pauses) == 3.0


def test_hanging_up_with_what_vonage_finds_invalid_is_not_repeated(stage: ApiHarness) -> None:
    wrong = {"title": "Bad Request", "invalid_parameters": [{"name": "action", "reason": "no"}]}
    stage.vonage.next = [answer(400, wrong)]
    reply = stage.change({"action": "hangup"})
    assert (reply.status, len(stage.vonage.asked)) == (400, 1)
    assert reply.body["invalid"] == [{"field": "action", "reason": "no"}]


# What Vonage says no to


@pytest.mark.parametrize("action", ["mute", "transfer"])
def test_a_call_that_is_over_is_not_found(stage: ApiHarness, action: str) -> None:
    stage.vonage.next = [answer(404)]
    body = {"action": action} | ({"destination": {"ncco": NCCO}} if action == "transfer" else {})
    assert stage.change(body).status == 404


def test_a_transfer_is_never_repeated(stage: ApiHarness) -> None:
    stage.vonage.next = [requests.ConnectionError("reset")]
    assert stage.transfer(flow="connect").status == 504
    assert len(stage.vonage.asked) == 1


def test_too_many_requests_a_second_come_back_as_such(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(429)]
    reply = stage.ask("GET", f"/calls/{LEG}")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "1")


def test_what_vonages_support_asks_for_is_passed_on(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(400, NOT_READY, x_nexmo_trace_id="abc123")]
    assert stage.ask("PUT", f"/calls/{LEG}/talk", {"text": "x"}).body["trace_id"] == "abc123"


def test_a_fault_of_ours_says_nothing_of_itself(
    stage: ApiHarness, caplog: pytest.LogCaptureFixture
) -> None:
    stage.vonage.next = [RuntimeError("447700900123 and a token")]
    reply = stage.ask("GET", f"/calls/{LEG}")
    assert reply.status == 500
    assert "447700900123" not in str(reply.body)
    assert "447700900123" not in " ".join(str(vars(one)) for one in caplog.records)


# Asking Vonage


def test_a_call_is_shown_without_links_into_vonages_api(stage: ApiHarness) -> None:
    call = {"uuid": LEG, "status": "answered", "conversation_uuid": CONVERSATION}
    stage.vonage.next = [answer(200, call | {"_links": {"self": {"href": "/v1/calls/x"}}})]
    assert stage.ask("GET", f"/calls/{LEG}").body == call


def test_calls_are_listed_by_the_filters(stage: ApiHarness) -> None:
    call = {"uuid": LEG, "status": "completed"}
    page = {"count": 1, "page_size": 5, "record_index": 0, "_links": {}}
    stage.vonage.next = [answer(200, page | {"_embedded": {"calls": [call | {"_links": {}}]}})]
    query = "status=completed&date_start=2026-01-31T00%3A00%3A00Z&page_size=5"
    reply = stage.ask("GET", "/calls", query=query)
    assert stage.vonage.asked == [VonageRequest("GET", "/v1/calls", query, None)]
    assert reply.body == {"count": 1, "page_size": 5, "record_index": 0, "calls": [call]}


def test_an_empty_list_is_a_list(stage: ApiHarness) -> None:
    stage.vonage.next = [answer(200, {"count": 0})]
    assert stage.ask("GET", "/calls").body["calls"] == []
