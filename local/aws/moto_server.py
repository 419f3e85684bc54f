"""moto's server as a child process, and boto3 clients for it."""

from __future__ import annotations

import asyncio
import errno
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from local.aws.boto_session import isolated_session, without_aws_variables

if TYPE_CHECKING:
    from local.aws.credentials import LocalCredentials

_START_LIMIT = 60.0  # seconds
_ROOT = Path(__file__).parents[2]


class MotoServer:
    """moto's server in a child process.

    Parameters
    ----------
    credentials
        The credentials of its clients. The server accepts only requests with their access key.
    region
        The AWS region of its clients.
    port
        The port; 0 picks a free one.
    host
        The address to listen on.
    alias
        Another host name that requests may use.
    """

    def __init__(
        self,
        credentials: LocalCredentials,
        region: str,
        port: int = 0,
        host: str = "127.0.0.1",
        alias: str = "localhost",
    ) -> None:
        self._credentials = credentials
        self._region = region
        self._port = port
        self._host = host
        self._alias = alias
        self._process: asyncio.subprocess.Process | None = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The endpoint of every service, for AWS_ENDPOINT_URL."""
        return f"http://{self._host}:{self._port}"

    @property
    def process_id(self) -> int | None:
        """The process id; None if the server is not running."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the server without waiting for it: ``wait_until_ready`` does."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", "local.aws.moto_main"),
            *("--host", self._host, "--alias", self._alias, "--port", str(self._port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT,
            env=without_aws_variables(),
            start_new_session=True,  # Ctrl-C is for the platform, which stops this itself
        )
        if self._process.stdin is not None:
            self._process.stdin.write(self._credentials.aws_access_key_id.encode() + b"\n")

    async def wait_until_ready(self) -> None:
        """Wait until the server listens.

        Raises
        ------
        OSError
            If it does not; most likely the port is in use.
        """
        if self._process is None or self._process.stdout is None:
            raise OSError("moto's server was not started")
        line = await asyncio.wait_for(self._process.stdout.readline(), _START_LIMIT)
        if not line:
            await self.stop()
            problem = f"moto's server did not start on port {self._port or 'any'}"
            raise OSError(errno.EADDRINUSE, problem) if self._port else OSError(problem)
        self._port = int(line)

    async def wait(self) -> str:
        """Wait until the server ends, and return how it ended."""
        if self._process is None:
            return "was not started"
        status = await self._process.wait()
        return f"exited with status {status}" if status >= 0 else f"was ended by signal {-status}"

    async def stop(self) -> None:
        """Kill the server."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._process = None

    def client(self, service: str) -> Any:
        """Return the boto3 client for a service of this server."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._new_client(service)
            return self._clients[service]

    def _new_client(self, service: str) -> Any:
        return isolated_session(self._region).client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=self._credentials.aws_access_key_id,
            aws_secret_access_key=self._credentials.aws_secret_access_key,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"total_max_attempts": 2},
                proxies={},
            ),
        )
