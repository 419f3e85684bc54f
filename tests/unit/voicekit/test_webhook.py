"""voicekit.webhook: the status code of every case, and the log line."""

from __future__ import annotations

import functools
import json
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


def log_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the log lines since the last call."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class HandlerUnderTest:
    """The handler of a webhook that records the webhooks it passes on."""

    def __init__(
        self,
        respond: Callable[[Webhook], WebhookResponse] | None = None,
        *,
        secret: FakeSecrets | None = None,
        environment: dict[str, str] | None = None,
        tolerant: bool = False,
    ) -> None:
        self.webhooks: list[Webhook] = []
        self.secret = secret or fake_secrets(OURS)
        cache = self.secret.store()
        settings = functools.partial(from_environment, environment or stack())
        self._respond = respond or (lambda _: WebhookResponse(200, NCCO))
        self._handler = webhook.handler(
            self._record, settings, lambda: cache, tolerates_get_hash=tolerant
        )

    def _record(self, verified: Webhook) -> WebhookResponse:
        self.webhooks.append(verified)
        return self._respond(verified)

    def __call__(self, event: dict[str, Any], seconds_left: float = 6.0) -> dict[str, Any]:
        return self._handler(event, FakeLambdaContext(seconds_left))


def post(body: bytes = BODY, authorization: str | None = "", **parts: Any) -> dict[str, Any]:
    """Return a POST request, signed unless the header is passed."""
    signed = signing.bearer(OURS, body) if authorization == "" else authorization
    return http_event("POST", "/webhooks/answer", body=body, authorization=signed, **parts)


def get(query: str, hashed: str | None = None) -> dict[str, Any]:
    """Return a GET request, signed for this or for another query string."""
    text = signing.query_hash_text(query if hashed is None else hashed)
    signed = signing.bearer(OURS, text)
    return http_event("GET", "/webhooks/answer", query=query, authorization=signed)


# Success


def test_an_ncco_is_a_json_array_that_is_not_cached() -> None:
    response = HandlerUnderTest()(post())
    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == NCCO
    assert response["headers"] == {"content-type": "application/json", "cache-control": "no-store"}


def test_a_204_response_has_no_body() -> None:
    response = HandlerUnderTest(lambda _: WebhookResponse(204))(post())
    assert (response["statusCode"], response["body"]) == (204, "")
    assert "content-type" not in response["headers"]


def test_a_post_request_has_its_body_as_fields_and_our_own_parameters() -> None:
    handler = HandlerUnderTest()
    handler(post(query="flow=greet&attempt=2"))
    assert handler.webhooks[0].fields == json.loads(BODY)
    assert handler.webhooks[0].state == {"flow": "greet", "attempt": "2"}


def test_a_get_request_separates_fields_from_our_own_parameters() -> None:
    handler = HandlerUnderTest()
    nested = "dtmf=%7B%22digits%22%3A%221%22%7D&SipHeader_X-A=b"
    handler(get(f"flow=greet&to=442079460000&{nested}&attempt=2"))
    assert handler.webhooks[0].fields == {
        "to": "442079460000",
        "dtmf": {"digits": "1"},
        "SipHeader_X-A": "b",
    }
    assert handler.webhooks[0].state == {"flow": "greet", "attempt": "2"}


@pytest.mark.parametrize("encoded", [True, False])
def test_a_body_may_be_base64(encoded: bool) -> None:
    body = '{"from": "Zoë"}'.encode()
    handler = HandlerUnderTest()
    assert handler(post(body, encoded=encoded))["statusCode"] == 200
    assert handler.webhooks[0].fields == {"from": "Zoë"}
    assert handler.webhooks[0].request.text == body.decode()


def test_header_names_are_case_insensitive() -> None:
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
def test_the_base_url_is_the_public_one_or_that_of_the_gateway(
    name: str, public: str, base: str
) -> None:
    handler = HandlerUnderTest(environment=stack(PUBLIC_BASE_URL=public))
    handler(post(stage=name))
    assert handler.webhooks[0].base_url == base


# No Authorization header


def test_an_unsigned_request_gets_503_so_that_vonage_retries() -> None:
    handler = HandlerUnderTest()
    response = handler(post(authorization=None))
    assert (response["statusCode"], response["body"]) == (503, "")
    assert int(response["headers"]["retry-after"]) >= 1
    assert not handler.webhooks


