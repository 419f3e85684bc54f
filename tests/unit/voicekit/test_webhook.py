"""voicekit.webhook: each row of the table of status codes, through the one boundary."""

from __future__ import annotations

import functools
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import signing
from tests.support.context import FakeLambdaContext
from tests.support.environment import stack
from tests.support.fake_secrets import FakeSecrets, fake_secrets
from tests.support.gateway_events import DOMAIN, http_event
from voicekit import webhook
from voicekit.settings import from_environment
from voicekit.signature import fingerprint
from voicekit.webhook import RetryLater, Webhook, WebhookResponse
from voicekit.webhook_fields import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = signing.account()
UUID = "0779a56d002f1c7f47f82ef5fe84ab79"
BODY = json.dumps({"from": "447700900123", "to": "442079460000", "uuid": UUID}).encode()
NCCO = [{"action": "talk", "text": "Zoë"}]


class HandlerUnderTest:
    """A webhook whose handler keeps what it was given."""

    def __init__(
        self,
        respond: Callable[[Webhook], WebhookResponse] | None = None,
        *,
        held: FakeSecrets | None = None,
        environment: dict[str, str] | None = None,
        tolerant: bool = False,
    ) -> None:
        self.given: list[Webhook] = []
        self.held = held or fake_secrets(OURS)
        store = self.held.store()
        settings = functools.partial(from_environment, environment or stack())
        self._respond = respond or (lambda _: WebhookResponse(200, NCCO))
        self._handler = webhook.handler(
            self._keep, settings, lambda: store, tolerates_get_hash=tolerant
        )

    def _keep(self, given: Webhook) -> WebhookResponse:
        self.given.append(given)
        return self._respond(given)

    def __call__(self, event: dict[str, Any], seconds_left: float = 6.0) -> dict[str, Any]:
        return self._handler(event, FakeLambdaContext(seconds_left))


def post(body: bytes = BODY, authorization: str | None = "", **parts: Any) -> dict[str, Any]:
    """A POST request, signed unless the header is given."""
    signed = signing.bearer(OURS, body) if authorization == "" else authorization
    return http_event("POST", "/webhooks/answer", body=body, authorization=signed, **parts)


def get(query: str, hashed: str | None = None) -> dict[str, Any]:
    """A GET request, signed for this or for another query."""
    text = signing.query_hash_text(query if hashed is None else hashed)
    signed = signing.bearer(OURS, text)
    return http_event("GET", "/webhooks/answer", query=query, authorization=signed)


# All well


def test_an_answer_is_a_json_array_that_nobody_caches() -> None:
    reply = HandlerUnderTest()(post())
    assert reply["statusCode"] == 200
    assert json.loads(reply["body"]) == NCCO
    assert reply["headers"] == {"content-type": "application/json", "cache-control": "no-store"}


def test_where_there_is_nothing_to_say_the_reply_is_204_without_a_body() -> None:
    reply = HandlerUnderTest(lambda _: WebhookResponse(204))(post())
    assert (reply["statusCode"], reply["body"]) == (204, "")
    assert "content-type" not in reply["headers"]


def test_a_post_request_gives_its_body_and_the_parameters_of_our_own_url() -> None:
    door = HandlerUnderTest()
    door(post(query="flow=greet&attempt=2"))
    assert door.given[0].fields == json.loads(BODY)
    assert door.given[0].state == {"flow": "greet", "attempt": "2"}


def test_a_get_request_tells_vonage_s_fields_from_our_own_parameters() -> None:
    door = HandlerUnderTest()
    nested = "dtmf=%7B%22digits%22%3A%221%22%7D&SipHeader_X-A=b"
    door(get(f"flow=greet&to=442079460000&{nested}&attempt=2"))
    assert door.given[0].fields == {
        "to": "442079460000",
        "dtmf": {"digits": "1"},
        "SipHeader_X-A": "b",
    }
    assert door.given[0].state == {"flow": "greet", "attempt": "2"}


@pytest.mark.parametrize("encoded", [True, False])
def test_a_body_may_come_in_base64(encoded: bool) -> None:
    body = '{"from": "Zoë"}'.encode()
    door = HandlerUnderTest()
    assert door(post(body, encoded=encoded))["statusCode"] == 200
    assert door.given[0].fields == {"from": "Zoë"}
    assert door.given[0].request.text == body.decode()


def test_header_names_may_be_written_in_any_case() -> None:
    event = post()
    event["headers"] = {name.title(): value for name, value in event["headers"].items()}
    assert HandlerUnderTest()(event)["statusCode"] == 200


