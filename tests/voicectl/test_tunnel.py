"""`voicectl tunnel`: only signed webhooks pass, and everything is restored."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from local.samples.signing import Sample, Signer
from tests.voicectl.cli_process import RENTED, addresses, free_port, point_elsewhere
from voicectl import tunnel_program
from voicectl.errors import VoicectlError
from voicectl.webhook_redirect import checked_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

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


# Programs that open a tunnel

PUBLIC = {
    "cloudflared": "https://made-up-words.trycloudflare.com",
    "ngrok": "https://made-up.ngrok-free.app",
}
# What the programs print before they print the URL, and the line with it.
PRINTED = {
    "cloudflared": """\
INF Requesting new quick Tunnel on trycloudflare.com...
ERR failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel", trying again
INF |  https://made-up-words.trycloudflare.com                                          |
""",
    "ngrok": """\
t=2026-01-31T10:00:00+0000 lvl=info msg="starting web service" addr=127.0.0.1:4040
t=2026-01-31T10:00:00+0000 lvl=info msg="started tunnel" obj=tunnels name=command_line \
addr=http://localhost:8800 url=https://made-up.ngrok-free.app
""",
}


def install(folder: Path, name: str, after: str, printed: str | None = None) -> dict[str, str]:
    """Write a program that stores its arguments, prints, and goes on; return the environment."""
    folder.mkdir()
    (folder / "printed").write_text(PRINTED[name] if printed is None else printed)
    program = folder / name
    program.write_text(
        f'#!/bin/sh\ncd "{folder}"\necho "$@" > arguments\ncat printed >&2\n'
        f"trap 'echo stopped > stopped; exit 0' TERM\necho $$ > process\n{after}\n"
    )
    program.chmod(0o700)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


_FOREVER = "while :; do sleep 0.1; done"


async def started(terminal: CliTerminal, environment: dict[str, str], *words: str) -> Any:
    """Start the command, and return its process once it listens."""
    process = await terminal.start("tunnel", "--yes", *words, environment=environment)
    assert process.stdout is not None
    while line := await asyncio.wait_for(process.stdout.readline(), 30):
        if b"Ctrl-C stops it" in line:
            return process
    raise AssertionError(await process.communicate())


@pytest.mark.parametrize("name", ["cloudflared", "ngrok"])
async def test_an_installed_program_opens_the_tunnel_and_is_stopped_at_the_end(
    terminal: CliTerminal, account: CliAccount, tmp_path: Path, name: str
) -> None:
    before = await point_elsewhere(account)
    folder = tmp_path / "bin"
    port = str(free_port())
    process = await started(terminal, install(folder, name, _FOREVER), "--port", port)
    assert addresses(await account.application())["answer_url"] == (
        f"{PUBLIC[name]}/webhooks/answer"
    )
    assert port in (folder / "arguments").read_text()
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, err) == (0, b""), (out, err)
    assert await account.application() == before
    assert (folder / "stopped").exists()


async def test_webhooks_are_restored_if_the_program_is_killed(
    terminal: CliTerminal, account: CliAccount, tmp_path: Path
) -> None:
    before = await point_elsewhere(account)
    folder = tmp_path / "bin"
    environment = install(folder, "cloudflared", _FOREVER)
    process = await started(terminal, environment, "--port", "0")
    os.kill(int((folder / "process").read_text()), signal.SIGKILL)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"the tunnel program has exited" in err
    assert await account.application() == before


async def test_a_program_that_exits_early_is_an_error_with_its_last_line(
    terminal: CliTerminal, account: CliAccount, tmp_path: Path
) -> None:
    before = await account.application()
    environment = install(tmp_path / "bin", "ngrok", "exit 1", "authentication failed: no token\n")
    ran = await terminal("tunnel", "--yes", environment=environment)
    assert ran.status == 1
    assert ran.err == ("error: ngrok exited. Its last line was: authentication failed: no token\n")
    assert await account.application() == before


async def test_a_program_without_a_url_in_time_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = install(tmp_path / "bin", "cloudflared", _FOREVER, "INF Requesting\n")
    monkeypatch.setenv("PATH", environment["PATH"])
    monkeypatch.setattr(tunnel_program, "_URL_SECONDS", 0.5)
    with (
        pytest.raises(VoicectlError, match=r"cloudflared printed no URL in 0\.5 s"),
        tunnel_program.public_tunnel(None, 8800),
    ):
        pass
    process = int((tmp_path / "bin" / "process").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_without_a_program_the_error_says_what_to_install_or_to_pass(
    terminal: CliTerminal, tmp_path: Path
) -> None:
    for words in ((), ("--dry-run",)):
        ran = await terminal("tunnel", *words, environment={"PATH": str(tmp_path)})
        assert ran.status == 1
        assert "Install cloudflared or ngrok" in ran.err
        assert "--public-url" in ran.err


async def test_a_dry_run_starts_no_program(
    terminal: CliTerminal, account: CliAccount, tmp_path: Path
) -> None:
    environment = install(tmp_path / "bin", "cloudflared", _FOREVER)
    ran = await terminal("tunnel", "--dry-run", environment=environment)
    assert (ran.status, "https://the-url-of-cloudflared/webhooks/answer" in ran.out) == (0, True)
    assert not (tmp_path / "bin" / "arguments").exists()


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
