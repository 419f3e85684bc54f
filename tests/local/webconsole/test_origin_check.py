"""Origin checks and security headers, and secrets that responses must not contain."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import pytest

from tests.local.webconsole.harness import logged_request, raw

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
async def test_rejects_another_host(harness: ConsoleHarness, path: str, host: str) -> None:
    other = host.format(port=urlsplit(harness.client.url).port)
    status, _ = await raw(harness.client.url, f"GET {path}", host=other)
    assert status == 403
    assert not harness.vonage.requests


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
async def test_rejects_requests_from_another_origin(
    harness: ConsoleHarness, path: str, header: str
) -> None:
    line = header.format(port=urlsplit(harness.client.url).port)
    for method in ("GET", "POST"):
        status, _ = await raw(harness.client.url, f"{method} {path}", line)
        assert status == 403
    assert not harness.vonage.requests


@pytest.mark.parametrize("header", FOREIGN)
@pytest.mark.parametrize("path", SOCKETS)
async def test_rejects_websockets_from_another_origin(
    harness: ConsoleHarness, path: str, header: str
) -> None:
    line = header.format(port=urlsplit(harness.client.url).port)
    status, _ = await raw(harness.client.url, f"GET {path}", line, *UPGRADE)
    assert status == 403
    assert harness.vonage.connections == 0


async def test_rejects_a_second_host_or_origin_header(
    harness: ConsoleHarness,
) -> None:
    for header in ("Host: evil.example", "Origin: https://evil.example"):
        status, _ = await raw(
            harness.client.url, "GET /api/stack", f"Origin: {harness.client.url}", header
        )
        assert status in (400, 403)


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_accepts_requests_from_its_own_page(harness: ConsoleHarness, site: str) -> None:
    headers = (f"Origin: {harness.client.url}", f"Sec-Fetch-Site: {site}")
    assert (await raw(harness.client.url, "GET /api/stack", *headers))[0] == 200
    status, _ = await raw(harness.client.url, "GET /sim/calls", *headers)
    assert status == 418


async def test_accepts_websockets_from_its_own_page(harness: ConsoleHarness) -> None:
    origin = {"Origin": harness.client.url}
    for path in SOCKETS:
        async with harness.client.http.ws_connect(
            harness.client.url + path, headers=origin
        ) as socket:
            assert not socket.closed


@pytest.mark.parametrize("path", [*PATHS, "/api/exchanges/none", "/page/../server.py"])
async def test_every_response_has_the_security_headers(harness: ConsoleHarness, path: str) -> None:
    for host in (None, "evil.example"):
        _, response = await raw(harness.client.url, f"GET {path}", host=host)
        head = response.partition("\r\n\r\n")[0].lower()
        assert "content-security-policy: default-src 'none'; script-src 'self'; style-src" in head
        assert "require-trusted-types-for 'script'; trusted-types 'none'" in head
        assert "frame-ancestors 'none'" in head
        assert "x-content-type-options: nosniff" in head
        assert "referrer-policy: no-referrer" in head
        assert "cache-control: no-cache" in head
        assert "access-control-allow-origin" not in head


async def test_returns_404_and_405_as_json(
    harness: ConsoleHarness,
) -> None:
    assert await harness.client.get("/nothing", 404) == {"title": "Not Found", "detail": ""}
    error = await harness.client.send("DELETE", "/api/stack", expect=405)
    assert error["title"] == "Method Not Allowed"


@pytest.mark.parametrize("path", ["/api/webhooks/curl", "/api/webhooks/send", "/sim/calls"])
async def test_rejects_a_body_larger_than_one_mebibyte(harness: ConsoleHarness, path: str) -> None:
    body = io.BytesIO(b"x" * (1024 * 1024 + 1))
    async with harness.client.http.post(f"{harness.client.url}{path}", data=body) as response:
        assert response.status == 413
        assert (await response.json())["title"]
    assert not harness.vonage.requests


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a": NaN'])
async def test_rejects_a_body_that_is_not_a_json_object(
    harness: ConsoleHarness, body: bytes
) -> None:
    async with harness.client.http.post(
        f"{harness.client.url}/api/webhooks/curl", data=body
    ) as response:
        assert response.status == 400
        assert (await response.json())["detail"].startswith("the body must be")


def secrets(platform: LocalPlatform) -> list[str]:
    """Return the platform's secrets, each line of the private key separately."""
    credentials = asdict(platform.credentials)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    lines = credentials["private_key"].splitlines()[1:-2]
    return [
        credentials["api_secret"],
        credentials["signature_secret"],
        *(credentials[n] for n in names),
        *lines,
    ]


async def test_the_stack_contains_no_secret(real: LocalPlatform, client: ConsoleClient) -> None:
    stack = json.dumps(await client.get("/api/stack"))
    assert not [one for one in secrets(real) if one in stack]


async def test_redacts_every_secret_in_a_logged_request(
    platform: LocalPlatform, client: ConsoleClient
) -> None:
    # given a function that returns its environment
    async with client.http.get(f"{platform.api_url}/probe?do=state") as response:
        body = await response.text()
        assert platform.credentials.aws_secret_access_key in body
    # when the page gets the logged request
    url = f"{platform.phone.url}/api/exchanges/{response.headers['Apigw-Requestid']}"
    async with client.http.get(url) as logged:
        shown = await logged.text()
    # then the response is there without the secrets
    assert "AWS_SECRET_ACCESS_KEY" in shown
    assert not [one for one in secrets(platform) if one in shown]


async def test_redacts_the_credentials_of_an_iam_signed_request(
    platform: LocalPlatform, client: ConsoleClient
) -> None:
    url = f"{platform.api_url}/owner/1"
    async with client.http.put(url, headers=platform.signed("PUT", "/owner/1")) as response:
        assert response.status == 200
    url = f"{platform.phone.url}/api/exchanges/{response.headers['Apigw-Requestid']}"
    async with client.http.get(url) as logged:
        shown = await logged.json()
    assert shown["route"] == "PUT /owner/{uuid}"
    assert shown["event"]["headers"]["authorization"] == "(hidden)"
    assert not [one for one in secrets(platform) if one in json.dumps(shown)]


async def test_redacts_the_signature_of_a_webhooks_token(harness: ConsoleHarness) -> None:
    token = jwt.encode({"iss": "Vonage"}, "a secret of this test, of no other use", "HS256")
    event = {"headers": {"authorization": f"Bearer {token}"}, "rawQueryString": ""}
    harness.request_log.add(logged_request(event=event))
    shown = await harness.client.get("/api/exchanges/exchange1")
    header = shown["event"]["headers"]["authorization"]
    assert header == f"Bearer {token.rpartition('.')[0]}.(hidden)"


async def test_redacts_secrets_in_log_lines(harness: ConsoleHarness) -> None:
    harness.request_log.add(logged_request(log=("the key is 0123456789abcdefghij!",)))
    shown: Any = await harness.client.get("/api/exchanges/exchange1")
    assert shown["log"] == ["the key is (secret)!"]


async def test_an_idle_connection_does_not_delay_stopping(
    harness: ConsoleHarness,
) -> None:
    address = urlsplit(harness.client.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /api/webhooks/curl HTTP/1.1\r\nContent-Length: 10\r\n")
    await writer.drain()
    async with asyncio.timeout(10):
        await harness.console.stop()
    writer.close()
