"""`python -m voicectl tunnel`: signed webhooks in, nothing else; and everything put back."""

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
from tests.voicectl.cli_process import RENTED, addresses, free_port, pointed_elsewhere
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
    """A tunnel that is open; its public address is its own listener's."""

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
        given = {
            "secret": known.signature_secret,
            "api_key": known.api_key,
            "application_id": known.application_id,
        }
        now = changes.pop("now", None)
        token = Signer(**(given | changes)).token(Sample("POST", path, "", body), now)
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
            if b"Ctrl-C ends it" in line:
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


async def test_a_call_through_the_tunnel_is_answered_and_its_urls_are_put_back(
    terminal: CliTerminal, account: CliAccount
) -> None:
    before = await pointed_elsewhere(account)
    async with opened(terminal) as tunnel:
        assert addresses(await account.application())["answer_url"].startswith(tunnel.url)
        leg = await terminal.call_until_kept()
        looked = await terminal.vonage("GET", f"/sim/calls/{leg}")
        assert any("Thank you for calling" in str(one.get("text")) for one in looked["heard"])
        assert all(one["url"].startswith(tunnel.url) for one in looked["webhooks"])
        await tunnel.end(signal.SIGINT)
    assert await account.application() == before
    assert not list((terminal.folder / ".connect").glob("tunnel-*"))


async def test_a_tunnel_that_was_killed_is_told_of_and_mended_by_restore(
    terminal: CliTerminal, account: CliAccount
) -> None:
    before = await pointed_elsewhere(account)
    async with opened(terminal) as tunnel:
        await tunnel.end(signal.SIGKILL)
    assert addresses(await account.application())["answer_url"].startswith(tunnel.url)
    told = await terminal("token")
    assert "a tunnel was killed" in told.err
    mended = await terminal("restore", "--yes")
    assert mended.status == 0, mended
    assert await account.application() == before
    assert (await terminal("token")).err == ""


async def test_a_tunnel_that_was_killed_is_mended_by_the_next_one(
    terminal: CliTerminal, account: CliAccount
) -> None:
    before = await pointed_elsewhere(account)
    async with opened(terminal) as killed:
        await killed.end(signal.SIGKILL)
    async with opened(terminal) as tunnel:
        assert addresses(await account.application())["answer_url"].startswith(tunnel.url)
    assert await account.application() == before


async def test_there_is_one_tunnel_at_a_time(terminal: CliTerminal, tunnel: Tunnel) -> None:
    for words in (("tunnel", "--public-url", "http://127.0.0.1:1", "--port", "0"), ("restore",)):
        ran = await terminal("--yes", *words)
        assert ran.status == 1
        assert "a tunnel runs" in ran.err


# Strangers


async def test_strangers_reach_nothing_but_signed_webhooks(tunnel: Tunnel) -> None:
    body = json.dumps(CALL).encode()
    known = tunnel.terminal.platform.credentials
    good = tunnel.signed(body)
    answered, ncco = await tunnel.send("POST", "/webhooks/answer", body, Authorization=good)
    assert (answered, json.loads(ncco)[0]["action"]) == (200, "talk")
    lies = {
        "no signature": (503, {}),
        "somebody else's": (401, {"Authorization": tunnel.signed(body, secret="x" * 40)}),
        "of another body": (401, {"Authorization": tunnel.signed(b"{}")}),
        "of another application": (401, {"Authorization": tunnel.signed(body, application_id="x")}),
        "old": (401, {"Authorization": tunnel.signed(body, now=time.time() - 3600)}),
        "from the future": (401, {"Authorization": tunnel.signed(body, now=time.time() + 3600)}),
        "of no form": (401, {"Authorization": "Bearer x.y"}),
        "basic": (401, {"Authorization": f"Basic {known.api_key}"}),
    }
    for lie, (status, headers) in lies.items():
        got = await tunnel.send("POST", "/webhooks/answer", body, **headers)
        assert got == (status, b""), lie


async def test_no_other_path_is_forwarded_however_it_is_signed(tunnel: Tunnel) -> None:
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
    got = await tunnel.send("POST", "/webhooks/event", body, Authorization=tunnel.signed(body))
    assert got == (413, b"")


async def test_no_other_method_is_forwarded(tunnel: Tunnel) -> None:
    signed = tunnel.signed(b"")
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS"):
        status, _ = await tunnel.send(method, "/webhooks/answer", Authorization=signed)
        assert status == 501, method


async def test_the_public_address_is_https_and_a_host_alone() -> None:
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
