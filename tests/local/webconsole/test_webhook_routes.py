"""The routes that sign webhooks, export them and send them to the application."""

from __future__ import annotations

import json
import shlex
import uuid
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

if TYPE_CHECKING:
    from local.local_platform import LocalPlatform
    from tests.local.webconsole.harness import ConsoleClient, ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALL = {
    "from": "447700900123",
    "to": "447700900000",
    "uuid": "0" * 32,
    "conversation_uuid": "CON-00000000-0000-4000-8000-000000000000",
}


def webhook(method: str = "POST", **more: Any) -> dict[str, Any]:
    """Build the request body for an answer webhook."""
    body = {"method": method, "path": "/webhooks/answer", "query": "flow=greet", "body": CALL}
    return body | more


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_application_accepts_the_curl_command(
    client: ConsoleClient, real: LocalPlatform, method: str
) -> None:
    export = await client.send("POST", "/api/webhooks/curl", webhook(method))
    words = shlex.split(export["text"])
    assert (words[0], words[words.index("-X") + 1]) == ("curl", method)
    assert words[-1].startswith(f"{real.api_url}/webhooks/answer?flow=greet")
    header_arguments = [word for before, word in pairwise(words) if before == "-H"]
    headers = dict(one.split(": ", 1) for one in header_arguments)
    body = words[words.index("--data-raw") + 1] if method == "POST" else None
    address = URL(words[-1], encoded=True)
    async with client.http.request(method, address, headers=headers, data=body) as response:
        assert response.status == 200
        assert (await response.json())[0]["action"] == "talk"


async def test_the_curl_command_quotes_special_characters(client: ConsoleClient) -> None:
    hostile = '{"text":"\'; echo $(whoami) `id` \\" \\u0000\n"}'
    export = await client.send("POST", "/api/webhooks/curl", webhook(body=hostile))
    words = shlex.split(export["text"])
    assert words[words.index("--data-raw") + 1] == hostile


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_function_accepts_the_event_file(
    client: ConsoleClient, real: LocalPlatform, method: str
) -> None:
    export = await client.send("POST", "/api/webhooks/event", webhook(method))
    result = await real.lambdas.invoke("AnswerFunction", json.loads(export["text"]))
    assert result.payload["statusCode"] == 200
    assert "talk" in result.payload["body"]


async def test_signs_a_webhook_with_a_new_token_each_time(
    client: ConsoleClient, real: LocalPlatform
) -> None:
    sent = await client.send("POST", "/api/webhooks/send", webhook())
    again = await client.send("POST", "/api/webhooks/send", webhook())
    assert (sent["status"], again["status"]) == (200, 200)
    assert json.loads(again["body"])[0]["action"] == "talk"
    assert again["headers"]["content-type"] == "application/json"
    assert again["ms"] > 0
    tokens = []
    for one in (sent, again):
        logged = real.gateway.request_log.get(one["headers"]["apigw-requestid"])
        assert logged is not None
        assert logged.event is not None
        tokens.append(logged.event["headers"]["authorization"])
    assert tokens[0] != tokens[1]


async def test_resends_a_calls_webhook_byte_for_byte(
    client: ConsoleClient, real: LocalPlatform
) -> None:
    # given an event that Vonage sent
    text = json.dumps(CALL | {"status": "ringing", "timestamp": "2026-03-29T21:20:05.582Z"})
    body = webhook(path="/webhooks/event", query="", body=text)
    # when the page sends it again
    sent = await client.send("POST", "/api/webhooks/send", body)
    # then the function gets the same bytes
    assert sent["status"] == 204
    logged = await client.get(f"/api/exchanges/{sent['headers']['apigw-requestid']}")
    assert logged["event"]["body"] == text
    assert logged["response"]["status"] == 204


async def test_returns_the_applications_error(client: ConsoleClient) -> None:
    sent = await client.send("POST", "/api/webhooks/send", webhook(body={"from": "1"}))
    assert sent["status"] == 400
    assert "missing" in sent["body"]


async def test_cannot_call_the_admin_api(client: ConsoleClient) -> None:
    sent = await client.send("POST", "/api/webhooks/send", webhook(path="/calls", query=""))
    assert sent["status"] == 403


@pytest.mark.parametrize("route", ["curl", "event", "send"])
@pytest.mark.parametrize(
    "invalid",
    [
        {"method": "DELETE"},
        {"method": None},
        {"path": "webhooks/answer"},
        {"path": "http://evil.example/"},
        {"path": "//evil.example/"},
        {"path": "@evil.example/"},
        {"path": "/webhooks/answer?x=1"},
        {"path": "/webhooks/answer#x"},
        {"path": "/a b"},
        {"path": "/a\r\nHost: evil.example"},
        {"path": "/é"},
        {"path": 1},
        {"query": "a b"},
        {"query": "a=1\r\nX: y"},
        {"query": "a#b"},
        {"query": None},
        {"body": "\ud800"},
        {"method": "GET", "body": "text"},
    ],
)
async def test_rejects_a_webhook_that_cannot_be_sent(
    harness: ConsoleHarness, route: str, invalid: dict[str, Any]
) -> None:
    error = await harness.client.send(
        "POST", f"/api/webhooks/{route}", webhook(**invalid), expect=400
    )
    assert error["title"] == "Bad Request"
    assert error["detail"]


@pytest.mark.parametrize("field", ["method", "path", "query", "body"])
async def test_names_a_missing_field(harness: ConsoleHarness, field: str) -> None:
    body = webhook()
    del body[field]
    error = await harness.client.send("POST", "/api/webhooks/curl", body, expect=400)
    assert error["detail"] == f"{field} is missing"


async def test_returns_502_if_the_api_is_not_running(harness: ConsoleHarness) -> None:
    error = await harness.client.send("POST", "/api/webhooks/send", webhook(), expect=502)
    assert error["title"] == "The API is not responding"


async def test_returns_404_for_a_request_that_is_not_logged(client: ConsoleClient) -> None:
    error = await client.get(f"/api/exchanges/{uuid.uuid4().hex}", 404)
    assert error["detail"]
