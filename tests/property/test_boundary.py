"""voicekit.webhook for any input: it accepts only valid signatures, and always responds."""

from __future__ import annotations

import base64
import functools
import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support import signing
from tests.support.context import FakeLambdaContext
from tests.support.environment import stack
from tests.support.fake_secrets import fake_secrets
from tests.support.gateway_events import http_event
from voicekit import webhook
from voicekit.call import event_of, from_webhook, input_of
from voicekit.settings import from_environment
from voicekit.webhook import Webhook, WebhookResponse
from voicekit.webhook_fields import VONAGE_FIELDS

OURS = signing.account()
SETTINGS = from_environment(stack())
CACHE = fake_secrets(OURS).store()
STATUSES = {200, 204, 400, 401, 413, 503}
BODY = b'{"to":"442079460000"}'

quick = settings(max_examples=100, derandomize=True)
anything = st.text(st.characters(), max_size=200) | st.binary(max_size=200).map(
    lambda data: data.decode("latin-1")
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(width=32) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
names = st.sampled_from(sorted(VONAGE_FIELDS)) | st.text(max_size=9)


def handled(event: dict[str, Any], respond: Any, tolerant: bool = True) -> tuple[int, bool]:
    """Return the status of the response, and whether the signature was accepted."""
    accepted: list[Webhook] = []

    def record(verified: Webhook) -> WebhookResponse:
        accepted.append(verified)
        return respond(verified)  # type: ignore[no-any-return]

    handle = webhook.handler(record, lambda: SETTINGS, lambda: CACHE, tolerates_get_hash=tolerant)
    response = handle(event, FakeLambdaContext())
    json.dumps(response, allow_nan=False)
    assert response["statusCode"] in STATUSES
    assert isinstance(response["body"], str)
    assert all(isinstance(value, str) for value in response["headers"].values())
    return response["statusCode"], bool(accepted)


handled_204 = functools.partial(handled, respond=lambda _: WebhookResponse(204))


@quick
@given(
    method=st.sampled_from(["GET", "POST"]) | anything,
    path=anything,
    query=anything,
    header=st.none() | anything | anything.map("Bearer {}".format),
    body=st.binary(max_size=300),
)
def test_arbitrary_bytes_are_not_accepted(
    method: str, path: str, query: str, header: str | None, body: bytes
) -> None:
    event = http_event(method, path, body=body, authorization=header)
    event["rawQueryString"] = query
    status, accepted = handled_204(event)
    assert not accepted
    assert status == (503 if header is None else 401)


@quick
@given(
    event=st.dictionaries(
        st.sampled_from(
            ["headers", "requestContext", "rawPath", "rawQueryString", "body", "isBase64Encoded"]
        ),
        json_values,
    )
)
def test_any_event_gets_a_response(event: dict[str, Any]) -> None:
    _, accepted = handled_204(event)
    assert not accepted


@quick
@given(data=st.data())
def test_a_token_with_one_changed_character_is_not_accepted(data: st.DataObject) -> None:
    header = signing.bearer(OURS, BODY)
    position = data.draw(st.integers(7, len(header) - 1))
    other = data.draw(st.characters(max_codepoint=255))
    changed = header[:position] + other + header[position + 1 :]
    # the last character of the signature has two unused bits
    assume(_bytes_of(changed) != _bytes_of(header))
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=changed)
    assert handled_204(event) == (401, False)


@quick
@given(data=st.data())
def test_a_token_shortened_or_lengthened_anywhere_is_not_accepted(data: st.DataObject) -> None:
    header = signing.bearer(OURS, BODY)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(header))] * 2)))
    changed = header[:start] + data.draw(anything) + header[end:]
    assume(changed.lower() != header.lower())
    assume(_bytes_of(changed) != _bytes_of(header))
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=changed)
    assert handled_204(event) == (401, False)


@quick
@given(
    claims=json_values
    | st.dictionaries(
        st.sampled_from(["iat", "jti", "iss", "payload_hash", "api_key", "application_id"]),
        json_values,
    )
)
def test_arbitrary_claims_are_not_accepted_despite_a_valid_signature(claims: object) -> None:
    header = signing.bearer(OURS, BODY, claims=claims if claims is not None else [])
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=header)
    assert handled_204(event) == (401, False)


@quick
@given(header=st.dictionaries(st.sampled_from(["alg", "b64", "crit", "kid", "typ"]), json_values))
def test_any_token_header_gets_a_response(header: dict[str, Any]) -> None:
    signed = signing.bearer(OURS, BODY, header=header)
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=signed)
    status, accepted = handled_204(event)
    assert status == (204 if accepted else 401)
    assert header.get("alg", "HS256") == "HS256" or not accepted


@quick
@given(body=st.binary(max_size=200), change=st.binary(min_size=1, max_size=20), at=st.integers(0))
def test_a_body_other_than_the_signed_one_is_not_accepted(
    body: bytes, change: bytes, at: int
) -> None:
    altered = body[: at % (len(body) + 1)] + change + body[at % (len(body) + 1) :]
    header = signing.bearer(OURS, body)
    event = http_event("POST", "/webhooks/answer", body=altered, authorization=header)
    assert handled_204(event) == (401, False)


vonage_fields = st.dictionaries(
    st.sampled_from(sorted(VONAGE_FIELDS)), st.text('abc1{["é', max_size=6), min_size=1
)


@quick
@given(fields=vonage_fields, changes=vonage_fields)
def test_a_get_request_with_other_fields_than_the_signed_ones_is_not_accepted(
    fields: dict[str, str], changes: dict[str, str]
) -> None:
    altered = fields | changes
    assume(altered != fields)
    header = signing.bearer(OURS, signing.query_hash_text(urlencode({"flow": "greet", **fields})))
    event = http_event(
        "GET",
        "/webhooks/event",
        query=urlencode({"flow": "greet", **altered}),
        authorization=header,
    )
    assert handled_204(event, tolerant=False) == (401, False)


@quick
@given(body=st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_signed_body_gets_a_response(body: bytes) -> None:
    event = http_event(
        "POST", "/webhooks/event", body=body, authorization=signing.bearer(OURS, body)
    )
    status, accepted = handled_204(event)
    assert status == (204 if accepted else 400)


def _parse_all(verified: Webhook) -> WebhookResponse:
    call = from_webhook(verified, "greet", SETTINGS)
    assert 1 <= call.attempt <= 99
    fields = verified.fields
    return WebhookResponse(200, [str(part) for part in (call, input_of(fields), event_of(fields))])


@quick
@given(fields=st.dictionaries(names, json_values))
def test_any_signed_fields_are_parsed_or_rejected(fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    event = http_event(
        "POST", "/webhooks/event", body=body, authorization=signing.bearer(OURS, body)
    )
    status, _ = handled(event, _parse_all)
    assert status in (200, 400)


@quick
@given(query=anything)
def test_any_signed_query_string_is_parsed_or_rejected(query: str) -> None:
    header = signing.bearer(OURS, b"", payload_hash="0" * 64)
    event = http_event("GET", "/webhooks/answer", authorization=header)
    event["rawQueryString"] = query
    status, _ = handled(event, _parse_all)
    assert status in (200, 400)


def _bytes_of(header: str) -> object:
    """Return the parts of a header, with the signature as bytes."""
    try:
        head, _, mac = header.rpartition(".")
        return head.lower()[:7], head[7:], base64.b64decode(mac + "=", "-_", validate=True)
    except ValueError:
        return header
