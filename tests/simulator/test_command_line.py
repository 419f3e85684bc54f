"""`python -m vonage_simulator`: its options, its output, its exit."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import ssl
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from vonage_simulator.account import make_keys
from vonage_simulator.command_options import parser, read_key, settings_from
from vonage_simulator.state_folder import open_state_folder


async def run(
    *options: str, stdout: int = asyncio.subprocess.PIPE, **environment: str
) -> asyncio.subprocess.Process:
    """Start the command on free ports."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vonage_simulator", "--http-port", "0", "--tls-port", "0"),
        *options,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )


async def start(*options: str) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    """Start the command on free ports; return what it prints before it serves."""
    process = await run(*options)
    assert process.stdout is not None
    printed: dict[str, str] = {}
    while "signature secret" not in printed:
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        assert line, "it ended before it served"
        printed[line[:17].strip()] = line[17:].strip()
    return process, printed


async def test_the_web_console_is_served_also_if_its_port_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process, printed = await start("--console-port", str(taken.getsockname()[1]))
        async with aiohttp.ClientSession(printed["web console"]) as http:
            async with http.get("/") as response:
                assert "/page/app.js" in await response.text()
            async with http.get("/api/stack") as response:
                assert printed["numbers"] == (await response.json())["numbers"][0]["number"]
    process.send_signal(signal.SIGINT)
    await process.wait()


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
    assert await failure("--key", str(key)) == (
        f"cannot start: --key {key}: not an RSA private key in PEM without a password. Use the "
        "private key file of the application, or a name that doesn't exist, for a new key\n"
    )


def test_missing_key_file_is_created_with_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "private.key"
    made = read_key(path)
    assert made is not None
    assert " PRIVATE KEY" in made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == made


def test_every_option_is_in_the_settings() -> None:
    options = shlex.split(
        "--answer-url http://a/ --answer-method POST --event-url http://e/ --event-method GET "
        "--fallback-url http://f/ --number 447700900005 --number 447700900006 "
        "--application-id app --api-key k --api-secret s --signature-secret g --unsigned "
        "--http-port 1 --tls-port 2 --ca-file ca.pem --public-scheme http --region na-east "
        "--speed 5 --seed 7 --host 0.0.0.0 --allow-host vonage --allow-host sim:80 "
        "--map https://my.app=http://localhost:3000 --public-host vonage"
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
    assert (settings.host, settings.allowed_hosts) == ("0.0.0.0", ("vonage", "sim:80"))
    assert settings.url_map == (("https://my.app", "http://localhost:3000"),)
    assert settings.public_host == "vonage"
    assert (settings.speed, settings.seed, settings.public_key) == (5.0, 7, "public key")


@pytest.mark.parametrize(
    ("options", "what_would_work"),
    [
        ("--answer-url localhost:3000/answer", "use http://localhost:3000/answer"),
        ("--event-url ftp://host/", "http://localhost:3000/webhooks/answer"),
        ("--fallback-url http://", "http://localhost:3000/webhooks/answer"),
        ("--answer-url http://host:99999/", "http://localhost:3000/webhooks/answer"),
        ("--answer-url 'http://a host/'", "expected a URL without"),
        ("--number '+44 7700 900001'", "use 447700900001"),
        ("--number 00447700900001", "use 447700900001"),
        ("--number mine", "7 to 15 digits"),
        ("--http-port 80000", "expected 1 to 65535"),
        ("--tls-port -1", "expected"),
        ("--map my.app=http://localhost:3000", "https://my.app=http://localhost:3000"),
        ("--map https://my.app", "https://my.app=http://localhost:3000"),
        ("--map https://my.app=localhost:3000", "https://my.app=http://localhost:3000"),
        ("--map https://my.app/a=http://localhost:3000", "expected only scheme, host and port"),
        ("--allow-host http://vonage:8080/", "use vonage:8080"),
        ("--allow-host my_app.example", "use my-app.example"),
        ("--allow-host vonage..example", "use simulator"),
        ("--host ''", "use 127.0.0.1"),
        ("--public-host vonage:80", "use vonage"),
        ("--public-host https://API.nexmo.com/", "use API.nexmo.com"),
        ("--speed nan", "expected 0 to 10000"),
    ],
)
def test_an_argument_that_cannot_work_is_refused_with_one_that_would(
    options: str, what_would_work: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(shlex.split(options))
    assert ended.value.code == 2
    assert what_would_work in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["another kind of key", "no key", "binary", "a password"])
def test_a_key_that_cannot_work_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "private.key"
    key = ec.generate_private_key(ec.SECP256R1())
    protection: KeySerializationEncryption = NoEncryption()
    if kind == "a password":
        protection = BestAvailableEncryption(b"password")
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
    if kind == "no key":
        path.write_text(make_keys()[0].replace("\n", "-\n"))
    if kind == "binary":
        path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="not an RSA private key in PEM"):
        read_key(path)


