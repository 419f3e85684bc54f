"""vonage_client.client: the requests it sends, its retries, and its exceptions."""

from __future__ import annotations

import json
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any

import pytest
import requests
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)

from tests.support.fake_vonage import FakeVonage, VonageResponse, json_response, secret
from vonage_client import (
    NotFound,
    OutcomeUnknown,
    RateLimited,
    TokenSource,
    Unauthorized,
    Unavailable,
    VoiceClient,
    VonageRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LEG = "63f61863-4a51-4f6b-86e1-46edebcf9356"
RESPONSE_LOST = requests.ConnectionError(ProtocolError("Connection aborted."))
TIMEOUT = requests.ReadTimeout()


def connection_refused() -> requests.ConnectionError:
    connection = HTTPSConnection("api.nexmo.com")
    reason = NewConnectionError(connection, "refused")
    return requests.ConnectionError(MaxRetryError(None, "/", reason))  # type: ignore[arg-type]


def connect_timeout() -> requests.ConnectTimeout:
    reason = ConnectTimeoutError()
    return requests.ConnectTimeout(MaxRetryError(None, "/", reason))  # type: ignore[arg-type]


def certificate_rejected() -> requests.exceptions.SSLError:
    reason = SSLError(SSLCertVerificationError())
    return requests.exceptions.SSLError(MaxRetryError(None, "/", reason))  # type: ignore[arg-type]


def client(vonage: FakeVonage, now: Callable[[], float] = lambda: 1e9) -> VoiceClient:
    return VoiceClient(vonage.session(), TokenSource(secret, now=now), sleep=lambda _: None)


Send = Any  # calls a method of the client
REQUESTS: dict[str, tuple[Send, str, str, Any]] = {
    "create": (
        lambda c: c.create_call({"to": [], "ncco": []}),
        "POST",
        "",
        {"to": [], "ncco": []},
    ),
    "list": (lambda c: c.list_calls(status="completed"), "GET", "?status=completed", None),
    "get": (lambda c: c.get_call(LEG), "GET", f"/{LEG}", None),
    "hang up": (lambda c: c.hang_up(LEG), "PUT", f"/{LEG}", {"action": "hangup"}),
    "mute": (lambda c: c.mute(LEG), "PUT", f"/{LEG}", {"action": "mute"}),
    "unmute": (lambda c: c.unmute(LEG), "PUT", f"/{LEG}", {"action": "unmute"}),
    "earmuff": (lambda c: c.earmuff(LEG), "PUT", f"/{LEG}", {"action": "earmuff"}),
    "unearmuff": (lambda c: c.unearmuff(LEG), "PUT", f"/{LEG}", {"action": "unearmuff"}),
    "transfer by url": (
        lambda c: c.transfer_to_url(LEG, "https://example.com/ncco"),
        "PUT",
        f"/{LEG}",
        {
            "action": "transfer",
            "destination": {"type": "ncco", "url": ["https://example.com/ncco"]},
        },
    ),
    "transfer by ncco": (
        lambda c: c.transfer_to_ncco(LEG, [{"action": "talk", "text": "hi"}]),
        "PUT",
        f"/{LEG}",
        {
            "action": "transfer",
            "destination": {"type": "ncco", "ncco": [{"action": "talk", "text": "hi"}]},
        },
    ),
    "talk": (lambda c: c.start_talk(LEG, {"text": "hi"}), "PUT", f"/{LEG}/talk", {"text": "hi"}),
    "stop talk": (lambda c: c.stop_talk(LEG), "DELETE", f"/{LEG}/talk", None),
    "stream": (
        lambda c: c.start_stream(LEG, {"stream_url": ["https://example.com/a.mp3"]}),
        "PUT",
        f"/{LEG}/stream",
        {"stream_url": ["https://example.com/a.mp3"]},
    ),
    "stop stream": (lambda c: c.stop_stream(LEG), "DELETE", f"/{LEG}/stream", None),
    "dtmf": (lambda c: c.send_dtmf(LEG, "1p#"), "PUT", f"/{LEG}/dtmf", {"digits": "1p#"}),
    "subscribe": (
        lambda c: c.subscribe_dtmf(LEG, "https://example.com/digits"),
        "PUT",
        f"/{LEG}/input/dtmf",
        {"event_url": ["https://example.com/digits"]},
    ),
    "unsubscribe": (lambda c: c.unsubscribe_dtmf(LEG), "DELETE", f"/{LEG}/input/dtmf", None),
}
NOT_RETRIED = ["create", "hang up", "transfer by url", "transfer by ncco", "talk", "stream", "dtmf"]
RETRIED = sorted(set(REQUESTS) - set(NOT_RETRIED))


@pytest.mark.parametrize("name", REQUESTS)
def test_sends_the_request_of_the_voice_api_reference(name: str) -> None:
    send, method, path, body = REQUESTS[name]
    vonage = FakeVonage(VonageResponse(204))
    send(client(vonage))
    (sent,) = vonage.asked
    assert (sent.method, sent.url) == (method, f"https://api.nexmo.com/v1/calls{path}")
    assert (json.loads(sent.body) if sent.body else None) == body


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_has_a_timeout(name: str) -> None:
    vonage = FakeVonage(VonageResponse(204))
    REQUESTS[name][0](client(vonage))
    assert vonage.timeouts == [(2.0, 6.0)]


@pytest.mark.parametrize(
    "fault", [RESPONSE_LOST, TIMEOUT, VonageResponse(500), VonageResponse(502), VonageResponse(504)]
)
@pytest.mark.parametrize("name", NOT_RETRIED)
def test_an_unsafe_request_is_not_retried_and_its_outcome_is_unknown(
    name: str, fault: VonageResponse | Exception
) -> None:
    vonage = FakeVonage(fault)
    with pytest.raises(OutcomeUnknown):
        REQUESTS[name][0](client(vonage))
    assert len(vonage.asked) == 1


@pytest.mark.parametrize(
    "fault", [RESPONSE_LOST, TIMEOUT, VonageResponse(500), VonageResponse(503)]
)
@pytest.mark.parametrize("name", RETRIED)
def test_repeatable_requests_get_up_to_three_attempts(
    name: str, fault: VonageResponse | Exception
) -> None:
    vonage = FakeVonage(fault)
    with pytest.raises(Unavailable):
        REQUESTS[name][0](client(vonage))
    assert len(vonage.asked) == 3


@pytest.mark.parametrize("name", RETRIED)
def test_the_response_of_a_successful_retry_is_returned(name: str) -> None:
    vonage = FakeVonage(RESPONSE_LOST, VonageResponse(503), VonageResponse(200, b"{}"))
    REQUESTS[name][0](client(vonage))
    assert len(vonage.asked) == 3


@pytest.mark.parametrize("fault", [connection_refused, connect_timeout, certificate_rejected])
def test_a_request_that_was_never_sent_is_unavailable_not_unknown(
    fault: Callable[[], Exception],
) -> None:
    with pytest.raises(Unavailable):
        client(FakeVonage(fault())).create_call({})


@pytest.mark.parametrize("name", NOT_RETRIED)
def test_an_unsafe_request_is_sent_on_a_new_connection(name: str) -> None:
    vonage = FakeVonage(VonageResponse(204))
    REQUESTS[name][0](client(vonage))
    assert vonage.closed


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_4xx_response_is_not_retried(name: str, status: int) -> None:
    vonage = FakeVonage(VonageResponse(status))
    with pytest.raises(VonageRefused) as raised:
        REQUESTS[name][0](client(vonage))
    assert raised.value.status == status
    assert len(vonage.asked) == 1


def test_after_401_the_key_is_read_again_and_the_request_repeated() -> None:
    # given a key that was read a minute ago and rotated since
    times = iter([1e9, 1e9, 1e9 + 60, 1e9 + 60, 1e9 + 60, 1e9 + 60, 1e9 + 60])
    secrets = iter([secret(), secret("second")])
    vonage = FakeVonage(VonageResponse(401), json_response(201, {"uuid": LEG}))
    tokens = TokenSource(lambda: next(secrets), now=lambda: next(times))
    call = VoiceClient(vonage.session(), tokens).create_call({})
    # then the call is placed with a token of the new key
    assert call["uuid"] == LEG
    assert len(set(vonage.tokens)) == 2


@pytest.mark.parametrize(
    ("response", "title", "detail", "invalid"),
    [
        (
            json_response(
                400,
                {
                    "type": 400,
                    "title": "Bad Request",
                    "invalid_parameters": [{"reason": "Invalid type", "name": "stream_url"}],
                },
            ),
            "Bad Request",
            None,
            (("stream_url", "Invalid type"),),
        ),
        (
            json_response(400, {"type": "BAD_REQUEST", "error_title": "Bad Request"}),
            "Bad Request",
            None,
            (),
        ),
        (
            json_response(
                403, {"type": "https://x", "title": "Forbidden", "detail": "No.", "instance": "t"}
            ),
            "Forbidden",
            "No.",
            (),
        ),
        (VonageResponse(400, b"<html>"), "without a reason", None, ()),
        (VonageResponse(400, b"[" * 100_000), "without a reason", None, ()),
        (
            json_response(400, {"title": 7, "invalid_parameters": ["x", 7]}),
            "without a reason",
            None,
            (),
        ),
    ],
)
def test_an_error_has_the_reason_from_each_format_of_vonage(
    response: VonageResponse, title: str, detail: str | None, invalid: tuple[tuple[str, str], ...]
) -> None:
    traced = response._replace(headers={"x-nexmo-trace-id": "abc123"})
    with pytest.raises(VonageRefused) as raised:
        client(FakeVonage(traced)).hang_up(LEG)
    error = raised.value
    assert (error.title, error.detail, error.invalid) == (title, detail, invalid)
    assert error.trace_id == "abc123"


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unauthorized), (404, NotFound), (429, RateLimited)]
)
def test_401_404_and_429_have_exception_types(status: int, kind: type[VonageRefused]) -> None:
    with pytest.raises(kind):
        client(FakeVonage(VonageResponse(status))).get_call(LEG)


