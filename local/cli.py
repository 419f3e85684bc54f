"""The command line of ``python -m local``: start the local platform, and stop it at Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import webbrowser
from pathlib import Path

from local.aws import samconfig
from local.aws.layers import LayerError
from local.aws.template import TemplateError
from local.console import application_folder, fail, say, stop_signals, welcome
from local.local_platform import LocalPlatform, PlatformOptions
from local.stack_file import AlreadyRunning
from local.webhook_lines import print_webhook
from vonage_simulator.calibration import CalibrationError
from vonage_simulator.command_options import speed
from vonage_simulator.http_helpers import listen_error, without_traceback

CONSOLE_PORT = 8765
"""The port of the web console, so that its address is the same at each start."""

_PORTS = ("api_port", "aws_port", "vonage_port", "phone_port")
_CONSOLE_PORTS = (*range(CONSOLE_PORT, CONSOLE_PORT + 20), 0)


def main() -> int:
    """Run the platform and return the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("aiohttp.server").addFilter(without_traceback)
    arguments = _parser().parse_args()
    try:
        options = _options(arguments, samconfig.overrides(arguments.root))
        asyncio.run(_run(arguments.root, options, open_browser=arguments.open))
    except OSError as error:
        given = [name for name in _PORTS if getattr(arguments, name)]
        options_of_ports = [f"--{name.replace('_', '-')}" for name in given]
        return fail(listen_error(error, *options_of_ports))
    except (AlreadyRunning, TemplateError, LayerError, CalibrationError) as error:
        return fail(error)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Run the stack of template.yaml on this machine until Ctrl-C.",
    )
    parser.add_argument(
        "parameter",
        nargs="*",
        type=_pair,
        metavar="NAME=VALUE",
        help="value of a template parameter, such as DefaultFlow=voicemail; the default is that of"
        " sam deploy, from samconfig.toml",
    )
    parser.add_argument(
        "--api-port", type=_port, default=0, help="port of the API (default: a free one)"
    )
    parser.add_argument(
        "--aws-port", type=_port, default=0, help="port of the emulated AWS (default: a free one)"
    )
    parser.add_argument(
        "--vonage-port",
        type=_port,
        default=0,
        help="port of the simulated Vonage (default: a free one)",
    )
    parser.add_argument(
        "--phone-port",
        type=_port,
        help=f"port of the web console (default: {CONSOLE_PORT}, or the next free one)",
    )
    parser.add_argument(
        "--open", action="store_true", help="open the web console in a browser when it is ready"
    )
    parser.add_argument(
        "--speed",
        type=speed,
        default=1.0,
        help="speed of the simulator's clock (default: %(default)s)",
    )
    parser.add_argument("--calibration", type=Path, help="file written by `voicectl capture`")
    agent = parser.add_mutually_exclusive_group()
    agent.add_argument(
        "--agent",
        metavar="URL",
        help="agent of the flow `agent`, such as ws://127.0.0.1:9000/ws (default: the parameter"
        " Agent, or examples/bot if that is empty)",
    )
    agent.add_argument("--no-agent", action="store_true", help="start without an agent")
    parser.add_argument("--region", default="eu-west-1", help="AWS region (default: %(default)s)")
    parser.add_argument(
        "--root",
        type=application_folder,
        default=".",
        metavar="FOLDER",
        help="folder of template.yaml (default: this folder)",
    )
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not a parameter: expected NAME=VALUE")
    return name, value


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: expected 0 to 65535")
    return int(text)


def _options(arguments: argparse.Namespace, deployed: dict[str, str]) -> PlatformOptions:
    parameters = deployed | dict(arguments.parameter)
    if arguments.agent is not None:
        parameters["Agent"] = arguments.agent
    elif arguments.no_agent:
        parameters.pop("Agent", None)
    return PlatformOptions(
        api_port=arguments.api_port,
        aws_port=arguments.aws_port,
        vonage_port=arguments.vonage_port,
        phone_ports=_CONSOLE_PORTS if arguments.phone_port is None else (arguments.phone_port,),
        speed=arguments.speed,
        calibration=arguments.calibration,
        region=arguments.region,
        parameters=parameters,
        example_agent=not arguments.no_agent,
        say=say,
    )


async def _run(root: Path, options: PlatformOptions, *, open_browser: bool) -> None:
    loop = asyncio.get_running_loop()
    main_task = asyncio.current_task()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping and main_task is not None:  # a second Ctrl-C would cancel the clean-up
            stopping = True
            main_task.cancel()

    for number in stop_signals():
        loop.add_signal_handler(number, stop)
    try:
        async with LocalPlatform(root, options) as platform:
            addresses = {
                "API": platform.api_url,
                "AWS": platform.moto.url,
                "Vonage": platform.vonage.http_url,
            }
            say(welcome(addresses, platform.stack, platform.file.path))
            if agent := platform.template.parameters.get("Agent"):
                say(f"{'agent':11} {agent} answers calls to the flow agent")
            if options.phone_ports[0] not in (0, platform.phone.port):
                say(f"port {options.phone_ports[0]} is in use")
            say(f"web console {platform.phone.url} is ready; Ctrl-C stops it")
            platform.gateway.request_log.listen(
                functools.partial(print_webhook, code=root / "functions")
            )
            if open_browser:
                await asyncio.to_thread(webbrowser.open, platform.phone.url)
            await platform.wait_for_failure()
    except asyncio.CancelledError:
        if not stopping:
            raise
        say("stopped")
