"""The log lines of webhooks: their fields, and no personal data or secrets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.support import webhooks
from tests.support.gateway_events import http_event
from tests.support.signing import VonageSignature, bearer
from tests.support.webhooks import CALLED, CALLER, LEG, get, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fake_aws import FakeAws
    from tests.support.faulty_proxy import Fault
    from tests.support.function_process import FunctionProcesses

    MakeEvent = Callable[[VonageSignature], dict[str, Any]]

CONVERSATION = "CON-4b8b1f0e-0d4c-4d4a-9a3e-1f2e3d4c5b6a"
WORDS = "my password is swordfish"
PIN = "4711"
MARK = "state-of-the-flow"  # in query strings


def answer(ours: VonageSignature, how: str, request: Callable[..., Any] = post) -> dict[str, Any]:
    query = urlencode({"flow": "faulty", "how": how, "mark": MARK})
    event: dict[str, Any] = request(ours, "answer", webhooks.answer(CONVERSATION), query)
    return event


def raw(ours: VonageSignature, body: bytes) -> dict[str, Any]:
    return http_event("POST", "/webhooks/event", body=body, authorization=bearer(ours, body))


def with_header(event: dict[str, Any], header: str | None) -> dict[str, Any]:
    event["headers"].pop("authorization")
    return event | {
        "headers": event["headers"] | ({} if header is None else {"authorization": header})
    }


STARTED = webhooks.status(CONVERSATION)
FLOW = f"flow=dtmf_menu&mark={MARK}"
INPUTS: dict[str, tuple[str, MakeEvent]] = {
    "answer": (
        "answer",
        lambda us: post(us, "answer", webhooks.answer(CONVERSATION), f"mark={MARK}"),
    ),
    "answer on GET": (
        "answer",
        lambda us: get(us, "answer", webhooks.answer(CONVERSATION), f"mark={MARK}"),
    ),
    "digits": ("dtmf", lambda us: post(us, "dtmf", webhooks.keys(CONVERSATION, PIN), FLOW)),
    "speech": (
        "asr",
        lambda us: post(us, "asr", webhooks.spoken(CONVERSATION, WORDS), "flow=speech"),
    ),
    "notification": (
        "notification",
        lambda us: post(
            us, "notification", webhooks.notified(CONVERSATION, payload={"who": CALLER}), FLOW
        ),
    ),
    "status": ("event", lambda us: post(us, "event", STARTED, f"mark={MARK}")),
    "status on GET": ("event", lambda us: get(us, "event", STARTED, f"mark={MARK}")),
    "recording": ("recordings", lambda us: post(us, "recordings", webhooks.recorded(CONVERSATION))),
    "unsigned": ("event", lambda us: with_header(post(us, "event", STARTED), None)),
    "a password as Authorization": (
        "event",
        lambda us: with_header(post(us, "event", STARTED), f"Basic {WORDS}"),
    ),
    "two tokens": (
        "event",
        lambda us: with_header(post(us, "event", STARTED), f"{bearer(us, b'')},{bearer(us, b'')}"),
    ),
    "an invalid signature": (
        "event",
        lambda us: with_header(post(us, "event", STARTED), bearer(us, b"", secret=WORDS * 2)),
    ),
    "another issuer": (
        "event",
        lambda us: with_header(post(us, "event", STARTED), bearer(us, b"", iss=CALLER)),
    ),
    "not JSON": ("event", lambda us: raw(us, f"{CALLER} {WORDS}".encode())),
    "not UTF-8": ("event", lambda us: raw(us, f"{CALLER} {WORDS}".encode() + b"\xff")),
    "not an object": ("event", lambda us: raw(us, json.dumps([CALLER, WORDS]).encode())),
    "too large": ("event", lambda us: raw(us, CALLER.encode() * 30_000)),
    "too deep": ("event", lambda us: raw(us, b'{"a":' * 99 + CALLER.encode() + b"}" * 99)),
    "numbers in other fields": (
        "event",
        lambda us: post(
            us,
            "event",
            {"uuid": CALLER, "conversation_uuid": CALLER, "status": CALLER, "from": [CALLER]},
        ),
    ),
    "a number as status": (
        "event",
        lambda us: post(us, "event", webhooks.status(CONVERSATION, CALLER)),
    ),
    "a number that is not text": (
        "event",
        lambda us: post(us, "event", webhooks.status(CONVERSATION) | {"from": int(CALLER)}),
    ),
    "names and SIP URIs": (
        "event",
        lambda us: post(us, "event", STARTED | {"from": WORDS, "to": f"sip:{CALLER}@x.example"}),
    ),
    "a number as flow": (
        "answer",
        lambda us: post(us, "answer", webhooks.answer(CONVERSATION), f"flow={CALLER}"),
    ),
    "speech for a flow that fails": (
        "asr",
        lambda us: post(us, "asr", webhooks.spoken(CONVERSATION, WORDS), "flow=faulty"),
    ),
    "digits for a flow that fails": (
        "dtmf",
        lambda us: post(us, "dtmf", webhooks.keys(CONVERSATION, PIN), "flow=faulty"),
    ),
    "status for a flow that fails": ("event", lambda us: post(us, "event", STARTED, "flow=faulty")),
    **{
        f"a flow that fails: {how}": ("answer", lambda us, how=how: answer(us, how))  # type: ignore[misc]
        for how in ("raise", "exit", "recurse", "hang", "no number", "forbidden", "object")
    },
    "a flow that fails on GET": ("answer", lambda us: answer(us, "raise", get)),
}


def assert_nothing_leaks(
    lines: list[dict[str, Any]], event: dict[str, Any], ours: VonageSignature
) -> None:
    """Check that the lines contain no personal data and no secrets of the event."""
    text = json.dumps(lines, ensure_ascii=False)
    digits = re.sub(r"[\s().+-]", "", text)
    header = event.get("headers", {}).get("authorization") or "-"
    token_parts = [part for part in re.split(r"[ .,]", header) if len(part) > 8]
    leaks = [
        *(number for number in (CALLER, CALLED) if number in digits or number[2:] in digits),
        *(word for word in (ours.signature_secret, ours.api_key, WORDS, MARK) if word in text),
        *(part for part in token_parts if part in text),
        *([PIN] if re.search(rf"\b{PIN}\b", text) else []),
    ]
    assert leaks == []
    body = event.get("body")
    assert not body or body not in text
    query = event.get("rawQueryString")
    assert not query or query not in text


@pytest.mark.parametrize("leak", [CALLER, "+44 7700 900123", CALLED, WORDS, MARK, f"key {PIN}"])
def test_the_check_detects_a_leak(cloud: FakeAws, leak: str) -> None:
    with pytest.raises(AssertionError):
        assert_nothing_leaks([{"detail": f"about {leak}."}], {}, cloud.account)


@pytest.mark.parametrize("name", list(INPUTS))
def test_a_webhook_writes_one_log_line_without_personal_data_or_secrets(
    functions: FunctionProcesses, cloud: FakeAws, name: str
) -> None:
    route, make = INPUTS[name]
    event = make(cloud.account)
    result = functions(route, event)
    (line,) = result.logs
    assert (line["message"], line["status"], line["route"]) == ("webhook", result.status, route)
    assert line["outcome"]
    assert line["ms"] >= 0
    assert line["version"] == "7"
    assert_nothing_leaks(result.logs, event, cloud.account)


@pytest.mark.parametrize("fault", ["throttle", "refuse", "cut"])
@pytest.mark.parametrize("operations", [["PutItem"], ["PutItem", "SendMessage"]])
@pytest.mark.parametrize("name", ["digits", "speech", "notification", "status", "recording"])
def test_an_aws_failure_logs_no_personal_data_or_secrets(
    functions: FunctionProcesses, cloud: FakeAws, name: str, operations: list[str], fault: Fault
) -> None:
    cloud.aws.faults |= dict.fromkeys(operations, fault)
    route, make = INPUTS[name]
    event = make(cloud.account)
    result = functions(route, event)
    assert len(result.logs) == 1
    assert_nothing_leaks(result.logs, event, cloud.account)


@pytest.mark.parametrize(
    "secret", ["hush hush", '"hush hush"', '{"signature_secret": ["hush hush"]}']
)
def test_an_invalid_secret_is_not_logged(
    start: Callable[..., FunctionProcesses], cloud: FakeAws, secret: str
) -> None:
    name = cloud.secret(secret)
    event = post(cloud.account, "answer", webhooks.answer(CONVERSATION))
    result = start(SIGNING_SECRET_ID=name)("answer", event)
    assert [line["outcome"] for line in result.logs] == ["transient"]
    assert "hush" not in json.dumps(result.logs)
    assert_nothing_leaks(result.logs, event, cloud.account)


@pytest.mark.parametrize("fault", [None, "error"])
@pytest.mark.parametrize(
    "body", [json.dumps({"pk": CONVERSATION, "sk": CALLER, "body": WORDS}), WORDS]
)
def test_the_drain_logs_no_personal_data(
    functions: FunctionProcesses, cloud: FakeAws, body: str, fault: Fault | None
) -> None:
    if fault:
        cloud.aws.faults["PutItem"] = fault
    message = {"messageId": "m", "body": body}
    result = functions("drain", {"Records": [message]})
    assert len(result.logs) == 1
    assert_nothing_leaks(result.logs, message, cloud.account)


@pytest.mark.parametrize("name", ["answer", "answer on GET", "digits", "speech", "status"])
def test_the_log_line_has_the_ids_masked_numbers_and_flow(
    functions: FunctionProcesses, cloud: FakeAws, name: str
) -> None:
    route, make = INPUTS[name]
    (line,) = functions(route, make(cloud.account)).logs
    assert (line["conversation"], line["leg"]) == (CONVERSATION, LEG)
    assert line["flow"] == {"digits": "dtmf_menu", "speech": "speech"}.get(name, "greet")
    assert (line["from"], line["to"]) == ("44…23", "44…00")
