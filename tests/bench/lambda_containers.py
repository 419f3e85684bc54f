"""Where functions are started afresh: a container of Lambda's runtime image, or a process.

Either holds AWS's runtime interface emulator, which comes with the SAM CLI, and one processor. The
emulator starts Python when the first request comes, as Lambda does.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import platform
import re
import signal
import socket
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from local.sam import docker_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
SAM_VENV = ROOT / ".venv-sam"
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
IMAGE = f"public.ecr.aws/lambda/python:3.13-{ARCHITECTURE}"
_LABEL = f"voice-bench={os.getpid()}"
_EMULATOR = f"samcli/local/rapid/aws-lambda-rie-{ARCHITECTURE}"
_PORT = "8080"
_LIMIT = 60  # seconds that anything may take
# As template.yaml has them for the functions that a caller waits for.
_LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_LOG_LEVEL": "INFO",
}
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_INVOKE = re.compile(r"INVOKE RTDONE\(status: success.*?duration: ([\d.]+)ms\)")


class Package(NamedTuple):
    """What Lambda would be given: the handler, its code, and a layer if it has one."""

    handler: str
    code: Path
    layer: Path | None = None


class Started(NamedTuple):
    """A function's environment whose emulator listens; Python has not been started yet.

    ``asked_at`` is when it was asked for (`time.perf_counter`), ``log`` gives what it has said.
    """

    asked_at: float
    connection: http.client.HTTPConnection
    log: Callable[[], str]

    def invoke(self, event: object) -> dict[str, Any]:
        """Have the function answer, and give its reply.

        Raises
        ------
        RuntimeError
            If it gave none of status 200, with what it said.
        """
        path = "/2015-03-31/functions/function/invocations"
        self.connection.request("POST", path, json.dumps(event))
        reply: Any = json.loads(self.connection.getresponse().read())
        if not isinstance(reply, dict) or reply.get("statusCode") != 200:
            raise RuntimeError(f"the function answered {reply}\n{self.log()}")
        return reply

    def told(self) -> tuple[float, float]:
        """Give the milliseconds of init and of the first invocation as the emulator saw them.

        Raises
        ------
        RuntimeError
            If it does not tell.
        """
        log = self.log()
        init, invoke = _INIT.search(log), _INVOKE.search(log)
        if not init or not invoke:
            raise RuntimeError(f"the emulator does not tell how long it took\n{log}")
        return float(init[1]), float(invoke[1])


class Containers:
    """Starts containers of Lambda's runtime image with one processor each.

    A fake AWS is to listen on the address ``listens`` of this machine; functions call it by the
    name ``called``.
    """

    def __init__(self) -> None:
        self.title = f"containers of {IMAGE}, one processor each"
        self.listens, self.called = asyncio.run(docker_address())

    @contextmanager
    def start(self, package: Package, environment: Mapping[str, str]) -> Iterator[Started]:
        """Start an environment; it is removed in the end."""
        mounts = {package.code: "/var/task", _emulator(): "/bench/emulator"}
        if package.layer:
            mounts[package.layer] = "/opt"
        variables = {**_LAMBDA, **environment, "_HANDLER": package.handler}
        command = ["run", "--detach", "--label", _LABEL, "--cpus", "1"]
        command += ["--publish", f"127.0.0.1::{_PORT}", "--entrypoint", "/bench/emulator"]
        for source, target in mounts.items():
            command += ["--volume", f"{source}:{target}:ro"]
        for name, value in variables.items():
            command += ["--env", f"{name}={value}"]
        asked_at = time.perf_counter()
        made = _docker(*command, IMAGE, "/var/runtime/bootstrap").strip()
        try:
            port = int(_docker("port", made, _PORT).splitlines()[0].rpartition(":")[2])
            with _connected(port) as connection:
                yield Started(asked_at, connection, lambda: _docker("logs", made))
        finally:
            _docker("rm", "--force", made)

    def clear(self) -> None:
        """Remove what an interruption has left behind."""
        left = _docker("ps", "--all", "--quiet", "--filter", f"label={_LABEL}").split()
        if left:
            _docker("rm", "--force", *left)


class Processes:
    """Starts processes of this machine, where there is no Docker, on one processor each.

    Parameters
    ----------
    runtime
        A folder with what the runtime image holds beside Python: its client, and boto3.
    """

    def __init__(self, runtime: Path) -> None:
        self.title = "PROCESSES OF THIS MACHINE, for want of Docker"
        self.listens = self.called = "127.0.0.1"
        self._runtime = runtime

    @contextmanager
    def start(self, package: Package, environment: Mapping[str, str]) -> Iterator[Started]:
        """Start an environment; it is ended in the end."""
        folders = [package.layer / "python"] if package.layer else []
        paths = os.pathsep.join(map(str, [*folders, self._runtime]))
        python = str((SAM_VENV / "bin/python").resolve())
        own, api = _free_port(), _free_port()
        command = [str(_emulator()), "--runtime-interface-emulator-address", f"127.0.0.1:{own}"]
        command += ["--runtime-api-address", f"127.0.0.1:{api}"]
        log = self._runtime.parent / f"{own}.log"
        asked_at = time.perf_counter()
        with log.open("wb") as output, _one_processor():
            process = subprocess.Popen(
                [*command, python, "-m", "awslambdaric", package.handler],
                cwd=package.code,
                env={**_LAMBDA, **environment, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            with _connected(own) as connection:
                yield Started(asked_at, connection, log.read_text)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.unlink()

    def clear(self) -> None:
        """Nothing is left behind."""


def has_docker() -> bool:
    """Say whether a Docker engine answers."""
    try:
        _docker("version")
    except (OSError, RuntimeError):
        return False
    return True


@contextmanager
def _connected(port: int) -> Iterator[http.client.HTTPConnection]:
    """Wait until the emulator listens, and give a connection to it."""
    end = time.monotonic() + _LIMIT
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_LIMIT)) as connection:
        while True:
            # Docker listens before the emulator does, so that connecting is not enough.
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/")
                connection.getresponse().read()
                break
            connection.close()
            if time.monotonic() > end:
                raise RuntimeError("the emulator does not listen")
            time.sleep(0.005)
        yield connection


def _emulator() -> Path:
    (found,) = SAM_VENV.glob(f"lib/*/site-packages/{_EMULATOR}")
    return found.resolve()


def _docker(*arguments: str) -> str:
    """Run a command of Docker's and give what it printed, on either stream.

    In a session of its own: Ctrl-C is for us, who remove what was made.
    """
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, start_new_session=True
    )
    if done.returncode:
        raise RuntimeError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout if arguments[0] != "logs" else done.stdout + done.stderr


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def _one_processor() -> Iterator[None]:
    """Keep to one processor what is started meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
