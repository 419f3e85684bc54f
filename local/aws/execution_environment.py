"""One execution environment of a function: a worker process, its two pipes and its log."""

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

INIT_LIMIT = 10.0  # seconds that Lambda lets an import take
_LINE_LIMIT = 256 * 1024  # bytes of one event in CloudWatch Logs
_PROGRAM = Path(__file__).with_name("lambda_runtime.py")


class RuntimeExited(Exception):
    """The process ended instead of answering; the text says how, in Lambda's words."""


class ExecutionEnvironment:
    """A worker process; made by ``start``.

    ``written`` is called with each line that the function writes, and the id of the request that
    it was serving then.
    """

    def __init__(
        self,
        function: Function,
        process: asyncio.subprocess.Process,
        written: Callable[[str, str], None],
    ) -> None:
        self._function = function
        self._process = process
        self._written = written
        self._request_id = ""
        self._rest = b""
        self._ready = False

    @classmethod
    async def start(
        cls,
        function: Function,
        folders: Sequence[Path],
        environment: Mapping[str, str],
        written: Callable[[str, str], None],
    ) -> ExecutionEnvironment:
        """Start a worker; the import of the handler goes on while this returns.

        Parameters
        ----------
        function
            The function that it runs.
        folders
            Where the worker finds modules besides Python's own: code first, then layers.
        environment
            All of its environment variables.
        written
            Told of each line of its log.
        """
        request_end, requests = os.pipe()
        replies, reply_end = os.pipe()
        output, output_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_PROGRAM)),
                *(str(request_end), str(reply_end), *map(str, folders)),
                stdin=asyncio.subprocess.PIPE,  # the worker ends when this closes
                stdout=output_end,
                stderr=output_end,
                pass_fds=(request_end, reply_end),
                env=dict(environment),
                cwd=folders[0],
                start_new_session=True,  # Ctrl-C is for the platform, which ends this in its turn
            )
        finally:
            for one in (request_end, reply_end, output_end):
                os.close(one)
        made = cls(function, process, written)
        await made._connect(requests, replies, output)
        return made

    async def _connect(self, requests: int, replies: int, output: int) -> None:
        loop = asyncio.get_running_loop()
        self._requests, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(requests, "wb", 0)
        )
        self._replies = asyncio.StreamReader()
        self._reply_transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._replies), os.fdopen(replies, "rb", 0)
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
        """Whether the process still runs."""
        return self._process.returncode is None

    async def invoke(self, request_id: str, event: Any) -> dict[str, Any]:
        """Pass an event to the handler and give what came of it.

        Returns
        -------
        dict
            ``payload``, the handler's answer as JSON text; or ``error`` or ``init_error``,
            Lambda's description of an exception.

        Raises
        ------
        TimeoutError
            If the handler did not answer within the function's timeout.
        Ended
            If the process ended.
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
            length = int.from_bytes(await self._replies.readexactly(4), "big")
            reply: dict[str, Any] = json.loads(await self._replies.readexactly(length))
        except asyncio.IncompleteReadError:
            raise RuntimeExited(_how(await self._process.wait())) from None
        return reply

    def _collect(self) -> None:
        """Take what the function has written so far, line by line."""
        while self._output >= 0:
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return
            if not data:
                asyncio.get_running_loop().remove_reader(self._output)
                break  # the last writer has gone
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > _LINE_LIMIT:
                lines, self._rest = [*lines, self._rest], b""
            for line in lines:
                self._written(self._request_id, line.decode(errors="replace"))
        if self._rest:
            self._written(self._request_id, self._rest.decode(errors="replace"))
            self._rest = b""

    async def end(self) -> None:
        """Kill the process, with whatever it started, and let go of its pipes."""
        if self._output < 0:
            return
        output, self._output = self._output, -1
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        for transport in (self._process.stdin, self._requests, self._reply_transport):
            if transport is not None and not transport.is_closing():
                transport.close()
        asyncio.get_running_loop().remove_reader(output)
        os.close(output)
        # The transports close in the loop's next round.
        await asyncio.sleep(0)


def _how(status: int) -> str:
    """Say how a process ended: its exit status, or the signal where that is negative."""
    if status >= 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {signal.strsignal(-status) or -status}".lower()
