"""Webhooks that the page makes by hand: signed anew each time, and accepted by the application."""

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
    """Make the page's description of an answer webhook."""
    asked = {"method": method, "path": "/webhooks/answer", "query": "flow=greet", "body": CALL}
    return asked | more


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_curl_command_is_accepted_by_the_application(
    page: ConsoleClient, real: LocalPlatform, method: str
) -> None:
    made = await page.send("POST", "/api/webhooks/curl", webhook(method))
    words = shlex.split(made["text"])
    assert (words[0], words[words.index("-X") + 1]) == ("curl", method)
    assert words[-1].startswith(f"{real.api_url}/webhooks/answer?flow=greet")
    given = [word for before, word in pairwise(words) if before == "-H"]
    headers = dict(one.split(": ", 1) for one in given)
    body = words[words.index("--data-raw") + 1] if method == "POST" else None
    address = URL(words[-1], encoded=True)
    async with page.http.request(method, address, headers=headers, data=body) as reply:
        assert reply.status == 200
        assert (await reply.json())[0]["action"] == "talk"


async def test_the_curl_command_sends_a_text_as_it_is(page: ConsoleClient) -> None:
    hostile = '{"text":"\'; echo $(whoami) `id` \\" \\u0000\n"}'
    made = await page.send("POST", "/api/webhooks/curl", webhook(body=hostile))
    words = shlex.split(made["text"])
    assert words[words.index("--data-raw") + 1] == hostile


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_event_file_is_accepted_by_the_function(
    page: ConsoleClient, real: LocalPlatform, method: str
) -> None:
    made = await page.send("POST", "/api/webhooks/event", webhook(method))
    result = await real.lambdas.invoke("AnswerFunction", json.loads(made["text"]))
    assert result.payload["statusCode"] == 200
    assert "talk" in result.payload["body"]


async def test_a_webhook_is_sent_again_signed_anew(
    page: ConsoleClient, real: LocalPlatform
) -> None:
    sent = await page.send("POST", "/api/webhooks/send", webhook())
    again = await page.send("POST", "/api/webhooks/send", webhook())
    assert (sent["status"], again["status"]) == (200, 200)
    assert json.loads(again["body"])[0]["action"] == "talk"
    assert again["headers"]["content-type"] == "application/json"
    assert again["ms"] > 0
    tokens = []
    for one in (sent, again):
        kept = real.gateway.request_log.get(one["headers"]["apigw-requestid"])
        assert kept is not None
        assert kept.event is not None
        tokens.append(kept.event["headers"]["authorization"])
    assert tokens[0] != tokens[1]


async def test_a_webhook_of_a_call_is_sent_again_as_it_was(
    page: ConsoleClient, real: LocalPlatform
) -> None:
    # given an event that Vonage sent
    text = json.dumps(CALL | {"status": "ringing", "timestamp": "2026-03-29T21:20:05.582Z"})
    asked = webhook(path="/webhooks/event", query="", body=text)
    # when the page sends it again
    sent = await page.send("POST", "/api/webhooks/send", asked)
    # then the function got the very bytes
    assert sent["status"] == 204
    kept = await page.get(f"/api/exchanges/{sent['headers']['apigw-requestid']}")
    assert kept["event"]["body"] == text
    assert kept["response"]["status"] == 204


async def test_what_the_application_refuses_is_told(page: ConsoleClient) -> None:
    sent = await page.send("POST", "/api/webhooks/send", webhook(body={"from": "1"}))
    assert sent["status"] == 400
    assert "missing" in sent["body"]


async def test_the_owners_routes_stay_closed(page: ConsoleClient) -> None:
    sent = await page.send("POST", "/api/webhooks/send", webhook(path="/calls", query=""))
    assert sent["status"] == 403


@pytest.mark.parametrize("door", ["curl", "event", "send"])
@pytest.mark.parametrize(
    "wrong",
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
async def test_what_cannot_be_sent_is_refused(
    booth: ConsoleHarness, door: str, wrong: dict[str, Any]
) -> None:
    told = await booth.page.send("POST", f"/api/webhooks/{door}", webhook(**wrong), expect=400)
    assert told["title"] == "Bad Request"
    assert told["detail"]


@pytest.mark.parametrize("field", ["method", "path", "query", "body"])
async def test_what_is_missing_is_named(booth: ConsoleHarness, field: str) -> None:
    asked = webhook()
    del asked[field]
    told = await booth.page.send("POST", "/api/webhooks/curl", asked, expect=400)
    assert told["detail"] == f"{field} is missing"


async def test_an_api_that_is_gone_is_told(booth: ConsoleHarness) -> None:
    told = await booth.page.send("POST", "/api/webhooks/send", webhook(), expect=502)
    assert told["title"] == "The API does not answer"


async def test_an_exchange_that_is_kept_no_more_is_told(page: ConsoleClient) -> None:
    told = await page.get(f"/api/exchanges/{uuid.uuid4().hex}", 404)
    assert told["detail"]
