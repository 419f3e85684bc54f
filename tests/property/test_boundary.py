"""Whatever comes in: nothing is raised, nothing false is believed, each reply is one of ours."""

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
STORE = fake_secrets(OURS).store()
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


def asked(event: dict[str, Any], respond: Any, tolerant: bool = True) -> tuple[int, bool]:
    """Give the status of the reply, and whether the request was believed."""
    believed: list[Webhook] = []

    def keep(given: Webhook) -> WebhookResponse:
        believed.append(given)
        return respond(given)  # type: ignore[no-any-return]

    handle = webhook.handler(keep, lambda: SETTINGS, lambda: STORE, tolerates_get_hash=tolerant)
    reply = handle(event, FakeLambdaContext())
    json.dumps(reply, allow_nan=False)
    assert reply["statusCode"] in STATUSES
    assert isinstance(reply["body"], str)
    assert all(isinstance(value, str) for value in reply["headers"].values())
    return reply["statusCode"], bool(believed)


quiet = functools.partial(asked, respond=lambda _: WebhookResponse(204))


@quick
@given(
    method=st.sampled_from(["GET", "POST"]) | anything,
    path=anything,
    query=anything,
    header=st.none() | anything | anything.map("Bearer {}".format),
    body=st.binary(max_size=300),
)
def test_any_bytes_at_all_are_not_believed(
    method: str, path: str, query: str, header: str | None, body: bytes
) -> None:
    event = http_event(method, path, body=body, authorization=header)
    event["rawQueryString"] = query
    status, believed = quiet(event)
    assert not believed
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
def test_an_event_of_any_form_is_answered(event: dict[str, Any]) -> None:
    _, believed = quiet(event)
    assert not believed


@quick
@given(data=st.data())
def test_a_token_of_which_one_character_differs_is_not_believed(data: st.DataObject) -> None:
    header = signing.bearer(OURS, BODY)
    place = data.draw(st.integers(7, len(header) - 1))
    other = data.draw(st.characters(max_codepoint=255))
    changed = header[:place] + other + header[place + 1 :]
    # the last character of the signature has two bits that stand for nothing
    assume(_bytes_of(changed) != _bytes_of(header))
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=changed)
    assert quiet(event) == (401, False)


@quick
@given(data=st.data())
def test_a_token_cut_or_lengthened_anywhere_is_not_believed(data: st.DataObject) -> None:
    header = signing.bearer(OURS, BODY)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(header))] * 2)))
    changed = header[:start] + data.draw(anything) + header[end:]
    assume(changed.lower() != header.lower())
    assume(_bytes_of(changed) != _bytes_of(header))
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=changed)
    assert quiet(event) == (401, False)


@quick
@given(
    claims=json_values
    | st.dictionaries(
        st.sampled_from(["iat", "jti", "iss", "payload_hash", "api_key", "application_id"]),
        json_values,
    )
)
def test_claims_of_any_form_are_not_believed_though_the_signature_fits(claims: object) -> None:
    header = signing.bearer(OURS, BODY, claims=claims if claims is not None else [])
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=header)
    assert quiet(event) == (401, False)


@quick
@given(header=st.dictionaries(st.sampled_from(["alg", "b64", "crit", "kid", "typ"]), json_values))
def test_a_token_s_header_of_any_form_is_answered(header: dict[str, Any]) -> None:
    signed = signing.bearer(OURS, BODY, header=header)
    event = http_event("POST", "/webhooks/answer", body=BODY, authorization=signed)
    status, believed = quiet(event)
    assert status == (204 if believed else 401)
    assert header.get("alg", "HS256") == "HS256" or not believed


@quick
@given(body=st.binary(max_size=200), change=st.binary(min_size=1, max_size=20), at=st.integers(0))
def test_a_body_that_is_not_the_one_signed_is_not_believed(
    body: bytes, change: bytes, at: int
) -> None:
    altered = body[: at % (len(body) + 1)] + change + body[at % (len(body) + 1) :]
    header = signing.bearer(OURS, body)
    event = http_event("POST", "/webhooks/answer", body=altered, authorization=header)
    assert quiet(event) == (401, False)


vonage_fields = st.dictionaries(
    st.sampled_from(sorted(VONAGE_FIELDS)), st.text('abc1{["é', max_size=6), min_size=1
)


@quick
@given(fields=vonage_fields, changes=vonage_fields)
def test_a_get_request_whose_fields_are_not_those_signed_is_not_believed(
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
    assert quiet(event, tolerant=False) == (401, False)


@quick
@given(body=st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_signed_body_is_answered(body: bytes) -> None:
    event = http_event(
        "POST", "/webhooks/event", body=body, authorization=signing.bearer(OURS, body)
    )
    status, believed = quiet(event)
    assert status == (204 if believed else 400)


def _read_all(given: Webhook) -> WebhookResponse:
    call = from_webhook(given, "greet", SETTINGS)
    assert 1 <= call.attempt <= 99
    fields = given.fields
    return WebhookResponse(200, [str(part) for part in (call, input_of(fields), event_of(fields))])


@quick
@given(fields=st.dictionaries(names, json_values))
def test_signed_fields_of_any_kind_are_read_or_refused(fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    event = http_event(
        "POST", "/webhooks/event", body=body, authorization=signing.bearer(OURS, body)
    )
    status, _ = asked(event, _read_all)
    assert status in (200, 400)


@quick
@given(query=anything)
def test_any_signed_query_is_read_or_refused(query: str) -> None:
    header = signing.bearer(OURS, b"", payload_hash="0" * 64)
    event = http_event("GET", "/webhooks/answer", authorization=header)
    event["rawQueryString"] = query
    status, _ = asked(event, _read_all)
    assert status in (200, 400)


def _bytes_of(header: str) -> object:
    """Give what a header says: its parts, the signature as bytes."""
    try:
        head, _, mac = header.rpartition(".")
        return head.lower()[:7], head[7:], base64.b64decode(mac + "=", "-_", validate=True)
    except ValueError:
        return header