@pytest.mark.parametrize(
    ("name", "public", "base"),
    [
        ("$default", "", f"https://{DOMAIN}"),
        ("prod", "", f"https://{DOMAIN}/prod"),
        ("prod", "https://voice.example.com/v1/", "https://voice.example.com/v1"),
    ],
)
def test_our_own_address_is_the_public_one_or_the_gateway_s_with_its_stage(
    name: str, public: str, base: str
) -> None:
    door = HandlerUnderTest(environment=stack(PUBLIC_BASE_URL=public))
    door(post(stage=name))
    assert door.given[0].base_url == base


# No Authorization header


def test_an_unsigned_request_is_asked_for_again() -> None:
    door = HandlerUnderTest()
    reply = door(post(authorization=None))
    assert (reply["statusCode"], reply["body"]) == (503, "")
    assert int(reply["headers"]["retry-after"]) >= 1
    assert not door.given


# A wrong signature


@pytest.mark.parametrize(
    "header",
    [" ", "Bearer", "Basic YTpi", "x" * 9000, "Bearer " + "\xff" * 9000],
    ids=lambda it: it[:12],
)
def test_a_malformed_header_is_refused_without_a_word(header: str) -> None:
    door = HandlerUnderTest()
    reply = door(post(authorization=header))
    assert (reply["statusCode"], reply["body"]) == (401, "")
    assert not door.given


# Each is signed when its test runs: one that has grown old meanwhile would be refused for its age.
@pytest.mark.parametrize(
    "forge",
    [
        lambda: signing.bearer(OURS, BODY, iat=1),
        lambda: signing.bearer(OURS, BODY, iss="vonage"),
        lambda: signing.bearer(OURS, BODY, alg="none"),
        lambda: signing.bearer(OURS, BODY, secret="x" * 48),
        lambda: signing.bearer(OURS, BODY, application_id="other"),
        lambda: signing.bearer(OURS, BODY + b" "),
        lambda: f"{signing.bearer(OURS, BODY)},{signing.bearer(OURS, BODY)}",
    ],
    ids=["age", "issuer", "no algorithm", "secret", "application", "body", "two in one"],
)
def test_a_forged_request_is_refused_without_a_word(forge: Callable[[], str]) -> None:
    door = HandlerUnderTest()
    reply = door(post(authorization=forge()))
    assert (reply["statusCode"], reply["body"]) == (401, "")
    assert not door.given


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("policy", ["report", "enforce"])
def test_a_get_hash_that_differs_is_let_through_only_where_tolerated_and_not_enforced(
    tolerant: bool, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    door = HandlerUnderTest(environment=stack(ANSWER_GET_HASH=policy), tolerant=tolerant)
    reply = door(get("to=442079460000", hashed="to=442079460001"))
    assert reply["statusCode"] == (200 if tolerant and policy == "report" else 401)
    assert vars(caplog.records[-1])["get_hash"] == "differs"


def test_a_hash_that_differs_is_never_tolerated_on_post() -> None:
    door = HandlerUnderTest(environment=stack(ANSWER_GET_HASH="report"), tolerant=True)
    assert door(post(authorization=signing.bearer(OURS, b"{}")))["statusCode"] == 401


def test_tolerance_is_for_the_hash_alone() -> None:
    event = get("to=442079460000")
    event["headers"]["authorization"] = signing.bearer(OURS, b"", secret="x" * 48)
    assert HandlerUnderTest(tolerant=True)(event)["statusCode"] == 401


# Rotation


def test_a_rotated_secret_is_fetched_anew_once_it_is_a_minute_old() -> None:
    # given a function that has fetched the secret, and a new one since
    door = HandlerUnderTest()
    door(post())
    rotated = OURS._replace(signature_secret="rotated-" + OURS.signature_secret)
    door.held.text = rotated.secret_string()
    door.held.seconds += 60
    # when Vonage signs with the new one, then it is believed
    assert door(post(authorization=signing.bearer(rotated, BODY)))["statusCode"] == 200
    assert door.held.read == 2


@pytest.mark.parametrize("live", ["signature_secret", "previous_signature_secret"])
def test_it_is_told_which_of_two_secrets_signed(live: str) -> None:
    # given two secrets of which one is ours
    other = {"signature_secret": "n" * 40, "previous_signature_secret": "p" * 40}
    door = HandlerUnderTest(held=fake_secrets(OURS, **(other | {live: OURS.signature_secret})))
    # when a webhook comes that ours has signed
    assert door(post())["statusCode"] == 200
    # then its fingerprint says so, and not the secret
    signed_by = door.given[0].signed_by
    assert signed_by == fingerprint(OURS.signature_secret)
    assert signed_by not in OURS.signature_secret
    assert signed_by not in {fingerprint(secret) for secret in other.values()}


def test_forged_requests_make_it_fetch_the_secret_once_a_minute_at_most() -> None:
    door = HandlerUnderTest()
    for _ in range(5):
        assert door(post(authorization=signing.bearer(OURS, BODY, secret="x" * 48)))
    assert door.held.read == 1
    door.held.seconds += 60
    for _ in range(5):
        door(post(authorization=signing.bearer(OURS, BODY, secret="x" * 48)))
    assert door.held.read == 2


def test_a_token_that_is_wrong_in_another_way_fetches_nothing_anew() -> None:
    door = HandlerUnderTest()
    door(post())
    door.held.seconds += 60
    door(post(authorization=signing.bearer(OURS, BODY, iss="vonage")))
    assert door.held.read == 1


# Bad bodies


def deep(levels: int, kind: str = "[]") -> bytes:
    opening = kind[0] + ('"a":' if kind == "{}" else "")
    return b'{"a":' + (opening * levels).encode() + b"1" + (kind[1] * levels).encode() + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"hello",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"true",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1}{}',
        b"\xff\xfe{}",
        b'{"from": "\xe9"}',
        b'{"from": "\xed\xa0\x80"}',
        '{"from": "447700900123"}'.encode("utf-16"),
        '{"from": "447700900123"}'.encode("utf-16-le"),
        '{"from": "447700900123"}'.encode("utf-32"),
        b"\xef\xbb\xbf" + BODY,
        b'{"a": ' + b"9" * 5000 + b"}",
        deep(32),
        deep(5000),
        deep(5000, "{}"),
        deep(100_000),
        b"[" * 200_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_no_json_object_in_utf_8_is_refused_with_a_reason(body: bytes) -> None:
    door = HandlerUnderTest()
    reply = door(post(body))
    assert reply["statusCode"] == 400
    problem = json.loads(reply["body"])
    assert set(problem) == {"title", "detail"}
    assert problem["detail"]
    assert not door.given


