"""Who may ask the phone, and what it never gives away."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import pytest

from tests.local.webconsole.harness import exchange, raw

if TYPE_CHECKING:
    from local.local_platform import LocalPlatform
    from tests.local.webconsole.harness import ConsoleClient, ConsoleHarness

pytestmark = pytest.mark.asyncio(loop_scope="session")

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
PATHS = ["/", "/page/app.js", "/api/stack", "/sim/calls", "/nothing"]
SOCKETS = ["/api/socket", "/sim/calls/known/audio"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"]
)
async def test_another_host_is_refused(booth: ConsoleHarness, path: str, host: str) -> None:
    named = host.format(port=urlsplit(booth.page.url).port)
    status, _ = await raw(booth.page.url, f"GET {path}", host=named)
    assert status == 403
    assert not booth.vonage.requests


FOREIGN = [
    "Origin: https://evil.example",
    "Origin: null",
    "Origin: http://127.0.0.1:1",
    "Origin: http://localhost:{port}",
    "Origin: https://127.0.0.1:{port}",
    "Origin: http://127.0.0.1:{port}.evil.example",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
    "Sec-Fetch-Site: nonsense",
]


@pytest.mark.parametrize("header", FOREIGN)
@pytest.mark.parametrize("path", PATHS)
async def test_a_page_of_another_origin_is_refused(
    booth: ConsoleHarness, path: str, header: str
) -> None:
    given = header.format(port=urlsplit(booth.page.url).port)
    for method in ("GET", "POST"):
        status, _ = await raw(booth.page.url, f"{method} {path}", given)
        assert status == 403
    assert not booth.vonage.requests


@pytest.mark.parametrize("header", FOREIGN)
@pytest.mark.parametrize("path", SOCKETS)
async def test_a_websocket_of_another_origin_is_refused(
    booth: ConsoleHarness, path: str, header: str
) -> None:
    given = header.format(port=urlsplit(booth.page.url).port)
    status, _ = await raw(booth.page.url, f"GET {path}", given, *UPGRADE)
    assert status == 403
    assert booth.vonage.connections == 0


async def test_a_second_host_or_origin_beside_the_right_one_is_refused(
    booth: ConsoleHarness,
) -> None:
    for header in ("Host: evil.example", "Origin: https://evil.example"):
        status, _ = await raw(booth.page.url, "GET /api/stack", f"Origin: {booth.page.url}", header)
        assert status in (400, 403)


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_the_page_itself_is_let_in(booth: ConsoleHarness, site: str) -> None:
    headers = (f"Origin: {booth.page.url}", f"Sec-Fetch-Site: {site}")
    assert (await raw(booth.page.url, "GET /api/stack", *headers))[0] == 200
    status, _ = await raw(booth.page.url, "GET /sim/calls", *headers)
    assert status == 418


async def test_the_page_itself_is_let_in_to_a_websocket(booth: ConsoleHarness) -> None:
    origin = {"Origin": booth.page.url}
    for path in SOCKETS:
        async with booth.page.http.ws_connect(booth.page.url + path, headers=origin) as socket:
            assert not socket.closed


@pytest.mark.parametrize("path", [*PATHS, "/api/exchanges/none", "/page/../server.py"])
async def test_every_answer_keeps_the_browser_strict(booth: ConsoleHarness, path: str) -> None:
    for host in (None, "evil.example"):
        _, answer = await raw(booth.page.url, f"GET {path}", host=host)
        head = answer.partition("\r\n\r\n")[0].lower()
        assert "content-security-policy: default-src 'none'; script-src 'self'; style-src" in head
        assert "require-trusted-types-for 'script'; trusted-types 'none'" in head
        assert "frame-ancestors 'none'" in head
        assert "x-content-type-options: nosniff" in head
        assert "referrer-policy: no-referrer" in head
        assert "cache-control: no-cache" in head
        assert "access-control-allow-origin" not in head


async def test_what_is_not_there_and_what_cannot_be_done_is_told_as_json(
    booth: ConsoleHarness,
) -> None:
    assert await booth.page.get("/nothing", 404) == {"title": "Not Found", "detail": ""}
    told = await booth.page.send("DELETE", "/api/stack", expect=405)
    assert told["title"] == "Method Not Allowed"


@pytest.mark.parametrize("path", ["/api/webhooks/curl", "/api/webhooks/send", "/sim/calls"])
async def test_a_body_over_a_mebibyte_is_refused(booth: ConsoleHarness, path: str) -> None:
    body = io.BytesIO(b"x" * (1024 * 1024 + 1))
    async with booth.page.http.post(f"{booth.page.url}{path}", data=body) as reply:
        assert reply.status == 413
        assert (await reply.json())["title"]
    assert not booth.vonage.requests


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a": NaN'])
async def test_a_body_that_is_no_json_object_is_refused(booth: ConsoleHarness, body: bytes) -> None:
    async with booth.page.http.post(f"{booth.page.url}/api/webhooks/curl", data=body) as reply:
        assert reply.status == 400
        assert (await reply.json())["detail"].startswith("the body must be")


def secrets(platform: LocalPlatform) -> list[str]:
    """Give what opens something, each line of the key by itself."""
    known = asdict(platform.credentials)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    lines = known["private_key"].splitlines()[1:-2]
    return [known["api_secret"], known["signature_secret"], *(known[n] for n in names), *lines]


async def test_no_secret_is_told_of_the_platform(real: LocalPlatform, page: ConsoleClient) -> None:
    said = json.dumps(await page.get("/api/stack"))
    assert not [one for one in secrets(real) if one in said]


async def test_no_secret_is_told_of_an_exchange_that_holds_them_all(
    platform: LocalPlatform, page: ConsoleClient
) -> None:
    # given a function that answers with its environment
    async with page.http.get(f"{platform.api_url}/probe?do=state") as reply:
        said = await reply.text()
        assert platform.credentials.aws_secret_access_key in said
    # when the page looks at it
    url = f"{platform.phone.url}/api/exchanges/{reply.headers['Apigw-Requestid']}"
    async with page.http.get(url) as looked:
        shown = await looked.text()
    # then what it answered is there, but no secret
    assert "AWS_SECRET_ACCESS_KEY" in shown
    assert not [one for one in secrets(platform) if one in shown]


async def test_no_secret_is_told_of_an_exchange_that_the_owner_signed(
    platform: LocalPlatform, page: ConsoleClient
) -> None:
    url = f"{platform.api_url}/owner/1"
    async with page.http.put(url, headers=platform.signed("PUT", "/owner/1")) as reply:
        assert reply.status == 200
    url = f"{platform.phone.url}/api/exchanges/{reply.headers['Apigw-Requestid']}"
    async with page.http.get(url) as looked:
        shown = await looked.json()
    assert shown["route"] == "PUT /owner/{uuid}"
    assert shown["event"]["headers"]["authorization"] == "(hidden)"
    assert not [one for one in secrets(platform) if one in json.dumps(shown)]


async def test_no_token_that_a_webhook_came_with_is_told(booth: ConsoleHarness) -> None:
    token = jwt.encode({"iss": "Vonage"}, "a secret of this test, of no other use", "HS256")
    event = {"headers": {"authorization": f"Bearer {token}"}, "rawQueryString": ""}
    booth.exchanges.add(exchange(event=event))
    shown = await booth.page.get("/api/exchanges/exchange1")
    told = shown["event"]["headers"]["authorization"]
    assert told == f"Bearer {token.rpartition('.')[0]}.(hidden)"


async def test_no_secret_is_told_of_a_log(booth: ConsoleHarness) -> None:
    booth.exchanges.add(exchange(log=("the key is 0123456789abcdefghij!",)))
    shown: Any = await booth.page.get("/api/exchanges/exchange1")
    assert shown["log"] == ["the key is (secret)!"]


async def test_a_connection_that_says_nothing_does_not_hold_up_the_end(
    booth: ConsoleHarness,
) -> None:
    address = urlsplit(booth.page.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /api/webhooks/curl HTTP/1.1\r\nContent-Length: 10\r\n")
    await writer.drain()
    async with asyncio.timeout(10):
        await booth.phone.stop()
    writer.close()
