"""Invoke functions, each in a pool of execution environments, as Lambda does.

An environment is killed at the function's timeout, replaced if its process ends, and retired after
a change of the code.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import os
import sys
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.aws.execution_environment import ExecutionEnvironment, RuntimeExited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from local.aws.stack import Function

CONCURRENCY = 4
PAYLOAD_LIMIT = 6 * 1024 * 1024  # bytes of an event, and of a response (Lambda quotas)
_LOG_LINES = 2000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """The outcome of an invocation: the handler's result, or Lambda's description of an error."""

    request_id: str
    payload: Any
    error: dict[str, Any] | None
    log: tuple[str, ...]
    ms: float


@dataclass(frozen=True)
class LogLine:
    """A line of a function's log; ``request_id`` is empty for lines of the init phase."""

    function: str
    request_id: str
    text: str


class PayloadTooLarge(Exception):
    """The event exceeds Lambda's limit."""


@dataclass
class _PooledEnvironment:
    process: ExecutionEnvironment
    fingerprint: int
    lines: list[str] = field(default_factory=list)


@dataclass
class _Pool:
    function: Function
    slots: asyncio.Semaphore
    idle: list[_PooledEnvironment] = field(default_factory=list)
    all: list[_PooledEnvironment] = field(default_factory=list)
    recent: deque[LogLine] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))


