"""`python -m vonage_simulator`: the simulator as a command, for any Vonage Voice application."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from .account import make_keys
from .calibration import CalibrationError, calibrated
from .http_helpers import without_traceback
from .server import Simulator
from .settings import HOSTS_OF_REGIONS, SimulatorSettings, WebhookTarget


def parser() -> argparse.ArgumentParser:
    """Build the argument parser."""
    options = argparse.ArgumentParser(
        prog="python -m vonage_simulator",
        description="Run a simulated Vonage Voice platform on this machine. Ctrl-C stops it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = options.add_argument
    add("--answer-url", help="answer URL of the application")
    add("--answer-method", choices=("GET", "POST"), default="GET")
    add("--event-url", help="event URL of the application")
    add("--event-method", choices=("GET", "POST"), default="POST")
    add("--fallback-url", help="fallback URL, requested if another webhook fails")
    add("--number", action="append", help="number of the account; repeat for more numbers")
    add("--key", type=Path, help="private key file of the application; created if it doesn't exist")
    add("--application-id", help="random if omitted, or the seed's")
    add("--api-key", default="abcd1234")
    add("--api-secret", help="random at each start if omitted")
    add("--signature-secret", help="random at each start if omitted")
    add("--unsigned", action="store_true", help="send webhooks without a signature")
    add("--http-port", type=int, default=8080, help="port for HTTP; 0 selects a free one")
    add("--tls-port", type=int, default=8443, help="port for HTTPS; 0 selects a free one")
    add("--ca-file", help="file to write the CA certificate of the HTTPS port to")
    add("--public-scheme", choices=("https", "http"), default="https",
        help="scheme of region_url and recording_url")  # fmt: skip
    add("--region", choices=tuple(HOSTS_OF_REGIONS), default="eu-west")
    add("--speed", type=float, default=1.0, help="clock seconds per real second; 0 stops the clock")
    add("--calibration", type=Path, help="calibration file from `python -m voicectl capture`")
    add("--seed", type=int, help="repeat ids and random choices; random if omitted")
    return options


def settings_from(arguments: argparse.Namespace, public_key: str | None) -> SimulatorSettings:
    """Build the settings from parsed arguments."""
    answer = arguments.answer_url and WebhookTarget(arguments.answer_url, arguments.answer_method)
    event = arguments.event_url and WebhookTarget(
        arguments.event_url, arguments.event_method, read_ms=10_000
    )
    fallback = arguments.fallback_url and WebhookTarget(
        arguments.fallback_url, arguments.answer_method
    )
    numbers = tuple(number.removeprefix("+") for number in arguments.number or ["447700900001"])
    settings = SimulatorSettings(
        http_port=arguments.http_port,
        tls_port=arguments.tls_port,
        application_id=arguments.application_id,
        public_key=public_key,
        api_key=arguments.api_key,
        api_secret=arguments.api_secret,
        signature_secret=arguments.signature_secret,
        signed_callbacks=not arguments.unsigned,
        answer=answer or None,
        event=event or None,
        fallback=fallback or None,
        numbers=numbers,
        region=arguments.region,
        public_scheme=arguments.public_scheme,
        ca_file=arguments.ca_file,
        speed=arguments.speed,
        seed=arguments.seed,
    )
    return calibrated(settings, arguments.calibration)


def read_key(path: Path | None) -> str | None:
    """Read a private key from a file, creating the file with a new key if it doesn't exist.

    Raises
    ------
    OSError
        If the file cannot be read or created.
    """
    if path is None:
        return None
    if not path.exists():
        private_key, _ = make_keys()
        path.touch(mode=0o600)
        path.write_text(private_key)
    return path.read_text()


async def serve(settings: SimulatorSettings) -> None:
    """Run the simulator until SIGINT, SIGTERM or, unless nohup ignores it, SIGHUP."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stopping.set)
    async with Simulator(settings) as simulator:
        for name, value in described(simulator):
            print(f"{name:<17} {value}", flush=True)
        await stopping.wait()


def described(simulator: Simulator) -> list[tuple[str, str]]:
    """Return the addresses and credentials to print at startup."""
    lines = [
        ("API", simulator.http_url),
        ("API over TLS", simulator.tls_url),
        ("CA file", simulator.ca_file),
        ("numbers", ", ".join(simulator.settings.numbers)),
        ("application id", simulator.application_id),
        ("API key", simulator.api_key),
        ("API secret", simulator.api_secret),
        ("signature secret", simulator.signature_secret),
    ]
    if simulator.private_key is not None:
        lines.append(("private key", "created for this run; use --key FILE to keep it"))
    return lines


def main() -> int:
    """Run the command; return 2 if the simulator cannot start."""
    arguments = parser().parse_args()
    logging.getLogger("aiohttp.server").addFilter(without_traceback)
    try:
        asyncio.run(serve(settings_from(arguments, read_key(arguments.key))))
    except (OSError, ValueError, CalibrationError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
