"""The agent in the webhook functions: what is logged without one, and what is stored of its URL."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import webhooks
from tests.support.environment import stack
from tests.support.webhooks import conversation, get, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fake_aws import FakeAws
    from tests.support.function_process import FunctionProcesses, InvocationResult

    Start = Callable[..., FunctionProcesses]
    Request = Callable[..., dict[str, Any]]

ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/voice_agent-a1B2c3D4e5"
SERVER = "wss://bot.example.com/ws"


def call(functions: FunctionProcesses, cloud: FakeAws) -> InvocationResult:
    webhook = webhooks.answer(conversation())
    return functions("answer", post(cloud.account, "answer", webhook, "flow=agent"))


def test_without_an_agent_the_log_line_says_so_and_a_person_is_rung(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    result = call(functions, cloud)
    assert result.ncco[-1]["endpoint"][0]["number"] == stack()["SECOND_NUMBER"]
    (line,) = result.logs
    assert (line["outcome"], line["agent"]) == ("answered", "none")
    assert "set the parameter Agent" in line["agent_detail"]


def test_a_credential_that_is_too_long_for_the_url_is_no_apology(
    start: Start, cloud: FakeAws
) -> None:
    token = secrets.token_hex(1500)
    result = call(start(AGENT=ARN, AWS_SESSION_TOKEN=token), cloud)
    assert [action["action"] for action in result.ncco] == ["talk", "connect"]
    (line,) = result.logs
    assert (line["outcome"], line["agent"]) == ("answered", "none")
    assert token not in json.dumps(line)


def test_a_presigned_url_is_in_the_ncco_and_not_in_the_log(start: Start, cloud: FakeAws) -> None:
    result = call(start(AGENT=ARN, AWS_SESSION_TOKEN="a-token"), cloud)
    uri = result.ncco[1]["endpoint"][0]["uri"]
    assert "X-Amz-Signature=" in uri
    assert "agent" not in result.logs[0]
    assert "X-Amz" not in json.dumps(result.logs)


# The query string of a socket's URL


@pytest.fixture
def secret() -> str:
    return secrets.token_hex(16)


def connected(of: str, secret: str, **more: Any) -> dict[str, Any]:
    """Return an event of an agent's leg, as Vonage reports it."""
    uri = f"{SERVER}?X-Amz-Date=20260131T000000Z&X-Amz-Signature={secret}"
    return webhooks.status(of, "answered", direction="outbound", to=uri, **more)


@pytest.mark.parametrize("request_", [post, get], ids=["POST", "GET"])
@pytest.mark.parametrize("route", ["event", "recordings"])
def test_the_query_is_neither_stored_nor_logged(
    functions: FunctionProcesses, cloud: FakeAws, request_: Request, route: str, secret: str
) -> None:
    of = conversation()
    result = functions(route, request_(cloud.account, route, connected(of, secret), "flow=agent"))
    (item,) = cloud.items(of)
    assert item["to"] == SERVER
    assert "bot.example.com" in item["body"]
    for kept in (item, result.logs):
        assert secret not in json.dumps(kept)
        assert "X-Amz" not in json.dumps(kept)


def test_the_query_is_not_in_the_overflow_queue(
    functions: FunctionProcesses, cloud: FakeAws, secret: str
) -> None:
    cloud.aws.faults["PutItem"] = "throttle"
    functions("event", post(cloud.account, "event", connected(conversation(), secret)))
    (item,) = cloud.messages("overflow")
    assert item["to"] == SERVER
    assert secret not in json.dumps(item)


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "cannot connect to {uri}", "status": "failed"},
        {"detail": "{uri}", "headers": {"uris": ["{uri}"]}},
        {"from": "WSS://bot.example.com?key={secret}"},
    ],
)
def test_the_query_is_removed_in_every_field(
    functions: FunctionProcesses, cloud: FakeAws, fields: dict[str, Any], secret: str
) -> None:
    of = conversation()
    text = json.dumps(fields).replace("{uri}", f"{SERVER}?key={secret}").replace("{secret}", secret)
    functions("event", post(cloud.account, "event", connected(of, secret, **json.loads(text))))
    (item,) = cloud.items(of)
    assert secret not in json.dumps(item)


def test_the_query_of_a_recordings_event_is_not_queued(
    functions: FunctionProcesses, cloud: FakeAws, secret: str
) -> None:
    of = conversation()
    recorded = webhooks.recorded(of, to=f"{SERVER}?key={secret}")
    functions("recordings", post(cloud.account, "recordings", recorded))
    messages = [one for one in cloud.messages("recordings") if of in json.dumps(one)]
    assert len(messages) == 1
    assert secret not in json.dumps(messages)


def test_an_event_that_vonage_repeats_is_stored_once(
    functions: FunctionProcesses, cloud: FakeAws, secret: str
) -> None:
    of = conversation()
    for outcome in ("kept", "repeat"):
        result = functions("event", post(cloud.account, "event", connected(of, secret)))
        assert result.logs[0]["outcome"] == outcome


def test_an_event_without_a_query_is_stored_unchanged(
    functions: FunctionProcesses, cloud: FakeAws
) -> None:
    of = conversation()
    event = post(cloud.account, "event", webhooks.status(of, to=SERVER, detail="why? because"))
    functions("event", event)
    assert cloud.items(of)[0]["body"] == event["body"]
