"""`python -m vonage_simulator`: its options, its output, its exit."""

import asyncio
import os
import shlex
import signal
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from vonage_simulator.command_options import parser, read_key, settings_from


async def start(*options: str) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    """Start the command on free ports; return what it prints before it serves."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vonage_simulator", "--http-port", "0", "--tls-port", "0"),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    printed: dict[str, str] = {}
    while "signature secret" not in printed:
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line, "it ended before it served"
        printed[line[:17].strip()] = line[17:].strip()
    return process, printed


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_command_serves_until_a_signal(tmp_path: Path, signal_number: signal.Signals) -> None:
    key = tmp_path / "private.key"
    ca_file = tmp_path / "ca.pem"
    process, printed = await start(
        *("--answer-url", "http://localhost:9/answer", "--number", "+447700900005"),
        *("--key", str(key), "--ca-file", str(ca_file)),
    )
    async with (
        aiohttp.ClientSession() as client,
        client.get(printed["API"] + "/sim") as response,
    ):
        assert "447700900005" in (await response.json())["numbers"]
    assert "CERTIFICATE" in ca_file.read_text()
    process.send_signal(signal_number)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, errors) == (0, b"")


async def test_command_reports_a_malformed_request_in_one_line() -> None:
    process, printed = await start()
    address = urlsplit(printed["API"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET /sim HTTP/1.1\r\nHost: {address.netloc}\r\nHost: x\r\n\r\n".encode())
    assert (await reader.read()).split()[1] == b"400"
    writer.close()
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert errors == b"malformed request: Duplicate 'Host' header found.\n"


async def test_command_prints_why_it_cannot_start(tmp_path: Path) -> None:
    key = tmp_path / "private.key"
    key.write_text("no key")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vonage_simulator", "--http-port", "0", "--tls-port", "0", "--key", str(key)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert errors.startswith(b"cannot start: ")
    assert b"Traceback" not in errors


def test_missing_key_file_is_created_with_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "private.key"
    made = read_key(path)
    assert made is not None
    assert "BEGIN PRIVATE KEY" in made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == made


def test_every_option_is_in_the_settings() -> None:
    options = shlex.split(
        "--answer-url http://a/ --answer-method POST --event-url http://e/ --event-method GET "
        "--fallback-url http://f/ --number 447700900005 --number 447700900006 "
        "--application-id app --api-key k --api-secret s --signature-secret g --unsigned "
        "--http-port 1 --tls-port 2 --ca-file ca.pem --public-scheme http --region na-east "
        "--speed 5 --seed 7"
    )
    settings = settings_from(parser().parse_args(options), "public key")
    assert settings.answer is not None
    assert settings.event is not None
    assert settings.fallback is not None
    assert (settings.answer.url, settings.answer.method) == ("http://a/", "POST")
    assert (settings.event.url, settings.event.method) == ("http://e/", "GET")
    assert (settings.fallback.url, settings.fallback.method) == ("http://f/", "POST")
    assert settings.numbers == ("447700900005", "447700900006")
    assert (settings.application_id, settings.api_key, settings.api_secret) == ("app", "k", "s")
    assert (settings.signature_secret, settings.signed_callbacks) == ("g", False)
    assert (settings.http_port, settings.tls_port, settings.ca_file) == (1, 2, "ca.pem")
    assert (settings.public_scheme, settings.region) == ("http", "na-east")
    assert (settings.speed, settings.seed, settings.public_key) == (5.0, 7, "public key")


@pytest.mark.parametrize("option", [["--region", "moon"], ["--http-port", "x"], ["--color"]])
def test_unknown_options_and_values_are_errors(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(option)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err
