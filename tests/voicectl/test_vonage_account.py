"""Vonage's account APIs: each way in which they fail is one text that says what to do."""

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


def account(*answers: VonageResponse | Exception) -> tuple[VonageAccount, FakeVonage, list[float]]:
    """Give an account whose Vonage answers so, and the pauses that were made."""
    vonage, pauses = FakeVonage(*answers), list[float]()
    return (
        VonageAccount("key", "secret", sleep=pauses.append, session=vonage.session()),
        vonage,
        pauses,
    )


@pytest.mark.parametrize(
    ("answer", "words", "status"),
    [
        (json_response(401, {}), "VONAGE_API_SECRET", 401),
        (json_response(403, {}), "ask its owner", 403),
        (json_response(404, {}), "no such thing", 404),
        (json_response(429, {}), "patience", 429),
        (json_response(500, {}), "fault of its own", 500),
        (json_response(502, {}), "fault of its own", 502),
        (VonageResponse(200, b"<html>"), "not JSON", None),
        (VonageResponse(200, b"[]"), "not JSON", None),
        (VonageResponse(200, b" " * (4 * 1024 * 1024 + 1)), "too long", None),
        (requests.ReadTimeout(), "did not answer in time", None),
        (requests.ConnectTimeout(), "did not answer in time", None),
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


def test_a_request_that_is_wrong_is_told_by_its_parameter() -> None:
    wrong = {"invalid_parameters": [{"name": "name", "reason": "is required"}]}
    one, _, _ = account(json_response(400, wrong))
    with pytest.raises(AccountApiError, match="name is required"):
        one.create({})


@pytest.mark.parametrize(
    ("told", "waited"), [("2", 2.0), ("", 1.0), ("soon", 1.0), ("3600", 15.0), ("-1", 0.0)]
)
def test_429_is_waited_out_within_a_bound(told: str, waited: float) -> None:
    one, vonage, pauses = account(
        json_response(429, {}, Retry_After=told), json_response(200, {"id": "x"})
    )
    assert one.application(APPLICATION) == {"id": "x"}
    assert (pauses, len(vonage.asked)) == ([waited], 2)


def test_nothing_but_429_is_asked_twice() -> None:
    one, vonage, pauses = account(json_response(503, {}))
    with pytest.raises(AccountApiError):
        one.update(APPLICATION, {})
    assert (len(vonage.asked), pauses) == (1, [])


def test_a_number_is_found_among_those_that_begin_like_it() -> None:
    listed = [{"msisdn": "4477009000001"}, {"msisdn": "447700900000", "country": "GB"}]
    one, vonage, _ = account(json_response(200, {"count": 2, "numbers": listed}))
    assert one.number("447700900000") == listed[1]
    assert (vonage.asked[0].url or "").startswith("https://rest.nexmo.com/account/numbers?")


def test_a_number_keeps_what_an_update_would_clear() -> None:
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
def test_a_number_is_led_back_to_whatever_it_led_to(old: dict[str, str], sent: str) -> None:
    number = {"country": "GB", "msisdn": "447700900000"}
    one, vonage, _ = account(json_response(200, {"error-code": "200"}))
    one.route(number, old)
    assert str(vonage.asked[0].body).endswith(sent)


def test_a_number_that_vonage_does_not_lead_elsewhere_is_told() -> None:
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


def test_the_key_and_the_secret_go_to_vonage_alone() -> None:
    redirect = VonageResponse(302, json.dumps({}).encode(), {"Location": "https://other.example/"})
    one, vonage, _ = account(redirect)
    one.application(APPLICATION)
    assert [(asked.url or "").split("/")[2] for asked in vonage.asked] == ["api.nexmo.com"]