def test_a_body_of_32_levels_is_taken() -> None:
    assert HandlerUnderTest()(post(deep(31)))["statusCode"] == 200


@pytest.mark.parametrize("text", ["{}", "e30", "e3!0=", "e30=\n", "é30="])
def test_a_body_that_is_said_to_be_base64_and_is_not_is_refused(text: str) -> None:
    event = post(b"{}") | {"body": text, "isBase64Encoded": True}
    assert HandlerUnderTest()(event)["statusCode"] == 400


@pytest.mark.parametrize("name", ["dtmf", "speech", "payload", "custom_data", "headers"])
def test_a_nested_parameter_that_is_broken_is_refused(name: str) -> None:
    assert HandlerUnderTest()(get(f"to=1&{name}=%7B"))["statusCode"] == 400


def test_too_many_parameters_are_refused() -> None:
    query = "&".join(f"p{number}=" for number in range(201))
    assert HandlerUnderTest(tolerant=True)(get(query))["statusCode"] == 400


@pytest.mark.parametrize("size", [256 * 1024 + 1, 300_000, 1_000_000])
@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("character", ["a", "€"])
def test_a_body_over_256_kib_is_too_large_whoever_sends_it(
    size: int, encoded: bool, character: str
) -> None:
    body = (character * (size // len(character.encode()) + 1)).encode()
    for authorization in ("", None):
        reply = HandlerUnderTest()(post(body, authorization, encoded=encoded))
        assert (reply["statusCode"], reply["body"]) == (413, "")


@pytest.mark.parametrize("encoded", [True, False])
def test_a_body_of_256_kib_is_taken(encoded: bool) -> None:
    body = b'{"a":"' + b"x" * (256 * 1024 - 8) + b'"}'
    assert HandlerUnderTest()(post(body, encoded=encoded))["statusCode"] == 200


# What the webhook's own code says


def test_a_field_that_is_wrong_is_answered_with_the_reason() -> None:
    def refuse(_: Webhook) -> WebhookResponse:
        raise BadRequest("uuid is missing")

    reply = HandlerUnderTest(refuse)(post())
    assert reply["statusCode"] == 400
    assert json.loads(reply["body"]) == {"title": "Bad Request", "detail": "uuid is missing"}


@pytest.mark.parametrize(
    "error", [RetryLater("PutItem: no answer"), ValueError("x"), RecursionError(), MemoryError()]
)
def test_a_fault_of_ours_is_answered_so_that_vonage_tries_again(error: Exception) -> None:
    def fail(_: Webhook) -> WebhookResponse:
        raise error

    reply = HandlerUnderTest(fail)(post())
    assert (reply["statusCode"], reply["body"]) == (503, "")
    assert "retry-after" in reply["headers"]


@pytest.mark.parametrize("body", [float("nan"), {1, 2}, {"a": object()}])
def test_a_reply_that_cannot_be_written_is_a_fault_of_ours(body: object) -> None:
    assert HandlerUnderTest(lambda _: WebhookResponse(200, body))(post())["statusCode"] == 503


@pytest.mark.parametrize("text", [None, "{}", "", "hush"])
def test_without_the_secret_vonage_is_asked_to_try_again(text: str | None) -> None:
    assert HandlerUnderTest(held=FakeSecrets(text))(post())["statusCode"] == 503


def test_an_unreachable_secret_is_fetched_at_the_next_request() -> None:
    door = HandlerUnderTest(held=FakeSecrets(None))
    door(post())
    door.held.text = OURS.secret_string()
    assert door(post())["statusCode"] == 200


def test_without_settings_vonage_is_asked_to_try_again(caplog: pytest.LogCaptureFixture) -> None:
    assert HandlerUnderTest(environment={"STAGE": ""})(post())["statusCode"] == 503
    assert "TABLE_NAME is missing" in vars(caplog.records[-1])["detail"]


@pytest.mark.parametrize("warm", [True, False])
def test_when_the_time_is_nearly_over_vonage_is_asked_to_try_again(warm: bool) -> None:
    door = HandlerUnderTest()
    if warm:
        door(post())
    given = len(door.given)
    assert door(post(), seconds_left=0.2)["statusCode"] == 503
    assert len(door.given) == given


def test_a_piece_of_work_is_given_no_more_time_than_is_left() -> None:
    door = HandlerUnderTest()
    door(post(), seconds_left=3.0)
    assert 0 < door.given[0].time_left(60) <= 2.7
    assert door.given[0].time_left(0.001) <= 0.001


@pytest.mark.parametrize(
    "event", [{}, {"headers": None}, {"requestContext": None}, {"body": None}, {"headers": {}}]
)
def test_an_event_with_nothing_in_it_is_unsigned(event: dict[str, Any]) -> None:
    assert HandlerUnderTest()(event)["statusCode"] == 503


# The log line


def test_each_webhook_writes_one_line_that_says_what_came_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    fields = {"uuid": UUID, "conversation_uuid": f"CON-{UUID}", "from": "447700900123"}
    HandlerUnderTest(lambda _: WebhookResponse(200, [], log_fields={"flow": "greet"}))(
        post(json.dumps(fields).encode())
    )
    (line,) = [vars(record) for record in caplog.records]
    assert line["ms"] >= 0
    assert {
        name: line[name]
        for name in ("outcome", "status", "route", "conversation", "leg", "flow", "from", "version")
    } == {
        "outcome": "answered",
        "status": 200,
        "route": "answer",
        "conversation": f"CON-{UUID}",
        "leg": UUID,
        "flow": "greet",
        "from": "44…23",
        "version": "7",
    }


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ({}, "answered"),
        ({"authorization": None}, "unsigned"),
        ({"authorization": "x"}, "rejected"),
        ({"body": b"[]"}, "invalid"),
        ({"body": b"x" * 300_000}, "too_large"),
    ],
    ids=["answered", "unsigned", "rejected", "invalid", "too_large"],
)
def test_the_line_names_the_outcome_that_metrics_count(
    how: dict[str, Any], outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reply = HandlerUnderTest()(post(**how))
    (line,) = [vars(record) for record in caplog.records]
    assert (line["outcome"], line["status"]) == (outcome, reply["statusCode"])


@pytest.mark.parametrize("value", ["447700900123", "call me at 447700900123", 447700900123, [UUID]])
def test_what_is_no_identifier_is_not_logged_as_one(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    HandlerUnderTest()(post(json.dumps({"uuid": value, "conversation_uuid": value}).encode()))
    line = vars(caplog.records[-1])
    assert (line["leg"], line["conversation"]) == (None, None)
