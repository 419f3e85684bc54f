"""What the log lines of webhooks say, and what they never say."""

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

    Make = Callable[[VonageSignature], dict[str, Any]]

OF = "CON-4b8b1f0e-0d4c-4d4a-9a3e-1f2e3d4c5b6a"
WORDS = "my password is swordfish"
PIN = "4711"
MARK = "state-of-the-flow"  # stands in query strings


def answered(ours: VonageSignature, how: str, request: Callable[..., Any] = post) -> dict[str, Any]:
    query = urlencode({"flow": "faulty", "how": how, "mark": MARK})
    event: dict[str, Any] = request(ours, "answer", webhooks.answer(OF), query)
    return event


def raw(ours: VonageSignature, body: bytes) -> dict[str, Any]:
    return http_event("POST", "/webhooks/event", body=body, authorization=bearer(ours, body))


def with_header(event: dict[str, Any], header: str | None) -> dict[str, Any]:
    event["headers"].pop("authorization")
    return event | {
        "headers": event["headers"] | ({} if header is None else {"authorization": header})
    }


STARTED = webhooks.status(OF)
FLOW = f"flow=dtmf_menu&mark={MARK}"
INPUTS: dict[str, tuple[str, Make]] = {
    "answered": ("answer", lambda us: post(us, "answer", webhooks.answer(OF), f"mark={MARK}")),
    "answered on GET": (
        "answer",
        lambda us: get(us, "answer", webhooks.answer(OF), f"mark={MARK}"),
    ),
    "keys": ("dtmf", lambda us: post(us, "dtmf", webhooks.keys(OF, PIN), FLOW)),
    "speech": ("asr", lambda us: post(us, "asr", webhooks.spoken(OF, WORDS), "flow=speech")),
    "notified": (
        "notification",
        lambda us: post(us, "notification", webhooks.notified(OF, payload={"who": CALLER}), FLOW),
    ),
    "status": ("event", lambda us: post(us, "event", STARTED, f"mark={MARK}")),
    "status on GET": ("event", lambda us: get(us, "event", STARTED, f"mark={MARK}")),
    "recorded": ("recordings", lambda us: post(us, "recordings", webhooks.recorded(OF))),
    "unsigned": ("event", lambda us: with_header(post(us, "event", STARTED), None)),
    "a password": ("event", lambda us: with_header(post(us, "event", STARTED), f"Basic {WORDS}")),
    "two tokens": (
        "event",
        lambda us: with_header(post(us, "event", STARTED), f"{bearer(us, b'')},{bearer(us, b'')}"),
    ),
    "forged": (
        "event",
        lambda us: with_header(post(us, "event", STARTED), bearer(us, b"", secret=WORDS * 2)),
    ),
    "another issuer": (
        "event",
        lambda us: with_header(post(us, "event", STARTED), bearer(us, b"", iss=CALLER)),
    ),
    "no JSON": ("event", lambda us: raw(us, f"{CALLER} {WORDS}".encode())),
    "no UTF-8": ("event", lambda us: raw(us, f"{CALLER} {WORDS}".encode() + b"\xff")),
    "no object": ("event", lambda us: raw(us, json.dumps([CALLER, WORDS]).encode())),
    "too large": ("event", lambda us: raw(us, CALLER.encode() * 30_000)),
    "too deep": ("event", lambda us: raw(us, b'{"a":' * 99 + CALLER.encode() + b"}" * 99)),
    "numbers where they do not belong": (
        "event",
        lambda us: post(
            us,
            "event",
            {"uuid": CALLER, "conversation_uuid": CALLER, "status": CALLER, "from": [CALLER]},
        ),
    ),
    "a number as status": ("event", lambda us: post(us, "event", webhooks.status(OF, CALLER))),
    "a number that is no text": (
        "event",
        lambda us: post(us, "event", webhooks.status(OF) | {"from": int(CALLER)}),
    ),
    "names and addresses": (
        "event",
        lambda us: post(us, "event", STARTED | {"from": WORDS, "to": f"sip:{CALLER}@x.example"}),
    ),
    "a number as flow": (
        "answer",
        lambda us: post(us, "answer", webhooks.answer(OF), f"flow={CALLER}"),
    ),
    "words as speech of a broken flow": (
        "asr",
        lambda us: post(us, "asr", webhooks.spoken(OF, WORDS), "flow=faulty"),
    ),
    "keys of a broken flow": (
        "dtmf",
        lambda us: post(us, "dtmf", webhooks.keys(OF, PIN), "flow=faulty"),
    ),
    "status of a broken flow": ("event", lambda us: post(us, "event", STARTED, "flow=faulty")),
    **{
        f"a flow that does wrong: {how}": ("answer", lambda us, how=how: answered(us, how))  # type: ignore[misc]
        for how in ("raise", "exit", "recurse", "hang", "no number", "forbidden", "object")
    },
    "a flow that does wrong on GET": ("answer", lambda us: answered(us, "raise", get)),
}


