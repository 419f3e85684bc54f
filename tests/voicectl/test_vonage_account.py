"""Client of Vonage's account APIs: each failure has a text that says what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.fake_vonage import FakeVonage, VonageResponse, json_response
from voicectl.errors import AccountApiError
from voicectl.vonage_account import VonageAccount

if TYPE_CHECKING:
    from collections.abc import Callable

APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


def account(
    *responses: VonageResponse | Exception,
) -> tuple[VonageAccount, FakeVonage, list[float]]:
    """Return an account with these responses, its fake Vonage, and a list of its pauses."""
    vonage, pauses = FakeVonage(*responses), list[float]()
    return (
        VonageAccount("key", "secret", sleep=pauses.append, session=vonage.session()),
        vonage,
        pauses,
    )


@pytest.mark.parametrize(
    ("answer", "words", "status"),
    [
        (json_response(401, {}), "VONAGE_API_SECRET", 401),
        (json_response(403, {}), "Ask its administrator", 403),
        (json_response(404, {}), "no such application or number", 404),
        (json_response(429, {}), "rate limit", 429),
        (json_response(500, {}), "Vonage failed", 500),
        (json_response(502, {}), "Vonage failed", 502),
        (VonageResponse(200, b"<html>"), "not a JSON object", None),
        (VonageResponse(200, b"[]"), "not a JSON object", None),
        (VonageResponse(200, b" " * (4 * 1024 * 1024 + 1)), "too long", None),
        (requests.ReadTimeout(), "did not respond in time", None),
        (requests.ConnectTimeout(), "did not respond in time", None),
        (requests.ConnectionError(), "cannot be reached", None),
        (requests.exceptions.SSLError(), "cannot be reached", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda one: one.application(APPLICATION),
        lambda one: one.applications(),
        lambda one: one.create({"name": "x"}),
        lambda one: one.update(APPLICATION, {"name": "x"}),
        lambda one: one.number("447700900000"),
        lambda one: one.link({"country": "GB", "msisdn": "447700900000"}, APPLICATION),
    ],
    ids=["read", "list", "create", "update", "number", "link"],
)
def test_a_failure_says_what_to_do(
    ask: Callable[[VonageAccount], Any],
    answer: VonageResponse | Exception,
    words: str,
    status: int | None,
) -> None:
    one, _, _ = account(answer)
    with pytest.raises(AccountApiError, match=words) as raised:
        ask(one)
    assert raised.value.status == status
    assert "secret" not in str(raised.value).replace("API_SECRET", "").replace("and secret", "")


def test_an_invalid_request_is_reported_by_its_parameters() -> None:
    invalid = {"invalid_parameters": [{"name": "name", "reason": "is required"}]}
    one, _, _ = account(json_response(400, invalid))
    with pytest.raises(AccountApiError, match="name is required"):
        one.create({})


@pytest.mark.parametrize(
    ("retry_after", "pause"), [("2", 2.0), ("", 1.0), ("soon", 1.0), ("3600", 15.0), ("-1", 0.0)]
)
def test_429_is_retried_after_at_most_15_seconds(retry_after: str, pause: float) -> None:
    one, vonage, pauses = account(
        json_response(429, {}, Retry_After=retry_after), json_response(200, {"id": "x"})
    )
    assert one.application(APPLICATION) == {"id": "x"}
    assert (pauses, len(vonage.asked)) == ([pause], 2)


def test_only_429_is_retried() -> None:
    one, vonage, pauses = account(json_response(503, {}))
    with pytest.raises(AccountApiError):
        one.update(APPLICATION, {})
    assert (len(vonage.asked), pauses) == (1, [])


def test_a_number_is_found_among_those_with_the_same_prefix() -> None:
    listed = [{"msisdn": "4477009000001"}, {"msisdn": "447700900000", "country": "GB"}]
    one, vonage, _ = account(json_response(200, {"count": 2, "numbers": listed}))
    assert one.number("447700900000") == listed[1]
    assert (vonage.asked[0].url or "").startswith("https://rest.nexmo.com/account/numbers?")


def test_an_update_keeps_the_sms_webhook_of_a_number() -> None:
    number = {"country": "GB", "msisdn": "447700900000", "moHttpUrl": "https://sms.example/in"}
    one, vonage, _ = account(json_response(200, {"error-code": "200"}))
    one.link(number, APPLICATION)
    assert "moHttpUrl=https%3A%2F%2Fsms.example%2Fin" in str(vonage.asked[0].body)


@pytest.mark.parametrize(
    ("old", "sent"),
    [
        ({"app_id": APPLICATION}, f"app_id={APPLICATION}"),
        (
            {"voiceCallbackType": "tel", "voiceCallbackValue": "447700900005"},
            "voiceCallbackType=tel&voiceCallbackValue=447700900005",
        ),
    ],
)
def test_restore_link_sends_the_old_destination(old: dict[str, str], sent: str) -> None:
    number = {"country": "GB", "msisdn": "447700900000"}
    one, vonage, _ = account(json_response(200, {"error-code": "200"}))
    one.restore_link(number, old)
    assert str(vonage.asked[0].body).endswith(sent)


def test_a_failed_update_of_a_number_is_reported() -> None:
    one, _, _ = account(
        json_response(200, {"error-code": "420", "error-code-label": "method failed"})
    )
    with pytest.raises(AccountApiError, match="420 method failed"):
        one.link({"country": "GB", "msisdn": "447700900000"}, APPLICATION)


def test_all_pages_of_applications_are_read() -> None:
    pages = [
        json_response(200, {"total_pages": 2, "_embedded": {"applications": [{"id": str(page)}]}})
        for page in (1, 2)
    ]
    one, _, _ = account(*pages)
    assert [found["id"] for found in one.applications()] == ["1", "2"]


def test_the_key_and_the_secret_are_sent_only_to_vonage() -> None:
    redirect = VonageResponse(302, json.dumps({}).encode(), {"Location": "https://other.example/"})
    one, vonage, _ = account(redirect)
    one.application(APPLICATION)
    assert [(asked.url or "").split("/")[2] for asked in vonage.asked] == ["api.nexmo.com"]
