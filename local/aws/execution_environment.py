"""One execution environment of a function: a child process, its two pipes and its log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.aws.stack import Function

INIT_LIMIT = 10.0  # seconds: Lambda's limit for the init phase
_LINE_LIMIT = 256 * 1024  # bytes: the limit of one event in CloudWatch Logs
_PROGRAM = Path(__file__).with_name("lambda_runtime.py")


class RuntimeExited(Exception):
    """The process ended before it returned a result. The message is Lambda's."""


class ExecutionEnvironment:
    """A child process that runs a function; create one with ``start``.

    ``on_line`` is called for each log line, with the id of the current request and the text.
    """

    def __init__(
        self,
        function: Function,
        process: asyncio.subprocess.Process,
        on_line: Callable[[str, str], None],
    ) -> None:
        self._function = function
        self._process = process
        self._on_line = on_line
        self._request_id = ""
        self._rest = b""
        self._ready = False

    @classmethod
    async def start(
        cls,
        function: Function,
        folders: Sequence[Path],
        environment: Mapping[str, str],
        on_line: Callable[[str, str], None],
    ) -> ExecutionEnvironment:
        """Start the process and return without waiting for the import of the handler.

        Parameters
        ----------
        function
            The function to run.
        folders
            The module search path: code, then layers. Python adds its standard library.
        environment
            All environment variables of the process.
        on_line
            Called for each log line.
        """
        request_end, requests = os.pipe()
        results, result_end = os.pipe()
        output, output_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_PROGRAM)),
                *(str(request_end), str(result_end), *map(str, folders)),
                stdin=asyncio.subprocess.PIPE,  # the process ends when this closes
                stdout=output_end,
                stderr=output_end,
                pass_fds=(request_end, result_end),
                env=dict(environment),
                cwd=folders[0],
                start_new_session=True,  # Ctrl-C is for the platform, which stops this itself
            )
        finally:
            for descriptor in (request_end, result_end, output_end):
                os.close(descriptor)
        created = cls(function, process, on_line)
        await created._connect(requests, results, output)
        return created

    async def _connect(self, requests: int, results: int, output: int) -> None:
        loop = asyncio.get_running_loop()
        self._requests, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(requests, "wb", 0)
        )
        self._results = asyncio.StreamReader()
        self._result_transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._results), os.fdopen(results, "rb", 0)
        )
        os.set_blocking(output, False)
        self._output = output
        loop.add_reader(output, self._collect)

    @property
    def process_id(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.returncode is None

    async def invoke(self, request_id: str, event: Any) -> dict[str, Any]:
        """Invoke the handler with an event and return the outcome.

        Returns
        -------
        dict
            ``payload``, the handler's result as JSON text; or ``error`` or ``init_error``,
            Lambda's description of an exception.

        Raises
        ------
        TimeoutError
            If the handler does not return within the function's timeout.
        RuntimeExited
            If the process ends.
        """
        self._request_id = request_id
        try:
            if not self._ready:
                first = await asyncio.wait_for(self._receive(), INIT_LIMIT)
                if "init_error" in first:
                    return first
                self._ready = True
            deadline = time.time() + self._function.timeout
            self._send(
                {
                    "id": request_id,
                    "deadline_ms": int(deadline * 1000),
                    "arn": self._function.arn,
                    "event": event,
                }
            )
            return await asyncio.wait_for(self._receive(), self._function.timeout)
        finally:
            self._collect()
            self._request_id = ""

    def _send(self, request: dict[str, Any]) -> None:
        body = json.dumps(request).encode()
        self._requests.write(len(body).to_bytes(4, "big") + body)

    async def _receive(self) -> dict[str, Any]:
        try:
            length = int.from_bytes(await self._results.readexactly(4), "big")
            outcome: dict[str, Any] = json.loads(await self._results.readexactly(length))
        except asyncio.IncompleteReadError:
            raise RuntimeExited(_exit_text(await self._process.wait())) from None
        return outcome

    def _collect(self) -> None:
        """Read the output so far and report it line by line."""
        while self._output >= 0:
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return
            if not data:
                asyncio.get_running_loop().remove_reader(self._output)
                break  # the last writer has closed it
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > _LINE_LIMIT:
                lines, self._rest = [*lines, self._rest], b""
            for line in lines:
                self._on_line(self._request_id, line.decode(errors="replace"))
        if self._rest:
            self._on_line(self._request_id, self._rest.decode(errors="replace"))
            self._rest = b""

    async def end(self) -> None:
        """Kill the process and its children, and close its pipes."""
        if self._output < 0:
            return
        output, self._output = self._output, -1
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        for transport in (self._process.stdin, self._requests, self._result_transport):
            if transport is not None and not transport.is_closing():
                transport.close()
        asyncio.get_running_loop().remove_reader(output)
        os.close(output)
        # The transports close in the loop's next iteration.
        await asyncio.sleep(0)


def _exit_text(status: int) -> str:
    """Return Lambda's text for an exit status, or for a signal if the status is negative."""
    if status >= 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {signal.strsignal(-status) or -status}".lower()
