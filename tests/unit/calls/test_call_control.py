"""Changes to a call: the requests to Vonage, and its responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from botocore.exceptions import ReadTimeoutError

from tests.unit.calls.api_harness import (
    BASE_URL,
    CONVERSATION,
    LEG,
    VONAGE_CALL,
    VonageRequest,
    vonage_response,
)

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

CALL = f"/v1/calls/{LEG}"
NCCO = [{"action": "talk", "text": "This is a transfer."}]
NOT_READY = {"type": "BAD_REQUEST", "error_title": "Bad Request"}


@pytest.mark.parametrize("action", ["hangup", "mute", "unmute", "earmuff", "unearmuff"])
def test_an_action_is_sent_to_vonage(api: ApiHarness, action: str) -> None:
    assert api.change({"action": action}).status == 204
    assert api.vonage.requests == [VonageRequest("PUT", CALL, "", {"action": action})]


@pytest.mark.parametrize(
    ("destination", "sent"),
    [
        ({"ncco": NCCO}, {"ncco": NCCO}),
        ({"type": "ncco", "ncco": NCCO}, {"ncco": NCCO}),
        ({"flow": "voicemail"}, {"url": [f"{BASE_URL}/webhooks/answer?flow=voicemail"]}),
        ({"url": [f"{BASE_URL}/webhooks/answer"]}, {"url": [f"{BASE_URL}/webhooks/answer"]}),
    ],
    ids=["ncco", "with-type", "flow", "url"],
)
def test_a_transfer_is_sent_to_vonage(api: ApiHarness, destination: Any, sent: Any) -> None:
    assert api.transfer(**destination).status == 204
    body = {"action": "transfer", "destination": {"type": "ncco", **sent}}
    assert api.vonage.requests == [VonageRequest("PUT", CALL, "", body)]


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
def test_talk_stream_and_dtmf_requests_are_sent_to_vonage(
    api: ApiHarness, method: str, what: str, body: dict[str, Any] | None
) -> None:
    body_of_vonage = {"message": "done", "uuid": LEG}
    api.vonage.next_results = [vonage_response(200, body_of_vonage)]
    response = api.send(method, f"/calls/{LEG}/{what}", body)
    assert (response.status, response.body) == (200, body_of_vonage)
    assert api.vonage.requests == [VonageRequest(method, f"{CALL}/{what}", "", body)]


def test_digits_go_to_the_event_webhook_by_default(api: ApiHarness) -> None:
    assert api.send("PUT", f"/calls/{LEG}/input/dtmf").status == 204
    assert api.vonage.requests[0].body == {"event_url": [f"{BASE_URL}/webhooks/event"]}


def test_the_subscription_to_digits_can_be_ended(api: ApiHarness) -> None:
    assert api.send("DELETE", f"/calls/{LEG}/input/dtmf").status == 204
    assert api.vonage.requests == [VonageRequest("DELETE", f"{CALL}/input/dtmf", "", None)]


# Hanging up


DASHLESS = LEG.replace("-", "")


def store_event_of(api: ApiHarness, uuid: str, status: str = "started") -> None:
    api.store_event(
        status=status,
        uuid=uuid,
        conversation_uuid=CONVERSATION,
        timestamp="2027-01-15T08:00:00Z",
    )


def test_hanging_up_a_call_that_has_ended_succeeds(api: ApiHarness) -> None:
    store_event_of(api, LEG, "completed")
    api.vonage.next_results = [vonage_response(404)]
    assert api.change({"action": "hangup"}).status == 204


def test_hanging_up_a_call_without_a_reported_end_is_not_reported_as_done(
    api: ApiHarness,
) -> None:
    store_event_of(api, LEG, "answered")
    api.vonage.next_results = [vonage_response(404)]
    assert api.change({"action": "hangup"}).status == 404


def test_hanging_up_a_call_that_vonage_never_reported_is_not_reported_as_done(
    api: ApiHarness,
) -> None:
    api.vonage.next_results = [vonage_response(404)]
    assert api.change({"action": "hangup"}).status == 404


@pytest.mark.parametrize("vonage_uuid", [LEG, DASHLESS, LEG.upper(), DASHLESS.upper()])
@pytest.mark.parametrize("uuid", [LEG, DASHLESS, LEG.upper()])
def test_every_request_sends_the_uuid_as_vonage_wrote_it(
    api: ApiHarness, uuid: str, vonage_uuid: str
) -> None:
    store_event_of(api, vonage_uuid)
    call = f"/calls/{uuid}"
    for method, path, body in (
        ("GET", call, None),
        *(("PUT", call, {"action": action}) for action in ("hangup", "mute", "unearmuff")),
        ("PUT", call, {"action": "transfer", "destination": {"ncco": NCCO}}),
        ("PUT", call, {"action": "transfer", "destination": {"flow": "greet"}}),
        ("PUT", f"{call}/talk", {"text": "Hello"}),
        ("DELETE", f"{call}/talk", None),
        ("PUT", f"{call}/stream", {"stream_url": ["https://x.example/a.mp3"]}),
        ("DELETE", f"{call}/stream", None),
        ("PUT", f"{call}/dtmf", {"digits": "1"}),
        ("PUT", f"{call}/input/dtmf", None),
        ("DELETE", f"{call}/input/dtmf", None),
    ):
        assert api.send(method, path, body).status in (200, 204)
    assert len(api.vonage.requests) == 13
    for sent in api.vonage.requests:
        assert sent.path.split("/")[3] == vonage_uuid


def test_a_call_is_hung_up_while_the_table_cannot_be_read(api: ApiHarness) -> None:
    api.dynamodb.fails["query"] = [ReadTimeoutError(endpoint_url="http://127.0.0.1")]
    assert api.change({"action": "hangup"}).status == 204
    assert api.vonage.requests == [VonageRequest("PUT", CALL, "", {"action": "hangup"})]


def test_a_call_that_vonage_does_not_know_is_unconfirmed_while_the_table_cannot_be_read(
    api: ApiHarness,
) -> None:
    store_event_of(api, LEG)
    api.dynamodb.fails["query"] = [ReadTimeoutError(endpoint_url="http://127.0.0.1")] * 2
    api.vonage.next_results = [vonage_response(404)]
    assert api.change({"action": "hangup"}).status == 503


def test_hanging_up_retries_while_a_call_is_too_new(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(400, NOT_READY), vonage_response(400, NOT_READY)]
    assert api.change({"action": "hangup"}).status == 204
    assert len(api.vonage.requests) == 3
    assert api.pauses == [0.5, 1.0]


def test_hanging_up_is_retried_for_three_seconds(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(400, NOT_READY)] * 9
    assert api.change({"action": "hangup"}).status == 400
    assert sum(api.pauses) == 3.0


def test_hanging_up_is_not_retried_if_vonage_names_an_invalid_field(api: ApiHarness) -> None:
    refusal = {"title": "Bad Request", "invalid_parameters": [{"name": "action", "reason": "no"}]}
    api.vonage.next_results = [vonage_response(400, refusal)]
    response = api.change({"action": "hangup"})
    assert (response.status, len(api.vonage.requests)) == (400, 1)
    assert response.body["invalid"] == [{"field": "action", "reason": "no"}]


# Requests that Vonage refuses


@pytest.mark.parametrize("action", ["mute", "transfer"])
def test_a_change_to_a_call_that_has_ended_is_not_found(api: ApiHarness, action: str) -> None:
    api.vonage.next_results = [vonage_response(404)]
    body = {"action": action} | ({"destination": {"ncco": NCCO}} if action == "transfer" else {})
    assert api.change(body).status == 404


def test_a_transfer_is_never_retried(api: ApiHarness) -> None:
    api.vonage.next_results = [requests.ConnectionError("reset")]
    assert api.transfer(flow="connect").status == 504
    assert len(api.vonage.requests) == 1


def test_a_rate_limit_is_returned_with_retry_after(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(429)]
    response = api.send("GET", f"/calls/{LEG}")
    assert (response.status, response.headers["Retry-After"]) == (429, "1")


def test_the_trace_id_of_vonage_is_returned(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(400, NOT_READY, x_nexmo_trace_id="abc123")]
    assert api.send("PUT", f"/calls/{LEG}/talk", {"text": "x"}).body["trace_id"] == "abc123"


def test_an_unexpected_error_reveals_nothing(
    api: ApiHarness, caplog: pytest.LogCaptureFixture
) -> None:
    api.vonage.next_results = [RuntimeError("447700900123 and a token")]
    response = api.send("GET", f"/calls/{LEG}")
    assert response.status == 500
    assert "447700900123" not in str(response.body)
    assert "447700900123" not in " ".join(str(vars(one)) for one in caplog.records)


# Calls at Vonage


def test_a_call_is_returned_without_links(api: ApiHarness) -> None:
    call = VONAGE_CALL | {"status": "answered"}
    api.vonage.next_results = [
        vonage_response(200, call | {"_links": {"self": {"href": "/v1/calls/x"}}})
    ]
    assert api.send("GET", f"/calls/{LEG}").body == call


def test_calls_are_listed_by_the_filters(api: ApiHarness) -> None:
    call = VONAGE_CALL | {"status": "completed"}
    page = {"count": 1, "page_size": 5, "record_index": 0, "_links": {}}
    api.vonage.next_results = [
        vonage_response(200, page | {"_embedded": {"calls": [call | {"_links": {}}]}})
    ]
    query = "status=completed&date_start=2026-01-31T00%3A00%3A00Z&page_size=5"
    response = api.send("GET", "/calls", query=query)
    assert api.vonage.requests == [VonageRequest("GET", "/v1/calls", query, None)]
    assert response.body == {"count": 1, "page_size": 5, "record_index": 0, "calls": [call]}


def test_an_empty_list_of_calls_is_returned(api: ApiHarness) -> None:
    api.vonage.next_results = [vonage_response(200, {"count": 0})]
    assert api.send("GET", "/calls").body["calls"] == []
