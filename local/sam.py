"""``python -m local.sam``: run `sam local start-api` with an emulated AWS until Ctrl-C.

The functions run in Lambda's runtime image. Their tables, buckets, queues and secrets are created
from template.yaml, as by ``python -m local``. There are no event sources and no simulated Vonage.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import platform
import shutil
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from local.aws import credentials
from local.aws import template as templates
from local.aws.boto_session import without_aws_variables
from local.aws.moto_server import MotoServer
from local.aws.stack import create_stack
from local.aws.template import TemplateError
from local.console import fail, say, stop_signals, welcome
from local.local_platform import NUMBERS, check_flows, describe
from local.stack_file import AlreadyRunning, StackFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from local.aws.stack import EmulatedStack

ROOT = Path(__file__).parent.parent
# samconfig.toml names these two.
_TEMPLATE = "sam-template.json"
_ENVIRONMENT = "sam-env.json"
_CONFIG = ("--config-env", "local")
_DOCKER_DESKTOP = "host.docker.internal"  # Docker Desktop's name for this machine's loopback
_ADDRESS_OF_INTERFACE = 0x8915  # SIOCGIFADDR of Linux
_START_LIMIT = 60.0  # seconds
_END_LIMIT = 30.0  # seconds; SAM stops its containers one by one


class SamError(Exception):
    """A prerequisite is missing or a command failed; the message states what to do."""


class DockerAddress(NamedTuple):
    """The address on which moto listens on this machine, and its host name for containers."""

    listen: str
    name: str


class SamOptions(NamedTuple):
    """Two ports on this machine, the region, and values of template parameters.

    If ``address`` is None, it is determined from Docker's settings.
    """

    api_port: int
    aws_port: int
    region: str
    parameters: Mapping[str, str]
    address: DockerAddress | None


def main() -> int:
    """Run until Ctrl-C, SIGTERM or SIGHUP, and return the exit status."""
    try:
        asyncio.run(_run(_options()))
    except (SamError, AlreadyRunning, TemplateError, OSError) as error:
        return fail(error)
    return 0


def _options() -> SamOptions:
    parser = argparse.ArgumentParser(
        prog="python -m local.sam",
        description="Serve the API with `sam local start-api` and an emulated AWS.",
    )
    parser.add_argument(
        "parameter",
        nargs="*",
        metavar="NAME=VALUE",
        help="value of a template parameter, such as DefaultFlow=voicemail",
    )
    parser.add_argument(
        "--api-port", type=int, default=3000, help="port of the API (default: %(default)s)"
    )
    parser.add_argument(
        "--aws-port", type=int, default=3002, help="port of the emulated AWS (default: %(default)s)"
    )
    parser.add_argument("--region", default="eu-west-1", help="AWS region (default: %(default)s)")
    parser.add_argument(
        "--host",
        help="address of this machine that containers can reach, for the emulated AWS (default:"
        " that of Docker's bridge)",
    )
    arguments = parser.parse_args()
    pairs = [pair.partition("=") for pair in arguments.parameter]
    invalid = [name for name, equals, _ in pairs if not equals]
    if invalid:
        parser.error(f"{invalid[0]!r} is not a parameter: expected NAME=VALUE")
    return SamOptions(
        api_port=arguments.api_port,
        aws_port=arguments.aws_port,
        region=arguments.region,
        parameters={name: value for name, _, value in pairs},
        address=DockerAddress(arguments.host, arguments.host) if arguments.host else None,
    )


async def _run(options: SamOptions) -> None:
    """Start everything, wait for a signal, and stop everything, also after an error."""
    main_task = asyncio.current_task()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping and main_task is not None:
            stopping = True
            main_task.cancel()

    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stop)
    try:
        async with contextlib.AsyncExitStack() as parts:
            await _start(options, parts)
    except asyncio.CancelledError:
        if not stopping:
            raise
        say("stopped")


async def _start(options: SamOptions, parts: contextlib.AsyncExitStack) -> None:
    path = _search_path()
    _check_tools(path)
    address = options.address or await docker_address()
    _check_port("127.0.0.1", options.api_port, "--api-port")
    _check_port(address.listen, options.aws_port, "--aws-port")
    file = StackFile(ROOT / ".local")
    file.claim()
    parts.callback(file.release)
    api_url = f"http://127.0.0.1:{options.api_port}"
    template = await asyncio.to_thread(_read_template, options, api_url)
    await _build(path)

    keys = credentials.generate()
    say("starting the emulated AWS")
    moto = MotoServer(keys, options.region, options.aws_port, address.listen, address.name)
    parts.push_async_callback(moto.stop)
    await moto.start()
    await moto.wait_until_ready()
    stack = await asyncio.to_thread(create_stack, moto, template, keys, api_url)

    endpoint = f"http://{address.name}:{options.aws_port}"
    environment = _environment(stack, moto.url, endpoint, keys, options.region)
    declared = json.dumps(_derived(ROOT / ".aws-sam/build/template.yaml", environment))
    for name, content in ((_ENVIRONMENT, json.dumps(environment, indent=2)), (_TEMPLATE, declared)):
        parts.enter_context(_private_file(ROOT / ".local" / name, content))

    say("starting sam local start-api")
    sam = await parts.enter_async_context(_start_api(path, options.api_port))
    file.write({"api_url": api_url, "aws_url": moto.url, **describe(keys, template, stack)})
    say(welcome({"API": api_url, "AWS": moto.url}, stack, file.path))
    say("ready; Ctrl-C stops it")
    raise SamError(f"sam local start-api exited unexpectedly with status {await sam.wait()}")


# Prerequisites


def _search_path() -> str:
    """Return the PATH for SAM: first its own environment, with `sam` and its Python 3.13."""
    return os.pathsep.join([str(ROOT / ".venv-sam" / "bin"), os.environ.get("PATH", os.defpath)])


def _check_tools(path: str) -> None:
    if not shutil.which("sam", path=path):
        raise SamError("the SAM CLI is not installed. `make sam-local` installs it into .venv-sam.")
    if not shutil.which("docker"):
        raise SamError("Docker is required, but `docker` is not on the PATH")


def _check_port(host: str, port: int, option: str) -> None:
    """Raise SamError if the port of an option is in use, because SAM does not report that."""
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError):
        raise SamError(f"port {port} is not available. Choose another with {option}.") from None


async def docker_address() -> DockerAddress:
    """Return an address of this machine that Docker's containers can reach.

    If the engine runs on this machine, that is the bridge's address, which only this machine and
    its containers reach. Docker Desktop runs the engine in a virtual machine, and gives it a host
    name for this machine's loopback.

    Raises
    ------
    SamError
        If Docker does not respond.
    """
    bridge = '{{index .Options "com.docker.network.bridge.name"}}'
    try:
        name = await _output("docker", "network", "inspect", "bridge", "--format", bridge)
    except SamError as error:
        raise SamError(
            f"Docker does not respond. Start it, and check that your user may use it.\n{error}"
        ) from None
    address = _address_of(name.strip() or "docker0")
    return (
        DockerAddress(address, address) if address else DockerAddress("127.0.0.1", _DOCKER_DESKTOP)
    )


def _address_of(interface: str) -> str | None:
    """Return the IPv4 address of a network interface of this machine; None without one."""
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            response = fcntl.ioctl(any_socket, _ADDRESS_OF_INTERFACE, request)
        except OSError:
            return None
    return socket.inet_ntoa(response[20:24])


# SAM's input


def _read_template(options: SamOptions, api_url: str) -> templates.Template:
    parameters = options.parameters
    # The template requires https and your own numbers; neither exists locally.
    forced = {"PublicBaseUrl": api_url, "Architecture": _architecture()}
    forced |= {name: number for name, number in NUMBERS.items() if name not in parameters}
    template = templates.read(ROOT / "template.yaml", options.region, parameters, forced)
    check_flows(template, ROOT)
    return template


def _architecture() -> str:
    """Return this machine's architecture, so that containers need no emulation."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def _environment(
    stack: EmulatedStack, url: str, endpoint: str, keys: credentials.LocalCredentials, region: str
) -> dict[str, dict[str, str]]:
    """Return each function's environment, with AWS endpoints that containers can reach."""
    aws = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": keys.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.aws_secret_access_key,
        "AWS_SESSION_TOKEN": keys.aws_session_token,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    return {
        logical: {
            name: value.replace(url, endpoint) for name, value in function.environment.items()
        }
        | aws
        for logical, function in stack.functions.items()
    }


