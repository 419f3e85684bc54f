"""`vonage-simulator`: the simulator as a command, for any Vonage Voice application."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from .calibration import CalibrationError
from .command_options import complete, parser, read_key, settings_from
from .console import ConsoleServer
from .http_helpers import listen_error, without_traceback
from .journal_log import JournalLog, json_line, text_line
from .server import Simulator, is_open
from .settings import SimulatorSettings
from .state_folder import StateFolderError, open_state_folder

# Which programs trust the CA through which environment variable.
CA_VARIABLES = (
    ("Node", "NODE_EXTRA_CA_CERTS"),
    ("Python", "REQUESTS_CA_BUNDLE"),
    ("OpenSSL, Go, Ruby", "SSL_CERT_FILE"),
)


async def serve(settings: SimulatorSettings, arguments: argparse.Namespace) -> None:
    """Run the simulator until SIGINT, SIGTERM or, unless nohup ignores it, SIGHUP."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stopping.set)
    log = None
    async with Simulator(settings) as simulator, web_console(simulator, arguments) as console:
        if arguments.json:
            print(started_line(simulator, console, arguments.key), flush=True)
        else:
            for name, value in [("web console", console.url), *described(simulator, arguments.key)]:
                print(f"{name:<17} {value}", flush=True)
        if not arguments.quiet:
            log = JournalLog(simulator.journal, sys.stdout, line_format(arguments.json))
        await stopping.wait()
    if log is not None:
        await log.stop()


@contextlib.asynccontextmanager
async def web_console(
    simulator: Simulator, arguments: argparse.Namespace
) -> AsyncIterator[ConsoleServer]:
    """Serve the web console, on its port or a free one."""
    numbers = [{"number": number, "flow": None} for number in simulator.settings.numbers]
    console = ConsoleServer(
        {"numbers": numbers, "vonage_url": simulator.http_url},
        (simulator.api_secret, simulator.signature_secret),
    )
    try:
        listening = socket.create_server(("127.0.0.1", arguments.console_port))
    except OSError:
        listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    await console.start(listening)
    try:
        yield console
    finally:
        await console.stop()


def line_format(is_json: bool) -> Callable[[dict[str, Any]], str]:
    """Return how to format a line: colored only on a terminal, and not if NO_COLOR is set."""
    if is_json:
        return json_line
    colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return lambda fields: text_line(fields, colored)


def described(simulator: Simulator, key_file: Path | None) -> list[tuple[str, str]]:
    """Return the addresses and credentials to print at startup."""
    settings = simulator.settings
    ca_file = shlex.quote(str(Path(simulator.ca_file).absolute()))
    lines = [
        ("API", simulator.http_url),
        ("API over TLS", simulator.tls_url),
        ("CA file", simulator.ca_file),
        *((name, f"export {variable}={ca_file}") for name, variable in CA_VARIABLES),
        ("curl", f"curl --cacert {ca_file} {simulator.tls_url}"),
        ("numbers", ", ".join(settings.numbers)),
        ("application id", simulator.application_id),
        ("private key", "created for this run; use --state or --key to keep it"),
        ("API key", simulator.api_key),
        ("API secret", simulator.api_secret),
        ("signature secret", simulator.signature_secret),
    ]
    if key_file is not None:
        lines = [(name, str(key_file) if name == "private key" else it) for name, it in lines]
    if is_open(settings.host):
        lines.insert(0, ("warning", f"open to other machines, because of --host {settings.host}"))
    return lines


def started_line(simulator: Simulator, console: ConsoleServer, key_file: Path | None) -> str:
    """Return what a program needs to know at startup as JSON, without the secrets."""
    fields = {
        "kind": "started",
        "api": simulator.http_url,
        "api_over_tls": simulator.tls_url,
        "ca_file": simulator.ca_file,
        "console": console.url,
        "numbers": simulator.settings.numbers,
        "application_id": simulator.application_id,
        "api_key": simulator.api_key,
        "key_file": None if key_file is None else str(key_file),
    }
    return json.dumps(fields)


def main() -> int:
    """Run the command; return 2 if the simulator cannot start."""
    arguments = parser().parse_args()
    logging.getLogger("aiohttp.server").addFilter(without_traceback)
    try:
        if arguments.state is not None:
            complete(arguments, open_state_folder(arguments.state))
        settings = settings_from(arguments, read_key(arguments.key))
        asyncio.run(serve(settings, arguments))
    except socket.gaierror as error:
        return _fail(f"--host {arguments.host}: {error.strerror}; use 127.0.0.1 or 0.0.0.0")
    except OSError as error:
        return _fail(listen_error(error, "--http-port", "--tls-port"))
    except (ValueError, CalibrationError, StateFolderError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:  # before the simulator handles it
        return 130
    return 0


def _fail(reason: str) -> int:
    print(f"cannot start: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
