"""Start functions cold: in a container of Lambda's runtime image, or in a process.

Each has one processor and AWS's runtime interface emulator, which is part of the SAM CLI. The
emulator starts Python at the first request, as Lambda does.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import math
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
from tests.bench.secrets_manager import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
SAM_VENV = ROOT / ".venv-sam"
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
IMAGE = f"public.ecr.aws/lambda/python:3.13-{ARCHITECTURE}"
_LABEL = f"voice-bench={os.getpid()}"
_EMULATOR = f"samcli/local/rapid/aws-lambda-rie-{ARCHITECTURE}"
_PORT = "8080"
_LIMIT = 60  # seconds per operation
# As in template.yaml, for functions that a caller waits for.
_LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_LOG_LEVEL": "INFO",
}
# Prints OpenSSL's version and the certificates that it trusts by default.
_TRUST = (
    "-c",
    "import json, ssl; paths = ssl.get_default_verify_paths();"
    "print(json.dumps([ssl.OPENSSL_VERSION, open(paths.cafile).read()]))",
)
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_INVOKE = re.compile(r"INVOKE RTDONE\(status: success.*?duration: ([\d.]+)ms\)")


class Package(NamedTuple):
    """A deployment package: the handler, its code, and an optional layer."""

    handler: str
    code: Path
    layer: Path | None = None


class Started(NamedTuple):
    """An execution environment with a listening emulator, before Python starts.

    ``requested_at`` is the time of its creation (`time.perf_counter`), ``log`` returns its output.
    ``emulator`` is the emulator's process on this machine.
    """

    requested_at: float
    connection: http.client.HTTPConnection
    log: Callable[[], str]
    emulator: int

    def invoke(self, event: object) -> dict[str, Any]:
        """Invoke the function and return its response.

        Raises
        ------
        RuntimeError
            If the status isn't 200, with the log.
        """
        path = "/2015-03-31/functions/function/invocations"
        self.connection.request("POST", path, json.dumps(event))
        response: Any = json.loads(self.connection.getresponse().read())
        if not isinstance(response, dict) or response.get("statusCode") != 200:
            raise RuntimeError(f"unexpected response: {response}\n{self.log()}")
        return response

    def emulator_times(self) -> tuple[float, float]:
        """Return the emulator's times of init and the first invocation, in milliseconds.

        Raises
        ------
        RuntimeError
            If the log doesn't contain them.
        """
        end = time.monotonic() + 2  # the emulator writes its lines after the response
        while True:
            log = self.log()
            init, invoke = _INIT.search(log), _INVOKE.search(log)
            if init and invoke:
                return float(init[1]), float(invoke[1])
            if time.monotonic() > end:
                raise RuntimeError(f"the emulator's log has no init and invocation times\n{log}")
            time.sleep(0.02)

    def processor_ms(self) -> float:
        """Return the processor time of the emulator's children so far, which are Python.

        It is not a number if they run on another machine, such as that of Docker Desktop.
        """
        try:
            if b"aws-lambda-rie" not in Path(f"/proc/{self.emulator}/cmdline").read_bytes():
                return math.nan
            return sum(map(_processor_ns, _descendants(self.emulator))) / 1e6
        except OSError:
            return math.nan


class Trust(NamedTuple):
    """What a runtime trusts in TLS: OpenSSL's version, and the certificates as PEM."""

    openssl: str
    bundle: str

    def __str__(self) -> str:
        return f"{self.openssl}, {self.bundle.count('BEGIN CERTIFICATE')} certificates"