def _derived(built: Path, environment: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the built template with a declaration of every variable of the functions.

    SAM ignores variables that a template does not declare. Undeclared AWS keys would be those of
    the user's AWS account. The template is not in the build's folder, which `sam build` empties.
    """
    template: dict[str, Any] = templates.parse(built.read_text(encoding="utf-8"))
    if "Architecture" in template["Parameters"]:
        template["Parameters"]["Architecture"]["Default"] = _architecture()
    for logical, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for place in ("CodeUri", "ContentUri"):
            if isinstance(properties.get(place), str):
                properties[place] = str(built.parent / properties[place])
        if logical in environment:
            declared = properties.setdefault("Environment", {}).setdefault("Variables", {})
            declared |= {name: "" for name in environment[logical] if name not in declared}
    return template


@contextlib.contextmanager
def _private_file(path: Path, content: str) -> Iterator[None]:
    """Write a file with mode 0600, and remove it at the end."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(content + "\n", encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


# SAM's commands


async def _build(path: str) -> None:
    say("building (sam build)")
    architecture = f"Architecture={_architecture()}"
    command = ("sam", "build", *_CONFIG, "--parameter-overrides", architecture)
    await _output(*command, environment=_sam_environment(path))


@contextlib.asynccontextmanager
async def _start_api(path: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `sam local start-api`. Its output and the functions' logs go to the terminal."""
    sam = await asyncio.create_subprocess_exec(
        *("sam", "local", "start-api", *_CONFIG, "--port", str(port)),
        cwd=ROOT,
        env=_sam_environment(path),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for this program, which stops SAM itself
    )
    try:
        await asyncio.wait_for(_wait_for_port(sam, port), _START_LIMIT)
        yield sam
    except TimeoutError:
        raise SamError(
            f"sam local start-api did not listen on port {port} within {_START_LIMIT:.0f} s"
        ) from None
    finally:
        await _end(sam)


async def _wait_for_port(sam: asyncio.subprocess.Process, port: int) -> None:
    """Wait until SAM listens.

    Raises
    ------
    SamError
        If SAM exits instead; its own output states the reason.
    """
    while sam.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.1)
    raise SamError(f"sam local start-api exited with status {sam.returncode}")


async def _end(sam: asyncio.subprocess.Process) -> None:
    """Terminate SAM, and wait until it has removed its containers."""
    if sam.returncode is None:
        sam.terminate()
        try:
            await asyncio.wait_for(sam.wait(), _END_LIMIT)
        except TimeoutError:
            say("sam does not exit and is killed; check `docker ps` for remaining containers")
            sam.kill()
            await sam.wait()


async def _output(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command and return its standard output.

    Raises
    ------
    SamError
        If it fails; the message contains its output.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode:
        raise SamError(f"`{' '.join(command)}` failed:\n{(errors + out).decode().strip()}")
    return out.decode()


def _sam_environment(path: str) -> dict[str, str]:
    """Return SAM's environment, without credentials of a real AWS account."""
    dummies = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return {**without_aws_variables(), **dummies, "PATH": path, "SAM_CLI_TELEMETRY": "0"}


if __name__ == "__main__":
    sys.exit(main())
