"""The log of the API's requests hides the input of URLs with the parameter ``secret``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    import aiohttp

    from local.local_platform import LocalPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")
DIGITS = "73519462880147359264"


async def logged_text(
    platform: LocalPlatform, http: aiohttp.ClientSession, method: str, path: str, **options: Any
) -> str:
    """Send a request with a token, and return what is logged of it."""
    headers = {"Authorization": "Bearer head.claims.signature"}
    async with http.request(method, path, headers=headers, **options) as response:
        assert response.status == 200
    logged = platform.gateway.request_log.get(response.headers["Apigw-Requestid"])
    assert logged is not None
    # Only the event: the function of these tests returns what it received.
    return json.dumps(asdict(logged)["event"])


@pytest.mark.parametrize(
    "fields",
    [
        {"dtmf": {"digits": DIGITS, "timed_out": False}, "uuid": "u"},
        {"dtmf": DIGITS, "uuid": "u"},
        {"dtmf": {"digits": None}, "speech": {"results": [{"text": DIGITS}]}, "uuid": "u"},
    ],
)
async def test_the_fields_of_a_secret_webhook_are_hidden(
    platform: LocalPlatform, http: aiohttp.ClientSession, fields: dict[str, Any]
) -> None:
    text = await logged_text(platform, http, "POST", "/probe?flow=pin&secret=1", json=fields)
    assert DIGITS not in text
    assert "claims" not in text
    assert '\\"uuid\\":\\"u\\"' in text
    assert "flow=pin" in text


async def test_the_query_of_a_secret_webhook_is_hidden(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    dtmf = quote(json.dumps({"digits": DIGITS}))
    text = await logged_text(platform, http, "GET", f"/probe?secret=1&dtmf={dtmf}&uuid=u")
    assert DIGITS not in text
    assert "uuid=u" in text


async def test_a_secret_body_that_is_not_json_is_hidden(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    assert DIGITS not in await logged_text(platform, http, "POST", "/probe?secret=1", data=DIGITS)


async def test_a_fallback_request_hides_the_secret_of_the_webhook_that_failed(
    platform: LocalPlatform, http: aiohttp.ClientSession
) -> None:
    fields = {
        "dtmf": {"digits": DIGITS},
        "original_request": {"url": "http://127.0.0.1/webhooks/dtmf?secret=1", "type": "event"},
    }
    assert DIGITS not in await logged_text(platform, http, "POST", "/probe", json=fields)


@pytest.mark.parametrize("query", ["", "?not_secret=1", "?flow=secret"])
async def test_other_webhooks_are_shown(
    platform: LocalPlatform, http: aiohttp.ClientSession, query: str
) -> None:
    fields = {"dtmf": {"digits": DIGITS}}
    text = await logged_text(platform, http, "POST", f"/probe{query}", json=fields)
    assert DIGITS in text
    assert "claims" in text