class Containers:
    """Start containers of Lambda's runtime image with one processor each.

    A mock Secrets Manager must listen on the address ``listens`` of this machine. Functions reach
    it under the host name ``called``.
    """

    def __init__(self) -> None:
        self.title = f"containers of {IMAGE}, one processor each"
        self.listens, name = asyncio.run(docker_address())
        self.called = HOST
        self._host = f"{HOST}:{name if name == self.listens else 'host-gateway'}"

    def trust(self) -> Trust:
        """Return what the runtime image trusts."""
        python = "/var/lang/bin/python3"
        return Trust(*json.loads(_docker("run", "--rm", "--entrypoint", python, IMAGE, *_TRUST)))

    @contextmanager
    def start(
        self, package: Package, environment: Mapping[str, str], roots: Path
    ) -> Iterator[Started]:
        """Start an environment that trusts the certificates in a file; remove it at the end."""
        mounts = {
            package.code: "/var/task",
            _emulator(): f"/bench/{_emulator().name}",
            roots: "/bench/roots.pem",
        }
        if package.layer:
            mounts[package.layer] = "/opt"
        trusted = _trusting("/bench/roots.pem")
        variables = {**_LAMBDA, **environment, **trusted, "_HANDLER": package.handler}
        command = ["run", "--detach", "--label", _LABEL, "--cpus", "1", "--add-host", self._host]
        command += ["--publish", f"127.0.0.1::{_PORT}"]
        command += ["--entrypoint", f"/bench/{_emulator().name}"]
        for source, target in mounts.items():
            command += ["--volume", f"{source}:{target}:ro"]
        for name, value in variables.items():
            command += ["--env", f"{name}={value}"]
        requested_at = time.perf_counter()
        container = _docker(*command, IMAGE, "/var/runtime/bootstrap").strip()
        try:
            port = int(_docker("port", container, _PORT).splitlines()[0].rpartition(":")[2])
            process = int(_docker("inspect", "--format", "{{.State.Pid}}", container))
            with _connected(port) as connection:
                yield Started(requested_at, connection, lambda: _docker("logs", container), process)
        finally:
            _docker("rm", "--force", container)

    def clear(self) -> None:
        """Remove containers that remain after an interruption."""
        remaining = _docker("ps", "--all", "--quiet", "--filter", f"label={_LABEL}").split()
        if remaining:
            _docker("rm", "--force", *remaining)


class Processes:
    """Start processes on one processor each, for a machine without Docker.

    Parameters
    ----------
    runtime
        A folder with the packages of the runtime image: the runtime client, and boto3.
    """

    def __init__(self, runtime: Path) -> None:
        self.title = "LOCAL PROCESSES (no Docker)"
        self.listens = "127.0.0.1"
        self.called = "localhost"
        self._runtime = runtime

    def trust(self) -> Trust:
        """Return what the Python of the SAM CLI trusts."""
        command = [str(SAM_VENV / "bin/python"), *_TRUST]
        return Trust(*json.loads(subprocess.run(command, capture_output=True, check=True).stdout))

    @contextmanager
    def start(
        self, package: Package, environment: Mapping[str, str], roots: Path
    ) -> Iterator[Started]:
        """Start an environment that trusts the certificates in a file; end it at the end."""
        folders = [package.layer / "python"] if package.layer else []
        paths = os.pathsep.join(map(str, [*folders, self._runtime]))
        python = str((SAM_VENV / "bin/python").resolve())
        port, api_port = _free_port(), _free_port()
        command = [str(_emulator()), "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
        log = self._runtime.parent / f"{port}.log"
        requested_at = time.perf_counter()
        with log.open("wb") as output, _one_processor():
            process = subprocess.Popen(
                [*command, python, "-m", "awslambdaric", package.handler],
                cwd=package.code,
                env={
                    **_LAMBDA,
                    **environment,
                    **_trusting(str(roots)),
                    "PYTHONPATH": paths,
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            with _connected(port) as connection:
                yield Started(requested_at, connection, log.read_text, process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.unlink()

    def clear(self) -> None:
        """Do nothing: no process remains."""


def has_docker() -> bool:
    """Return whether a Docker engine responds."""
    try:
        _docker("version")
    except (OSError, RuntimeError):
        return False
    return True


@contextmanager
def _connected(port: int) -> Iterator[http.client.HTTPConnection]:
    """Wait until the emulator listens, and yield a connection to it."""
    end = time.monotonic() + _LIMIT
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_LIMIT)) as connection:
        while True:
            # Docker listens before the emulator does, so a connection isn't enough.
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/")
                connection.getresponse().read()
                break
            connection.close()
            if time.monotonic() > end:
                raise RuntimeError(f"the emulator does not listen after {_LIMIT} s")
            time.sleep(0.005)
        yield connection


def _trusting(bundle: str) -> dict[str, str]:
    """Return the variables that make OpenSSL, and botocore, trust the certificates of a file."""
    return {"SSL_CERT_FILE": bundle, "AWS_CA_BUNDLE": bundle}


def _descendants(process: int) -> Iterator[int]:
    """Yield the processes that a process on this machine started, and what those started."""
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _descendants(child)


def _processor_ns(process: int) -> int:
    files = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in files)


def _emulator() -> Path:
    (found,) = SAM_VENV.glob(f"lib/*/site-packages/{_EMULATOR}")
    return found.resolve()


def _docker(*arguments: str) -> str:
    """Run a Docker command and return its output.

    It runs in its own session: Ctrl-C reaches only this process, which removes the containers.
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
    """Restrict processes that start inside the context to one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