class LambdaService:
    """The functions of a stack.

    Parameters
    ----------
    functions
        The functions by logical id.
    folders
        The module search path of each function: its code, then its layers.
    environment
        The environment variables that Lambda and the platform set for every function.
    logs
        The folder for a log file per function.
    concurrency
        The number of invocations of one function that run at the same time; further ones wait.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        folders: Mapping[str, tuple[Path, ...]],
        environment: Mapping[str, str],
        logs: Path,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._pools = {
            name: _Pool(function, asyncio.Semaphore(concurrency))
            for name, function in functions.items()
        }
        self._folders = folders
        self._environment = environment
        self._logs = logs
        self._reported: str | None = None
        self._listeners: list[Callable[[LogLine], None]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def listen(self, listener: Callable[[LogLine], None]) -> None:
        """Call ``listener`` with every line that a function logs."""
        self._listeners.append(listener)

    def log(self, name: str) -> tuple[LogLine, ...]:
        """Return the latest 2000 lines of a function's log."""
        return tuple(self._pools[name].recent)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The process ids of all execution environments."""
        pools = self._pools.values()
        return tuple(pooled.process.process_id for pool in pools for pooled in pool.all)

    async def invoke(self, name: str, event: Any) -> Result:
        """Invoke a function and return its outcome.

        Parameters
        ----------
        name
            The function's logical id.
        event
            The event; it must be JSON serializable.

        Returns
        -------
        Result
            The outcome, also if the function fails, times out or ends its process.

        Raises
        ------
        PayloadTooLarge
            If the event exceeds 6 MB (Lambda quotas: invocation payload).
        KeyError
            If there is no such function.
        """
        pool = self._pools[name]
        size = len(json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))
        if size > PAYLOAD_LIMIT:
            raise PayloadTooLarge(f"an event of {size} bytes")
        async with pool.slots:
            return await self._invoke(pool, event, str(uuid.uuid4()))

    async def stop(self) -> None:
        """End every execution environment."""
        for pool in self._pools.values():
            await asyncio.gather(*(self._end(pool, pooled) for pooled in tuple(pool.all)))

    async def _invoke(self, pool: _Pool, event: Any, request_id: str) -> Result:
        begun = time.monotonic()
        pooled = await self._take(pool)
        pooled.lines.clear()
        payload, error, reusable = None, None, False
        try:
            outcome = await pooled.process.invoke(request_id, event)
            error = outcome.get("error") or outcome.get("init_error")
            reusable = "init_error" not in outcome
            if error is None:
                payload, error = _payload(outcome["payload"], request_id)
        except TimeoutError:
            error = _timed_out(pool.function, request_id)
            self._log(pool, pooled, request_id, error["errorMessage"])
        except RuntimeExited as exited:
            error = _error("Runtime.ExitError", request_id, str(exited))
            self._log(pool, pooled, request_id, error["errorMessage"])
        finally:
            if reusable:
                pool.idle.append(pooled)
            else:
                await self._end(pool, pooled)
        ms = (time.monotonic() - begun) * 1000
        return Result(request_id, payload, error, tuple(pooled.lines), ms)

    async def _take(self, pool: _Pool) -> _PooledEnvironment:
        """Return the environment used last if it runs the current code, else start a new one."""
        folders = self._folders[pool.function.logical_id]
        fingerprint = source_fingerprint(folders[0])
        while pool.idle:
            pooled = pool.idle.pop()
            if pooled.fingerprint == fingerprint and pooled.process.alive:
                return pooled
            await self._end(pool, pooled)
        lines: list[str] = []

        def on_line(request_id: str, text: str) -> None:
            self._log(pool, pooled, request_id, text)

        process = await ExecutionEnvironment.start(
            pool.function, folders, self._environment_of(pool.function), on_line
        )
        pooled = _PooledEnvironment(process, fingerprint, lines)
        pool.all.append(pooled)
        return pooled

    async def _end(self, pool: _Pool, pooled: _PooledEnvironment) -> None:
        await pooled.process.end()
        if pooled in pool.all:
            pool.all.remove(pooled)
        if pooled in pool.idle:
            pool.idle.remove(pooled)

    def _log(self, pool: _Pool, pooled: _PooledEnvironment, request_id: str, text: str) -> None:
        pooled.lines.append(text)
        line = LogLine(pool.function.logical_id, request_id, text)
        pool.recent.append(line)
        self._write(line)
        for listener in self._listeners:
            listener(line)

    def _write(self, line: LogLine) -> None:
        """Write a line to the function's log file; log why that fails, once for each reason."""
        path = self._logs / f"{line.function}.log"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{line.text}\n")
        except OSError as error:  # such as a full disk, which must not end the invocation
            if error.strerror != self._reported:
                self._reported = error.strerror
                logger.warning("cannot write %s: %s", path, error.strerror)

    def _environment_of(self, function: Function) -> dict[str, str]:
        """Return the function's own variables and those that Lambda's runtime sets."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return {
            **function.environment,
            **self._environment,
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": function.log_format,
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
            "AWS_LAMBDA_LOG_LEVEL": function.log_level,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/{uuid.uuid4().hex}",
            "LAMBDA_TASK_ROOT": str(self._folders[function.logical_id][0]),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
        }


def source_fingerprint(folder: Path) -> int:
    """Return a number that changes if any file below a folder changes."""
    found = []
    pending = [str(folder)]
    while pending:
        # An editor may remove a file during the scan.
        with contextlib.suppress(FileNotFoundError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        pending.append(entry.path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat()
                        found.append((entry.path, status.st_mtime_ns, status.st_size))
    return hash(tuple(sorted(found)))


def _payload(text: str, request_id: str) -> tuple[Any, dict[str, Any] | None]:
    """Parse a handler's result, or return an error if it exceeds Lambda's limit."""
    size = len(text.encode("utf-8", "replace"))
    if size <= PAYLOAD_LIMIT:
        return json.loads(text), None
    message = f"Response payload size ({size} bytes) exceeded maximum allowed payload size"
    return None, _error("Function.ResponseSizeTooLarge", request_id, message)


def _timed_out(function: Function, request_id: str) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    text = f"{now}Z {request_id} Task timed out after {function.timeout:.2f} seconds"
    return {"errorType": "Sandbox.Timedout", "errorMessage": text}


def _error(kind: str, request_id: str, text: str) -> dict[str, Any]:
    return {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"}
