"""`python -m vonage_simulator`: the simulated platform alone, for any Vonage Voice application."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from .account import make_keys
from .calibration import CalibrationError, calibrated
from .server import Simulator
from .settings import HOSTS_OF_REGIONS, SimulatorSettings, WebhookTarget


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m vonage_simulator",
        description="A simulated Vonage Voice platform on this machine. Ctrl-C ends it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = options.add_argument
    add("--answer-url", help="where the application answers calls")
    add("--answer-method", choices=("GET", "POST"), default="GET")
    add("--event-url", help="where the application takes events")
    add("--event-method", choices=("GET", "POST"), default="POST")
    add("--fallback-url", help="where the application answers when the answer URL fails")
    add("--number", action="append", help="a number of the account; can be given again")
    add("--key", type=Path, help="the application's private key; made when there is no such file")
    add("--application-id", help="made up from the seed when it is not given")
    add("--api-key", default="abcd1234")
    add("--api-secret", help="made at each start when it is not given")
    add("--signature-secret", help="made at each start when it is not given")
    add("--unsigned", action="store_true", help="send webhooks without a signature")
    add("--http-port", type=int, default=8080, help="0 takes a free one")
    add("--tls-port", type=int, default=8443, help="0 takes a free one")
    add("--ca-file", help="where to write the certificate of the authority behind the TLS port")
    add("--public-scheme", choices=("https", "http"), default="https",
        help="which port region_url and recording_url point to")  # fmt: skip
    add("--region", choices=tuple(HOSTS_OF_REGIONS), default="eu-west")
    add("--speed", type=float, default=1.0, help="seconds of the clock in a second; 0 stops it")
    add("--calibration", type=Path, help="a file that `python -m voicectl capture` wrote")
    add("--seed", type=int, default=1, help="what ids and chances come from")
    return options


def settings_from(arguments: argparse.Namespace, public_key: str | None) -> SimulatorSettings:
    """The settings that the options ask for."""
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
    """The key in a file, which is made with a new one where it does not exist.

    Raises
    ------
    OSError
        When the file cannot be read or made.
    """
    if path is None:
        return None
    if not path.exists():
        private_key, _ = make_keys()
        path.touch(mode=0o600)
        path.write_text(private_key)
    return path.read_text()


async def serve(settings: SimulatorSettings) -> None:
    """Run until a signal comes."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with Simulator(settings) as simulator:
        for name, value in described(simulator):
            print(f"{name:<17} {value}", flush=True)
        await stopping.wait()


def described(simulator: Simulator) -> list[tuple[str, str]]:
    """What somebody needs to know who uses it."""
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
        lines.append(("private key", "made for this run; name a file with --key to keep one"))
    return lines


def main() -> int:
    """Read the options and serve; 2 when they cannot be met."""
    arguments = parser().parse_args()
    try:
        asyncio.run(serve(settings_from(arguments, read_key(arguments.key))))
    except (OSError, ValueError, CalibrationError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
