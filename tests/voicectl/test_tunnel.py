"""`voicectl tunnel`: only signed webhooks pass, and everything is restored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from local.samples.signing import Sample, Signer
from tests.voicectl.cli_process import RENTED, addresses, free_port, point_elsewhere
from voicectl.errors import VoicectlError
from voicectl.webhook_redirect import checked_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.voicectl.cli_process import CliAccount, CliTerminal

pytestmark = pytest.mark.asyncio(loop_scope="session")
CALL = {
    "from": "447700900123",
    "to": RENTED,
    "uuid": "0" * 32,
    "conversation_uuid": "CON-00000000-0000-0000-0000-000000000000",
}


class Tunnel:
    """An open tunnel, with its listener's address as the public URL."""

    def __init__(
        self, process: asyncio.subprocess.Process, url: str, terminal: CliTerminal
    ) -> None:
        self.process = process
        self.url = url
        self.terminal = terminal

    async def end(self, how: signal.Signals) -> str:
        if self.process.returncode is None:
            self.process.send_signal(how)
        out, err = await asyncio.wait_for(self.process.communicate(), 30)
        return (out + err).decode()

    async def send(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes]:
        async with self.terminal.http.request(
            method, f"{self.url}{path}", data=body or None, headers=headers
        ) as response:
            return response.status, await response.read()

    def signed(self, body: bytes, path: str = "/webhooks/answer", **changes: Any) -> str:
        known = self.terminal.platform.credentials
        fields = {
            "secret": known.signature_secret,
            "api_key": known.api_key,
            "application_id": known.application_id,
        }
        now = changes.pop("now", None)
        token = Signer(**(fields | changes)).token(Sample("POST", path, "", body), now)
        return f"Bearer {token}"


@contextlib.asynccontextmanager
async def opened(terminal: CliTerminal) -> AsyncIterator[Tunnel]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = await terminal.start("tunnel", "--yes", "--public-url", url, "--port", str(port))
    tunnel = Tunnel(process, url, terminal)
    try:
        assert process.stdout is not None
        while line := await asyncio.wait_for(process.stdout.readline(), 30):
            if b"Ctrl-C stops it" in line:
                break
        else:
            raise AssertionError(await process.communicate())
        yield tunnel
    finally:
        await tunnel.end(signal.SIGTERM)


@pytest_asyncio.fixture(loop_scope="session")
async def tunnel(terminal: CliTerminal, account: CliAccount) -> AsyncIterator[Tunnel]:
    async with opened(terminal) as one:
        yield one


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGHUP])
async def test_a_call_through_the_tunnel_is_answered_and_the_urls_are_restored(
    terminal: CliTerminal, account: CliAccount, signal_number: signal.Signals
) -> None:
    before = await point_elsewhere(account)
    async with opened(terminal) as tunnel:
        assert addresses(await account.application())["answer_url"].startswith(tunnel.url)
        leg = await terminal.call_until_stored()
        looked = await terminal.vonage("GET", f"/sim/calls/{leg}")
        assert any("Thank you for calling" in str(one.get("text")) for one in looked["heard"])
        assert all(one["url"].startswith(tunnel.url) for one in looked["webhooks"])
        await tunnel.end(signal_number)
    assert await account.application() == before
    assert not list((terminal.folder / ".connect").glob("tunnel-*"))


async def test_every_command_warns_of_a_killed_tunnel_until_restore(
    terminal: CliTerminal, account: CliAccount
) -> None:
    before = await point_elsewhere(account)
    async with opened(terminal) as tunnel:
        await tunnel.end(signal.SIGKILL)
    assert addresses(await account.application())["answer_url"].startswith(tunnel.url)
    warned = await terminal("token")
    assert "a tunnel was killed" in warned.err
    restored = await terminal("restore", "--yes")
    assert restored.status == 0, restored
    assert await account.application() == before
    assert (await terminal("token")).err == ""


async def test_the_next_tunnel_restores_the_webhooks_of_a_killed_one(
    terminal: CliTerminal, account: CliAccount
) -> None:
    before = await point_elsewhere(account)
    async with opened(terminal) as killed:
        await killed.end(signal.SIGKILL)
    async with opened(terminal) as tunnel:
        assert addresses(await account.application())["answer_url"].startswith(tunnel.url)
    assert await account.application() == before


async def test_there_is_one_tunnel_at_a_time(terminal: CliTerminal, tunnel: Tunnel) -> None:
    for words in (("tunnel", "--public-url", "http://127.0.0.1:1", "--port", "0"), ("restore",)):
        ran = await terminal("--yes", *words)
        assert ran.status == 1
        assert "a tunnel is running" in ran.err


# Requests that are not from Vonage


async def test_requests_without_a_valid_signature_are_rejected(tunnel: Tunnel) -> None:
    body = json.dumps(CALL).encode()
    known = tunnel.terminal.platform.credentials
    good = tunnel.signed(body)
    answered, ncco = await tunnel.send("POST", "/webhooks/answer", body, Authorization=good)
    assert (answered, json.loads(ncco)[0]["action"]) == (200, "talk")
    invalid = {
        "no signature": (503, {}),
        "another secret": (401, {"Authorization": tunnel.signed(body, secret="x" * 40)}),
        "another body": (401, {"Authorization": tunnel.signed(b"{}")}),
        "another application": (401, {"Authorization": tunnel.signed(body, application_id="x")}),
        "old": (401, {"Authorization": tunnel.signed(body, now=time.time() - 3600)}),
        "from the future": (401, {"Authorization": tunnel.signed(body, now=time.time() + 3600)}),
        "malformed": (401, {"Authorization": "Bearer x.y"}),
        "basic": (401, {"Authorization": f"Basic {known.api_key}"}),
    }
    for case, (status, headers) in invalid.items():
        response = await tunnel.send("POST", "/webhooks/answer", body, **headers)
        assert response == (status, b""), case


async def test_other_paths_are_not_forwarded_even_if_signed(tunnel: Tunnel) -> None:
    for path in (
        "/",
        "/calls",
        "/webhooks",
        "/webhooks/",
        "/webhooks/../calls",
        "/webhooks/%2e%2e/calls",
        "/webhooks/answer/../../calls",
        "/history?day=2026-01-31",
        "/sim/calls",
    ):
        port = int(tunnel.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {tunnel.signed(b'')}\r\n\r\n"
        writer.write(head.encode())
        status = (await asyncio.wait_for(reader.readline(), 10)).split()[1]
        writer.close()
        assert status == b"404", path


async def test_a_body_over_256_kib_is_not_read(tunnel: Tunnel) -> None:
    body = b" " * (256 * 1024 + 1)
    response = await tunnel.send("POST", "/webhooks/event", body, Authorization=tunnel.signed(body))
    assert response == (413, b"")


async def test_other_methods_are_not_forwarded(tunnel: Tunnel) -> None:
    signed = tunnel.signed(b"")
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS"):
        status, _ = await tunnel.send(method, "/webhooks/answer", Authorization=signed)
        assert status == 501, method


async def test_the_public_url_has_only_https_and_a_host() -> None:
    assert checked_url("https://example.com/", local=False) == "https://example.com"
    assert checked_url("http://127.0.0.1:8800", local=True) == "http://127.0.0.1:8800"
    for wrong in (
        "example.com",
        "http://example.com",
        "ftp://example.com",
        "https://example.com/path",
        "https://example.com?x",
        "https://user@example.com",
        "https://",
    ):
        with pytest.raises(VoicectlError):
            checked_url(wrong, local=False)