def check_no_secret_is_told(
    lines: list[dict[str, Any]], event: dict[str, Any], ours: VonageSignature
) -> None:
    """Check that lines hold nothing of what a log may not hold."""
    text = json.dumps(lines, ensure_ascii=False)
    digits = re.sub(r"[\s().+-]", "", text)
    header = event.get("headers", {}).get("authorization") or "-"
    token_parts = [part for part in re.split(r"[ .,]", header) if len(part) > 8]
    told = [
        *(number for number in (CALLER, CALLED) if number in digits or number[2:] in digits),
        *(word for word in (ours.signature_secret, ours.api_key, WORDS, MARK) if word in text),
        *(part for part in token_parts if part in text),
        *([PIN] if re.search(rf"\b{PIN}\b", text) else []),
    ]
    assert told == []
    body = event.get("body")
    assert not body or body not in text
    query = event.get("rawQueryString")
    assert not query or query not in text


@pytest.mark.parametrize("leak", [CALLER, "+44 7700 900123", CALLED, WORDS, MARK, f"key {PIN}"])
def test_a_leak_would_be_seen(cloud: FakeAws, leak: str) -> None:
    with pytest.raises(AssertionError):
        check_no_secret_is_told([{"detail": f"about {leak}."}], {}, cloud.account)


@pytest.mark.parametrize("name", list(INPUTS))
def test_a_webhook_writes_one_line_without_numbers_tokens_secrets_or_what_was_said(
    functions: FunctionProcesses, cloud: FakeAws, name: str
) -> None:
    door, make = INPUTS[name]
    event = make(cloud.account)
    done = functions(door, event)
    (line,) = done.logs
    assert (line["message"], line["status"], line["route"]) == ("webhook", done.status, door)
    assert line["outcome"]
    assert line["ms"] >= 0
    assert line["version"] == "7"
    check_no_secret_is_told(done.logs, event, cloud.account)


@pytest.mark.parametrize("fault", ["throttle", "refuse", "cut"])
@pytest.mark.parametrize("operations", [["PutItem"], ["PutItem", "SendMessage"]])
@pytest.mark.parametrize("name", ["keys", "speech", "notified", "status", "recorded"])
def test_nor_does_it_when_aws_is_at_fault(
    functions: FunctionProcesses, cloud: FakeAws, name: str, operations: list[str], fault: Fault
) -> None:
    cloud.aws.faults |= dict.fromkeys(operations, fault)
    door, make = INPUTS[name]
    event = make(cloud.account)
    done = functions(door, event)
    assert len(done.logs) == 1
    check_no_secret_is_told(done.logs, event, cloud.account)


@pytest.mark.parametrize(
    "secret", ["hush hush", '"hush hush"', '{"signature_secret": ["hush hush"]}']
)
def test_nor_when_the_secret_is_not_of_its_form(
    start: Callable[..., FunctionProcesses], cloud: FakeAws, secret: str
) -> None:
    name = cloud.secret(secret)
    event = post(cloud.account, "answer", webhooks.answer(OF))
    done = start(SIGNING_SECRET_ID=name)("answer", event)
    assert [line["outcome"] for line in done.logs] == ["transient"]
    assert "hush" not in json.dumps(done.logs)
    check_no_secret_is_told(done.logs, event, cloud.account)


@pytest.mark.parametrize("fault", [None, "error"])
@pytest.mark.parametrize("body", [json.dumps({"pk": OF, "sk": CALLER, "body": WORDS}), WORDS])
def test_nor_does_the_drain(
    functions: FunctionProcesses, cloud: FakeAws, body: str, fault: Fault | None
) -> None:
    if fault:
        cloud.aws.faults["PutItem"] = fault
    message = {"messageId": "m", "body": body}
    done = functions("drain", {"Records": [message]})
    assert len(done.logs) == 1
    check_no_secret_is_told(done.logs, message, cloud.account)


@pytest.mark.parametrize("name", ["answered", "answered on GET", "keys", "speech", "status"])
def test_the_line_says_whose_webhook_it_was_and_which_flow_answered(
    functions: FunctionProcesses, cloud: FakeAws, name: str
) -> None:
    door, make = INPUTS[name]
    (line,) = functions(door, make(cloud.account)).logs
    assert (line["conversation"], line["leg"]) == (OF, LEG)
    assert line["flow"] == {"keys": "dtmf_menu", "speech": "speech"}.get(name, "greet")
    assert (line["from"], line["to"]) == ("44…23", "44…00")