# Invalid signatures


@pytest.mark.parametrize(
    "header",
    [" ", "Bearer", "Basic YTpi", "x" * 9000, "Bearer " + "\xff" * 9000],
    ids=lambda it: it[:12],
)
def test_a_malformed_header_gets_401_without_a_body(header: str) -> None:
    handler = HandlerUnderTest()
    response = handler(post(authorization=header))
    assert (response["statusCode"], response["body"]) == (401, "")
    assert not handler.webhooks


# Signed when the test runs, since a token signed at import could expire before that.
@pytest.mark.parametrize(
    "authorization",
    [
        lambda: signing.bearer(OURS, BODY, iat=1),
        lambda: signing.bearer(OURS, BODY, iss="vonage"),
        lambda: signing.bearer(OURS, BODY, alg="none"),
        lambda: signing.bearer(OURS, BODY, secret="x" * 48),
        lambda: signing.bearer(OURS, BODY, application_id="other"),
        lambda: signing.bearer(OURS, BODY + b" "),
        lambda: f"{signing.bearer(OURS, BODY)},{signing.bearer(OURS, BODY)}",
    ],
    ids=["age", "issuer", "no algorithm", "secret", "application", "body", "two tokens"],
)
def test_an_invalid_signature_gets_401_without_a_body(
    authorization: Callable[[], str],
) -> None:
    handler = HandlerUnderTest()
    response = handler(post(authorization=authorization()))
    assert (response["statusCode"], response["body"]) == (401, "")
    assert not handler.webhooks


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("policy", ["report", "enforce"])
def test_a_get_hash_mismatch_is_accepted_only_if_tolerated_and_not_enforced(
    tolerant: bool, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = HandlerUnderTest(environment=stack(ANSWER_GET_HASH=policy), tolerant=tolerant)
    response = handler(get("to=442079460000", hashed="to=442079460001"))
    assert response["statusCode"] == (200 if tolerant and policy == "report" else 401)
    assert log_lines(capsys)[-1]["get_hash"] == "differs"
    assert [webhook.verified for webhook in handler.webhooks] == (
        [False] if tolerant and policy == "report" else []
    )


@pytest.mark.parametrize("event", [post, lambda: get("to=442079460000")], ids=["POST", "GET"])
def test_a_webhook_with_a_matching_hash_is_verified(event: Callable[[], dict[str, Any]]) -> None:
    handler = HandlerUnderTest(tolerant=True)
    handler(event())
    assert handler.webhooks[0].verified


def test_a_hash_mismatch_is_never_tolerated_on_post() -> None:
    handler = HandlerUnderTest(environment=stack(ANSWER_GET_HASH="report"), tolerant=True)
    assert handler(post(authorization=signing.bearer(OURS, b"{}")))["statusCode"] == 401


def test_only_a_hash_mismatch_is_tolerated() -> None:
    event = get("to=442079460000")
    event["headers"]["authorization"] = signing.bearer(OURS, b"", secret="x" * 48)
    assert HandlerUnderTest(tolerant=True)(event)["statusCode"] == 401


@pytest.mark.parametrize("around", ["{}\n", "  {}\t", "\r\n{}"])
def test_a_secret_pasted_with_blanks_and_capitals_verifies_webhooks(around: str) -> None:
    pasted = signing.VonageSignature(
        around.format(OURS.signature_secret),
        around.format(OURS.api_key.upper()),
        around.format(OURS.application_id.upper()),
    )
    handler = HandlerUnderTest(secret=FakeSecrets(pasted.secret_string()))
    assert handler(post())["statusCode"] == 200
    assert handler.webhooks[0].signed_by == fingerprint(OURS.signature_secret)


# Rotation


def test_a_rotated_secret_is_read_again_after_a_minute() -> None:
    # given a function that has read the secret, which is rotated afterwards
    handler = HandlerUnderTest()
    handler(post())
    rotated = OURS._replace(signature_secret="rotated-" + OURS.signature_secret)
    handler.secret.text = rotated.secret_string()
    handler.secret.seconds += 60
    # when Vonage signs with the new one, then the webhook is verified
    assert handler(post(authorization=signing.bearer(rotated, BODY)))["statusCode"] == 200
    assert handler.secret.read == 2


def test_a_revoked_secret_is_rejected_after_five_minutes() -> None:
    handler = HandlerUnderTest()
    assert handler(post())["statusCode"] == 200
    handler.secret.text = OURS.secret_string(signature_secret="rotated-" + OURS.signature_secret)
    handler.secret.seconds += 299
    assert handler(post())["statusCode"] == 200
    handler.secret.seconds += 1
    for _ in range(2):
        assert handler(post())["statusCode"] == 401
    assert handler.secret.read == 2


def test_webhooks_are_answered_while_secrets_manager_does_not_respond() -> None:
    handler = HandlerUnderTest()
    handler(post())
    handler.secret.text = None
    handler.secret.seconds += 3600
    assert handler(post())["statusCode"] == 200


@pytest.mark.parametrize("live", ["signature_secret", "previous_signature_secret"])
def test_signed_by_identifies_one_of_two_secrets(live: str) -> None:
    # given two secrets, one of them ours
    other = {"signature_secret": "n" * 40, "previous_signature_secret": "p" * 40}
    handler = HandlerUnderTest(secret=fake_secrets(OURS, **(other | {live: OURS.signature_secret})))
    # when a webhook arrives that was signed with ours
    assert handler(post())["statusCode"] == 200
    # then it has the fingerprint of that secret, and not the secret
    signed_by = handler.webhooks[0].signed_by
    assert signed_by == fingerprint(OURS.signature_secret)
    assert signed_by not in OURS.signature_secret
    assert signed_by not in {fingerprint(secret) for secret in other.values()}


def test_a_webhook_with_a_retired_secret_is_rejected() -> None:
    changed = {"signature_secret": "n" * 40, "retired_signature_secret": OURS.signature_secret}
    assert HandlerUnderTest(secret=fake_secrets(OURS, **changed))(post())["statusCode"] == 401


def test_invalid_signatures_read_the_secret_at_most_once_a_minute() -> None:
    handler = HandlerUnderTest()
    for _ in range(5):
        assert handler(post(authorization=signing.bearer(OURS, BODY, secret="x" * 48)))
    assert handler.secret.read == 1
    handler.secret.seconds += 60
    for _ in range(5):
        handler(post(authorization=signing.bearer(OURS, BODY, secret="x" * 48)))
    assert handler.secret.read == 2


def test_another_error_in_the_token_does_not_read_the_secret_again() -> None:
    handler = HandlerUnderTest()
    handler(post())
    handler.secret.seconds += 60
    handler(post(authorization=signing.bearer(OURS, BODY, iss="vonage")))
    assert handler.secret.read == 1


# Invalid bodies


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
def test_a_body_that_is_not_a_json_object_in_utf_8_gets_400_with_the_reason(body: bytes) -> None:
    handler = HandlerUnderTest()
    response = handler(post(body))
    assert response["statusCode"] == 400
    problem = json.loads(response["body"])
    assert set(problem) == {"title", "detail"}
    assert problem["detail"]
    assert not handler.webhooks


def test_a_body_of_32_levels_is_accepted() -> None:
    assert HandlerUnderTest()(post(deep(31)))["statusCode"] == 200


@pytest.mark.parametrize("text", ["{}", "e30", "e3!0=", "e30=\n", "é30="])
def test_a_declared_base64_body_that_is_not_base64_gets_400(text: str) -> None:
    event = post(b"{}") | {"body": text, "isBase64Encoded": True}
    assert HandlerUnderTest()(event)["statusCode"] == 400


@pytest.mark.parametrize("name", ["dtmf", "speech", "payload", "custom_data", "headers"])
def test_a_malformed_nested_parameter_gets_400(name: str) -> None:
    assert HandlerUnderTest()(get(f"to=1&{name}=%7B"))["statusCode"] == 400


def test_too_many_parameters_get_400() -> None:
    query = "&".join(f"p{number}=" for number in range(201))
    assert HandlerUnderTest(tolerant=True)(get(query))["statusCode"] == 400


@pytest.mark.parametrize("size", [256 * 1024 + 1, 300_000, 1_000_000])
@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("character", ["a", "€"])
def test_a_body_over_256_kib_gets_413_signed_or_not(
    size: int, encoded: bool, character: str
) -> None:
    body = (character * (size // len(character.encode()) + 1)).encode()
    for authorization in ("", None):
        response = HandlerUnderTest()(post(body, authorization, encoded=encoded))
        assert (response["statusCode"], response["body"]) == (413, "")


@pytest.mark.parametrize("encoded", [True, False])
def test_a_body_of_256_kib_is_accepted(encoded: bool) -> None:
    body = b'{"a":"' + b"x" * (256 * 1024 - 8) + b'"}'
    assert HandlerUnderTest()(post(body, encoded=encoded))["statusCode"] == 200


# Responses and errors of the webhook


def test_an_invalid_field_gets_400_with_the_reason() -> None:
    def reject(_: Webhook) -> WebhookResponse:
        raise BadRequest("uuid is missing")

    response = HandlerUnderTest(reject)(post())
    assert response["statusCode"] == 400
    assert json.loads(response["body"]) == {"title": "Bad Request", "detail": "uuid is missing"}


@pytest.mark.parametrize(
    "error", [RetryLater("PutItem: no answer"), ValueError("x"), RecursionError(), MemoryError()]
)
def test_an_internal_error_gets_503_so_that_vonage_retries(error: Exception) -> None:
    def fail(_: Webhook) -> WebhookResponse:
        raise error

    response = HandlerUnderTest(fail)(post())
    assert (response["statusCode"], response["body"]) == (503, "")
    assert "retry-after" in response["headers"]


@pytest.mark.parametrize("body", [float("nan"), {1, 2}, {"a": object()}])
def test_a_response_that_is_not_json_gets_503(body: object) -> None:
    assert HandlerUnderTest(lambda _: WebhookResponse(200, body))(post())["statusCode"] == 503


@pytest.mark.parametrize("text", [None, "{}", "", "hush"])
def test_an_unavailable_secret_gets_503(text: str | None) -> None:
    assert HandlerUnderTest(secret=FakeSecrets(text))(post())["statusCode"] == 503


def test_an_unreachable_secret_is_read_on_the_next_request() -> None:
    handler = HandlerUnderTest(secret=FakeSecrets(None))
    handler(post())
    handler.secret.text = OURS.secret_string()
    assert handler(post())["statusCode"] == 200


def test_missing_settings_get_503(capsys: pytest.CaptureFixture[str]) -> None:
    assert HandlerUnderTest(environment={"STAGE": ""})(post())["statusCode"] == 503
    assert "TABLE_NAME is missing" in log_lines(capsys)[-1]["detail"]


@pytest.mark.parametrize("warm", [True, False])
def test_too_little_time_gets_503(warm: bool) -> None:
    handler = HandlerUnderTest()
    if warm:
        handler(post())
    before = len(handler.webhooks)
    assert handler(post(), seconds_left=0.2)["statusCode"] == 503
    assert len(handler.webhooks) == before


def test_time_left_is_limited_by_the_deadline() -> None:
    handler = HandlerUnderTest()
    handler(post(), seconds_left=3.0)
    assert 0 < handler.webhooks[0].time_left(60) <= 2.7
    assert handler.webhooks[0].time_left(0.001) <= 0.001


@pytest.mark.parametrize(
    "event", [{}, {"headers": None}, {"requestContext": None}, {"body": None}, {"headers": {}}]
)
def test_an_empty_event_is_unsigned(event: dict[str, Any]) -> None:
    assert HandlerUnderTest()(event)["statusCode"] == 503


# The log line


def test_each_webhook_writes_one_log_line_with_its_outcome(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fields = {"uuid": UUID, "conversation_uuid": f"CON-{UUID}", "from": "447700900123"}
    HandlerUnderTest(lambda _: WebhookResponse(200, [], log_fields={"flow": "greet"}))(
        post(json.dumps(fields).encode())
    )
    (line,) = log_lines(capsys)
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
def test_the_log_line_has_the_outcome_that_metrics_count(
    how: dict[str, Any], outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    response = HandlerUnderTest()(post(**how))
    (line,) = log_lines(capsys)
    assert (line["outcome"], line["status"]) == (outcome, response["statusCode"])


@pytest.mark.parametrize("value", ["447700900123", "call me at 447700900123", 447700900123, [UUID]])
def test_anything_but_an_identifier_is_not_logged_as_one(
    value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    HandlerUnderTest()(post(json.dumps({"uuid": value, "conversation_uuid": value}).encode()))
    line = log_lines(capsys)[-1]
    assert not {"leg", "conversation"} & line.keys()
