"""Invalid requests to the admin API: 400 with the name of the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gateway_events import http_event
from tests.unit.calls.api_harness import BASE_URL, LEG, NUMBER, call

if TYPE_CHECKING:
    from tests.unit.calls.api_harness import ApiHarness

TALK = [{"action": "talk", "text": "Hello"}]


def phone(**options: Any) -> dict[str, Any]:
    return {"to": [{"type": "phone", "number": NUMBER, **options}]}


CALLS: list[tuple[dict[str, Any], str]] = [
    ({"to": None}, "to"),
    ({"to": []}, "to"),
    ({"to": {"type": "phone", "number": NUMBER}}, "to"),
    ({"to": [{"type": "app", "user": "a"}, {"type": "app", "user": "b"}]}, "to"),
    ({"to": [{"type": "fax", "number": NUMBER}]}, "to[0].type"),
    ({"to": [{"number": NUMBER}]}, "to[0].type"),
    ({"to": ["447700900123"]}, "to[0]"),
    (phone(number="+447700900123"), "to[0].number"),
    (phone(number="0447700900123"), "to[0].number"),
    (phone(number="447700"), "to[0].number"),
    (phone(number="4477009001234567"), "to[0].number"),
    (phone(number=447700900123), "to[0].number"),
    (phone(number="٤٤٧٧٠٠٩٠٠١٢٣"), "to[0].number"),
    (phone(number="44 7700 900123"), "to[0].number"),
    (phone(number=""), "to[0].number"),
    (phone(number=None), "to[0].number"),
    (phone(dtmfAnswer="abc"), "to[0].dtmfAnswer"),
    (phone(onAnswer={"url": BASE_URL}), "to[0].onAnswer"),
    (phone(colour="red"), "to[0].colour"),
    ({"to": [{"type": "phone"}]}, "to[0].number"),
    ({"to": [{"type": "sip"}]}, "to[0]"),
    ({"to": [{"type": "sip", "uri": "http://pbx.example.com"}]}, "to[0].uri"),
    ({"to": [{"type": "sip", "uri": "sip:a b@pbx.example.com"}]}, "to[0].uri"),
    ({"to": [{"type": "sip", "user": "a", "domain": "pbx.example.com"}]}, "to[0].user"),
    (
        {"to": [{"type": "sip", "uri": "sip:a@pbx.example.com", "headers": {"a": "b\r\nc"}}]},
        "to[0].headers.a",
    ),
    (
        {"to": [{"type": "websocket", "uri": "https://x", "content-type": "audio/l16;rate=8000"}]},
        "to[0].uri",
    ),
    ({"to": [{"type": "websocket", "uri": "wss://x.example"}]}, "to[0].content-type"),
    ({"to": [{"type": "vbc"}]}, "to[0].extension"),
    ({"to": [{"type": "app", "user": ""}]}, "to[0].user"),
    ({"from": NUMBER}, "from"),
    ({"from": {"type": "phone", "number": "x"}}, "from.number"),
    ({"from": {"type": "app", "number": NUMBER}}, "from.type"),
    ({"from": {"number": NUMBER}}, "from.type"),
    (
        {"from": {"type": "phone", "number": NUMBER}, "random_from_number": True},
        "random_from_number",
    ),
    ({"random_from_number": "true"}, "random_from_number"),
    ({"flow": None}, "flow"),
    ({"flow": "no_such_flow"}, "flow"),
    ({"flow": "__init__"}, "flow"),
    ({"flow": "../calls/app"}, "flow"),
    ({"flow": 1}, "flow"),
    ({"ncco": TALK}, "flow"),
    ({"answer_url": [f"{BASE_URL}/webhooks/answer"]}, "flow"),
    ({"flow": None, "ncco": TALK, "answer_url": [f"{BASE_URL}/webhooks/answer"]}, "answer_url"),
    ({"flow": None, "answer_url": f"{BASE_URL}/webhooks/answer"}, "answer_url"),
    ({"flow": None, "answer_url": []}, "answer_url"),
    ({"flow": None, "answer_url": ["ftp://x.example"]}, "answer_url[0]"),
    ({"flow": None, "answer_url": ["https://user@x.example"]}, "answer_url[0]"),
    ({"flow": None, "ncco": []}, "ncco"),
    ({"flow": None, "ncco": {"action": "talk"}}, "ncco"),
    ({"flow": None, "ncco": [{"action": "talk"}]}, "ncco[0].talk.text"),
    ({"flow": None, "ncco": [{"action": "sing"}]}, "ncco[0].action"),
    ({"answer_method": "PUT"}, "answer_method"),
    ({"event_url": [BASE_URL]}, "event_url"),
    ({"machine_detection": "maybe"}, "machine_detection"),
    (
        {"advanced_machine_detection": {"beep_timeout": 29}},
        "advanced_machine_detection.beep_timeout",
    ),
    ({"length_timer": 0}, "length_timer"),
    ({"length_timer": 86401}, "length_timer"),
    ({"length_timer": "60"}, "length_timer"),
    ({"length_timer": True}, "length_timer"),
    ({"ringing_timer": 0}, "ringing_timer"),
    ({"ringing_timer": 121}, "ringing_timer"),
    ({"ringing_timer": 1.5}, "ringing_timer"),
    ({"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(
    ("changes", "field"), CALLS, ids=[f"{i}-{field}" for i, (_, field) in enumerate(CALLS)]
)
def test_an_invalid_call_names_the_field_and_dials_nothing(
    api: ApiHarness, changes: dict[str, Any], field: str
) -> None:
    response = api.place("k", **changes)
    assert (response.status, response.body["field"]) == (400, field), response.body
    assert response.headers["content-type"] == "application/problem+json"
    assert api.vonage.requests == []


@pytest.mark.parametrize("key", ["", " ", "a b", "ключ", "x" * 256, "a\tb", "a\x7f"])
def test_an_invalid_idempotency_key_is_refused(api: ApiHarness, key: str) -> None:
    response = api.send("POST", "/calls", call(), key=key)
    assert (response.status, response.body["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"\xff",
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
    ids=range(9),
)
def test_a_body_that_is_not_a_json_object_is_refused(api: ApiHarness, body: bytes) -> None:
    assert api.send("POST", "/calls", body, key="k").status == 400


def test_a_body_that_is_too_large_is_refused(api: ApiHarness) -> None:
    assert api.send("POST", "/calls", b" " * (256 * 1024 + 1), key="k").status == 413


def test_from_is_required_if_the_stack_has_no_number(api: ApiHarness) -> None:
    api.configure(VONAGE_NUMBER="")
    response = api.place()
    assert (response.status, response.body["field"]) == (400, "from")


def test_no_problem_details_repeat_the_number(api: ApiHarness) -> None:
    for changes in (phone(number="+447700900123"), {NUMBER: 1}, {"flow": NUMBER}):
        assert NUMBER not in str(api.place(**changes).body)


CHANGES: list[tuple[Any, str]] = [
    ({}, "action"),
    ({"action": "explode"}, "action"),
    ({"action": None}, "action"),
    ({"action": ["mute"]}, "action"),
    ({"action": "mute", "destination": {}}, "destination"),
    ({"action": "transfer"}, "destination"),
    ({"action": "transfer", "destination": "x"}, "destination"),
    ({"action": "transfer", "destination": {}}, "destination.flow"),
    ({"action": "transfer", "destination": {"flow": "no_such_flow"}}, "destination.flow"),
    ({"action": "transfer", "destination": {"type": "app", "flow": "greet"}}, "destination.type"),
    ({"action": "transfer", "destination": {"url": "https://x.example"}}, "destination.url"),
    (
        {"action": "transfer", "destination": {"flow": "greet", "url": ["https://x.example"]}},
        "destination.flow",
    ),
    (
        {"action": "transfer", "destination": {"ncco": [{"action": "talk"}]}},
        "destination.ncco[0].talk.text",
    ),
    ({"action": "transfer", "destination": {"flow": "greet", "x": 1}}, "destination.x"),
]


@pytest.mark.parametrize(
    ("body", "field"), CHANGES, ids=[f"{i}-{field}" for i, (_, field) in enumerate(CHANGES)]
)
def test_an_invalid_change_names_the_field(api: ApiHarness, body: Any, field: str) -> None:
    response = api.change(body)
    assert (response.status, response.body["field"]) == (400, field), response.body
    assert api.vonage.requests == []


MEDIA: list[tuple[str, Any, str]] = [
    ("talk", {}, "text"),
    ("talk", {"text": ""}, "text"),
    ("talk", {"text": 1}, "text"),
    ("talk", {"text": "x", "language": "English, please"}, "language"),
    ("talk", {"text": "x", "style": -1}, "style"),
    ("talk", {"text": "x", "premium": "yes"}, "premium"),
    ("talk", {"text": "x", "loop": -1}, "loop"),
    ("talk", {"text": "x", "level": 2}, "level"),
    ("talk", {"text": "x", "voice": "Amy"}, "voice"),
    ("stream", {}, "stream_url"),
    ("stream", {"stream_url": "https://x.example/a.mp3"}, "stream_url"),
    ("stream", {"stream_url": ["file:///etc/passwd"]}, "stream_url[0]"),
    ("stream", {"stream_url": ["https://x.example/a.mp3"], "level": "1"}, "level"),
    ("dtmf", {}, "digits"),
    ("dtmf", {"digits": ""}, "digits"),
    ("dtmf", {"digits": "12a"}, "digits"),
    ("dtmf", {"digits": 12}, "digits"),
    ("input/dtmf", {"event_url": BASE_URL}, "event_url"),
    ("input/dtmf", {"x": 1}, "x"),
]


@pytest.mark.parametrize(
    ("what", "body", "field"), MEDIA, ids=[f"{i}-{what}" for i, (what, _, _) in enumerate(MEDIA)]
)
def test_an_invalid_talk_stream_or_dtmf_request_names_the_field(
    api: ApiHarness, what: str, body: Any, field: str
) -> None:
    response = api.send("PUT", f"/calls/{LEG}/{what}", body)
    assert (response.status, response.body["field"]) == (400, field), response.body
    assert api.vonage.requests == []


ROUTES = [
    ("GET", ""),
    ("PUT", ""),
    ("GET", "/events"),
    *((method, f"/{what}") for method in ("PUT", "DELETE") for what in ("talk", "stream")),
    ("PUT", "/dtmf"),
    ("PUT", "/input/dtmf"),
    ("DELETE", "/input/dtmf"),
]


@pytest.mark.parametrize(("method", "rest"), ROUTES, ids=lambda value: str(value) or "-")
@pytest.mark.parametrize("uuid", ["x", LEG[:-1], f"{LEG}0", LEG.replace("6", "g"), "..", "%2e%2e"])
def test_an_invalid_uuid_in_the_path_is_refused(
    api: ApiHarness, method: str, rest: str, uuid: str
) -> None:
    response = api.send(method, f"/calls/{uuid}{rest}", {})
    assert (response.status, response.body.get("field")) == (400, "uuid")
    assert api.vonage.requests == []


QUERIES: list[tuple[str, str, str]] = [
    ("/calls", "status=asleep", "status"),
    ("/calls", "date_start=yesterday", "date_start"),
    ("/calls", "date_end=2026-13-01T00:00:00Z", "date_end"),
    ("/calls", "page_size=0", "page_size"),
    ("/calls", "page_size=101", "page_size"),
    ("/calls", "page_size=ten", "page_size"),
    ("/calls", "record_index=-1", "record_index"),
    ("/calls", "order=random", "order"),
    ("/calls", "conversation_uuid=1", "conversation_uuid"),
    ("/calls", "colour=red", "colour"),
    ("/calls", "order=asc&order=desc", "query"),
    ("/calls", "&".join(f"a{i}=1" for i in range(30)), "query"),
    ("/history", "", "day"),
    ("/history", "day=today", "day"),
    ("/history", "day=2026-02-30", "day"),
    ("/history", "day=20260131", "day"),
    ("/history", "day=2026-W01-1", "day"),
    ("/history", "day=2026-01-31&page_size=1001", "page_size"),
    ("/history", "day=2026-01-31&cursor=", "cursor"),
    ("/history", "day=2026-01-31&cursor=..", "cursor"),
    ("/history", "day=2026-01-31&colour=red", "colour"),
    ("/voicemails", "month=", "month"),
    ("/voicemails", "month=2026-13", "month"),
    ("/voicemails", "month=2026-1", "month"),
    ("/voicemails", "month=2026-01-31", "month"),
    ("/voicemails", "day=2026-01-31", "day"),
    ("/voicemails", "page_size=0", "page_size"),
    ("/voicemails", "page_size=101", "page_size"),
    ("/voicemails", "cursor=..", "cursor"),
]


@pytest.mark.parametrize(
    ("path", "query", "field"), QUERIES, ids=[f"{i}-{f}" for i, (_, _, f) in enumerate(QUERIES)]
)
def test_an_invalid_query_names_the_parameter(
    api: ApiHarness, path: str, query: str, field: str
) -> None:
    response = api.send("GET", path, query=query)
    assert (response.status, response.body["field"]) == (400, field), response.body
    assert api.vonage.requests == []


# Requests without a signature, and unknown routes


@pytest.mark.parametrize(
    "authorizer",
    [None, {}, {"iam": None}, {"iam": {}}, {"iam": {"userArn": ""}}, {"jwt": {"claims": {}}}],
    ids=range(6),
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/calls"), ("GET", "/history")])
def test_a_request_without_an_iam_identity_is_refused(
    api: ApiHarness, authorizer: Any, method: str, path: str
) -> None:
    event = http_event(method, path, body=b"{}")
    if authorizer is not None:
        event["requestContext"]["authorizer"] = authorizer
    response = api.invoke(event)
    assert response.status == 403
    assert api.vonage.requests == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("DELETE", "/calls"), ("POST", f"/calls/{LEG}"), ("GET", f"/calls/{LEG}/talk")],
)
def test_an_unknown_route_is_not_found(api: ApiHarness, method: str, path: str) -> None:
    response = api.send(method, path)
    assert (response.status, response.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"headers": None}], ids=range(3))
def test_an_event_that_is_not_from_api_gateway_is_refused(
    api: ApiHarness, event: dict[str, Any]
) -> None:
    assert api.invoke(event).status == 403


def test_no_response_can_be_cached(api: ApiHarness) -> None:
    assert api.place().headers["cache-control"] == "no-store"
    assert api.place(to=None).headers["cache-control"] == "no-store"