async def failure(*options: str) -> str:
    """Run the command, which must not start; return its standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vonage_simulator", "--http-port", "0", "--tls-port", "0", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, output) == (2, b"")
    return errors.decode()


async def test_a_port_in_use_is_an_error_that_names_the_options() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        error = await failure("--http-port", str(taken.getsockname()[1]))
    assert "--http-port" in error
    assert "Traceback" not in error


async def test_a_host_without_an_address_is_an_error() -> None:
    assert (await failure("--host", "nowhere.invalid")).startswith(
        "cannot start: --host nowhere.invalid: "
    )


# --state


async def test_the_state_folder_keeps_what_clients_are_configured_with(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    seen = []
    for _ in range(2):
        process, printed = await start("--state", str(folder), "--quiet")
        names = ("application id", "API secret", "signature secret", "private key", "CA file")
        ca = ssl.create_default_context(cafile=printed["CA file"])
        async with (
            aiohttp.ClientSession() as client,
            client.get(printed["API over TLS"] + "/sim", ssl=ca) as response,
        ):
            assert response.status == 200
        ca_file = (folder / "ca.pem").absolute()
        assert printed["Node"] == f"export NODE_EXTRA_CA_CERTS={ca_file}"
        assert printed["Python"] == f"export REQUESTS_CA_BUNDLE={ca_file}"
        assert printed["OpenSSL, Go, Ruby"] == f"export SSL_CERT_FILE={ca_file}"
        assert printed["curl"] == f"curl --cacert {ca_file} {printed['API over TLS']}"
        seen.append([*(printed[name] for name in names), ca_file.read_text()])
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 20)
    assert seen[0] == seen[1]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes["ca.key"] == modes["private.key"] == modes["account.json"] == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "private.key", "account.json"])
@pytest.mark.parametrize("content", ["", "{}", "no key"])
async def test_a_damaged_state_folder_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, content: str
) -> None:
    open_state_folder(tmp_path)
    (tmp_path / name).write_text(content)
    error = await failure("--state", str(tmp_path))
    assert error.startswith("cannot start: --")
    assert name in error
    assert "Traceback" not in error


async def test_a_state_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert f"--state {path}: not a folder" in await failure("--state", str(path))


async def test_simulators_that_start_at_once_share_a_state_folder(tmp_path: Path) -> None:
    saved = await asyncio.gather(
        *(asyncio.to_thread(open_state_folder, tmp_path / "state") for _ in range(4))
    )
    assert all(one == saved[0] for one in saved)


# Lines


async def test_json_lines_have_the_start_and_each_request_without_secrets() -> None:
    process = await run("--json", "--api-secret", "a-secret", "--signature-secret", "b-secret" * 8)
    assert process.stdout is not None
    started = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    assert started["kind"] == "started"
    async with aiohttp.ClientSession() as client:
        credentials = {"api_key": started["api_key"], "api_secret": "a-secret"}
        url = started["api"] + "/account/numbers"
        async with client.get(url, params=credentials) as response:
            assert response.status == 200
    line = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
    process.send_signal(signal.SIGINT)
    rest, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (line["kind"], line["path"], line["status"]) == ("api", "/account/numbers", 200)
    assert (process.returncode, rest, errors) == (0, b"", b"")
    assert "secret" not in json.dumps([started, line])


@pytest.mark.parametrize("quiet", [True, False])
async def test_quiet_prints_nothing_after_the_start(quiet: bool) -> None:
    process, printed = await start(*["--quiet"] * quiet)
    async with aiohttp.ClientSession() as client, client.get(printed["API"] + "/v1/calls"):
        pass
    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert (b"GET /v1/calls -> 401" in output) is not quiet


@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
async def test_lines_are_colored_on_a_terminal_unless_no_color_is_set(
    no_color: str, colored: bool
) -> None:
    ours, theirs = os.openpty()
    process = await run(stdout=theirs, NO_COLOR=no_color)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        printed = b""
        while b"signature secret" not in printed:
            printed += await asyncio.to_thread(terminal.read, 4096)
        (url,) = re.findall(rb"^API +(http\S+)", printed, re.MULTILINE)
        async with aiohttp.ClientSession() as client, client.get(url.decode() + "/v1/calls"):
            pass
        while b"no bearer token" not in printed:
            printed += await asyncio.to_thread(terminal.read, 4096)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 20)
    assert (b"\x1b[" in printed) is colored


# --host and --allow-host


async def test_an_allowed_host_can_be_named_with_any_port_and_over_tls() -> None:
    process, printed = await start("--host", "0.0.0.0", "--allow-host", "Vonage")
    ca = ssl.create_default_context(cafile=printed["CA file"])
    statuses = []
    async with aiohttp.ClientSession() as client:
        for host in ("vonage", "vonage:1", "vonage.example", "localhost:1"):
            async with client.get(
                printed["API over TLS"] + "/sim",
                headers={"Host": host},
                ssl=ca,
                server_hostname="vonage",
            ) as response:
                statuses.append(response.status)
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 20)
    assert statuses == [200, 200, 403, 403]
    assert printed["warning"] == "open to other machines, because of --host 0.0.0.0"


def test_help_has_groups_and_examples() -> None:
    text = parser().format_help()
    for part in ("your application:", "network:", "output:", "examples:", "--state .vonage"):
        assert part in text
    assert "(default: None)" not in text


@pytest.mark.parametrize("option", [["--region", "moon"], ["--http-port", "x"], ["--color"]])
def test_unknown_options_and_values_are_errors(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(option)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err