def test_retry_after_is_passed_on() -> None:
    with pytest.raises(RateLimited) as raised:
        client(FakeVonage(VonageResponse(429, headers={"retry-after": "3"}))).get_call(LEG)
    assert raised.value.retry_after == 3


def test_a_redirect_is_not_followed() -> None:
    vonage = FakeVonage(VonageResponse(302, headers={"location": "https://evil.test/"}))
    with pytest.raises(Unavailable):
        client(vonage).get_call(LEG)
    assert {sent.url for sent in vonage.asked} == {f"https://api.nexmo.com/v1/calls/{LEG}"}


@pytest.mark.parametrize("uuid", ["", "../applications", "x" * 32, f"{LEG}/talk", f"{LEG}?a=b"])
def test_an_invalid_uuid_never_becomes_part_of_a_url(uuid: str) -> None:
    vonage = FakeVonage(VonageResponse(204))
    with pytest.raises(ValueError, match="not a call UUID"):
        client(vonage).hang_up(uuid)
    assert not vonage.asked


def test_no_error_contains_a_token() -> None:
    vonage = FakeVonage(RESPONSE_LOST)
    with pytest.raises(OutcomeUnknown) as raised:
        client(vonage).create_call({})
    assert vonage.tokens[0] not in repr(raised.value) + repr(raised.value.__cause__)
