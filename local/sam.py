"""``python -m local.sam``: `sam local start-api` with a cloud of its own behind it, until Ctrl-C.

The functions run in Lambda's runtime image; what they speak to is made from template.yaml, as for
``python -m local``. The event sources and the simulated Vonage are not here.
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
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from samtranslator.yaml_helper import yaml_parse

from local.aws import credentials
from local.aws import template as templates
from local.aws.moto_server import MotoServer
from local.aws.stack import create_stack
from local.aws.template import TemplateError
from local.console import say, welcome
from local.local_platform import NUMBERS, describe
from local.stack_file import AlreadyRunning, StackFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from local.aws.stack import EmulatedStack

ROOT = Path(__file__).parent.parent
# samconfig.toml names these two.
_TEMPLATE = "sam-template.json"
_ENVIRONMENT = "sam-env.json"
_CONFIG = ("--config-env", "local")
_DOCKER_DESKTOP = "host.docker.internal"  # leads to this machine's loopback, from its containers
_ADDRESS_OF_INTERFACE = 0x8915  # SIOCGIFADDR of Linux
_START_LIMIT = 60.0  # seconds
_END_LIMIT = 30.0  # seconds; SAM stops one container after the other


class SamError(Exception):
    """Something that is needed is missing or failed; the text says what to do."""


class DockerAddress(NamedTuple):
    """Where the cloud listens on this machine, and the name by which containers find it."""

    listens: str
    called: str


class SamOptions(NamedTuple):
    """How it runs: two ports on this machine, the region, and values of template parameters.

    ``meeting`` is None where it is to be found out.
    """

    api_port: int
    aws_port: int
    region: str
    parameters: Mapping[str, str]
    meeting: DockerAddress | None


def main() -> int:
    """Run until Ctrl-C or SIGTERM; give the exit status."""
    try:
        asyncio.run(_run(_options()))
    except (SamError, AlreadyRunning, TemplateError, OSError) as error:
        say(f"error: {error}")
        return 1
    return 0


def _options() -> SamOptions:
    parser = argparse.ArgumentParser(
        prog="python -m local.sam",
        description="Serve the API with `sam local start-api`, with a cloud on this machine.",
    )
    parser.add_argument(
        "parameter",
        nargs="*",
        metavar="NAME=VALUE",
        help="a value for a parameter of the template, such as DefaultFlow=voicemail",
    )
    parser.add_argument("--api-port", type=int, default=3000, help="of the API (%(default)s)")
    parser.add_argument("--aws-port", type=int, default=3002, help="of the cloud (%(default)s)")
    parser.add_argument("--region", default="eu-west-1", help="that it is said to be (%(default)s)")
    parser.add_argument(
        "--host",
        help="the address of this machine on which the cloud shall listen and where containers"
        " find it, if not that of Docker's bridge",
    )
    arguments = parser.parse_args()
    pairs = [pair.partition("=") for pair in arguments.parameter]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        parser.error(f"{wrong[0]} is not of the form NAME=VALUE")
    return SamOptions(
        api_port=arguments.api_port,
        aws_port=arguments.aws_port,
        region=arguments.region,
        parameters={name: value for name, _, value in pairs},
        meeting=DockerAddress(arguments.host, arguments.host) if arguments.host else None,
    )


async def _run(options: SamOptions) -> None:
    """Start everything, wait, and end everything, whichever way this is left."""
    running = asyncio.current_task()
    asked_to_end = False

    def end() -> None:
        nonlocal asked_to_end
        if not asked_to_end and running is not None:
            asked_to_end = True
            running.cancel()

    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, end)
    try:
        async with contextlib.AsyncExitStack() as parts:
            await _start(options, parts)
    except asyncio.CancelledError:
        if not asked_to_end:
            raise
        say("ended")


async def _start(options: SamOptions, parts: contextlib.AsyncExitStack) -> None:
    path = _search_path()
    _check_tools(path)
    meeting = options.meeting or await docker_address()
    _check_port(options.api_port)
    file = StackFile(ROOT / ".local")
    file.claim()
    parts.callback(file.release)
    api_url = f"http://127.0.0.1:{options.api_port}"
    template = await asyncio.to_thread(_read_template, options, api_url)
    await _build(path)

    keys = credentials.make()
    say("starting the cloud")
    cloud = MotoServer(keys, options.region, options.aws_port, meeting.listens, meeting.called)
    parts.push_async_callback(cloud.stop)
    await cloud.start()
    await cloud.wait_until_ready()
    stack = await asyncio.to_thread(create_stack, cloud, template, keys, api_url)

    endpoint = f"http://{meeting.called}:{options.aws_port}"
    environment = _environment(stack, cloud.url, endpoint, keys, options.region)
    declared = json.dumps(_derived(ROOT / ".aws-sam/build/template.yaml", environment))
    for name, content in ((_ENVIRONMENT, json.dumps(environment, indent=2)), (_TEMPLATE, declared)):
        parts.enter_context(_private_file(ROOT / ".local" / name, content))

    say("starting sam local start-api")
    sam = await parts.enter_async_context(_start_api(path, options.api_port))
    file.write({"api_url": api_url, "aws_url": cloud.url, **describe(keys, template, stack)})
    say(welcome({"API": api_url, "AWS": cloud.url}, stack, file.path))
    raise SamError(f"sam local start-api ended by itself with status {await sam.wait()}")


# What has to be there


def _search_path() -> str:
    """Give the PATH for SAM: its own environment first, where `sam` and its Python 3.13 are."""
    return os.pathsep.join([str(ROOT / ".venv-sam" / "bin"), os.environ.get("PATH", os.defpath)])


def _check_tools(path: str) -> None:
    if not shutil.which("sam", path=path):
        raise SamError("the SAM CLI is needed: `make sam-local` installs it into .venv-sam")
    if not shutil.which("docker"):
        raise SamError("Docker is needed, and there is no `docker` on the PATH")


def _check_port(port: int) -> None:
    """See that nobody listens there, since SAM would not say so.

    Raises
    ------
    SamError
        If somebody does.
    """
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except (OSError, OverflowError):
        raise SamError(f"port {port} cannot be had; --api-port names another") from None


async def docker_address() -> DockerAddress:
    """Find out where this machine and Docker's containers meet.

    Where the engine runs on this machine, that is the bridge's own address: nobody but containers
    and this machine reaches it. Docker Desktop, whose engine runs in a virtual machine, leads a
    name of its own to this machine's loopback.

    Raises
    ------
    SamError
        If Docker does not answer.
    """
    bridge = '{{index .Options "com.docker.network.bridge.name"}}'
    try:
        name = await _output("docker", "network", "inspect", "bridge", "--format", bridge)
    except SamError as error:
        raise SamError(
            f"Docker does not answer: start it, or let your user reach it\n{error}"
        ) from None
    address = _address_of(name.strip() or "docker0")
    return (
        DockerAddress(address, address) if address else DockerAddress("127.0.0.1", _DOCKER_DESKTOP)
    )


def _address_of(interface: str) -> str | None:
    """Give the IPv4 address of a network interface of this machine, None where there is none."""
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        try:
            answer = fcntl.ioctl(anything, _ADDRESS_OF_INTERFACE, request)
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


# What SAM reads


def _read_template(options: SamOptions, api_url: str) -> templates.Template:
    given = options.parameters
    # The template asks for https, and for numbers that only their renter knows.
    forced = {"PublicBaseUrl": api_url, "Architecture": _architecture()}
    forced |= {name: number for name, number in NUMBERS.items() if name not in given}
    return templates.read(ROOT / "template.yaml", options.region, given, forced)


def _architecture() -> str:
    """Give this machine's architecture: another one would have to be emulated."""
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def _environment(
    stack: EmulatedStack, url: str, endpoint: str, keys: credentials.LocalCredentials, region: str
) -> dict[str, dict[str, str]]:
    """Give each function's environment, the cloud named as containers find it."""
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
    """Give the built template, with every variable declared that the functions shall get.

    SAM passes on no variable that a template does not declare, and prefers the keys of the user's
    AWS account to ours unless they are declared as well. It stands outside the build's folder,
    which `sam build` empties.
    """
    template: dict[str, Any] = json.loads(
        json.dumps(yaml_parse(built.read_text(encoding="utf-8")), default=str)
    )
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
    """Keep a file that only its owner may read, for as long as it is needed."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(content + "\n", encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


# What SAM does


async def _build(path: str) -> None:
    say("building (sam build)")
    architecture = f"Architecture={_architecture()}"
    command = ("sam", "build", *_CONFIG, "--parameter-overrides", architecture)
    await _output(*command, environment=_sam_environment(path))


@contextlib.asynccontextmanager
async def _start_api(path: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `sam local start-api`; its output, the functions' logs included, goes to the terminal."""
    sam = await asyncio.create_subprocess_exec(
        *("sam", "local", "start-api", *_CONFIG, "--port", str(port)),
        cwd=ROOT,
        env=_sam_environment(path),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us, who end it in our turn
    )
    try:
        await asyncio.wait_for(_answers(sam, port), _START_LIMIT)
        yield sam
    except TimeoutError:
        raise SamError(f"sam local start-api did not listen on port {port} in time") from None
    finally:
        await _end(sam)


async def _answers(sam: asyncio.subprocess.Process, port: int) -> None:
    """Wait until SAM listens.

    Raises
    ------
    SamError
        If it ends instead; it has said why.
    """
    while sam.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.1)
    raise SamError(f"sam local start-api ended with status {sam.returncode}")


async def _end(sam: asyncio.subprocess.Process) -> None:
    """Let SAM remove its containers and end."""
    if sam.returncode is None:
        sam.terminate()
        try:
            await asyncio.wait_for(sam.wait(), _END_LIMIT)
        except TimeoutError:
            say("sam does not end; `docker ps` shows what it may have left behind")
            sam.kill()
            await sam.wait()


async def _output(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and give what it printed.

    Raises
    ------
    SamError
        If it failed, with everything that it printed.
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
    """Give SAM's environment, with no way to anybody's AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nobody = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    return {**kept, **nobody, "PATH": path, "SAM_CLI_TELEMETRY": "0"}


if __name__ == "__main__":
    sys.exit(main())
