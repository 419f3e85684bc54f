"""Invokes the functions: a pool of worker processes for each, as Lambda keeps environments.

A worker that overruns its function's timeout is killed, one that dies is replaced, and all that
were started before the code changed are retired.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
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

WORKERS = 4
PAYLOAD_LIMIT = 6 * 1024 * 1024  # bytes of an event, and of an answer (Lambda quotas)
_LINES_KEPT = 2000


@dataclass(frozen=True)
class Result:
    """The outcome of an invocation: the handler's answer, or Lambda's description of a failure."""

    request_id: str
    payload: Any
    error: dict[str, Any] | None
    log: tuple[str, ...]
    ms: float


@dataclass(frozen=True)
class LogLine:
    """A line that a function wrote; ``request_id`` is empty for what it wrote while starting."""

    function: str
    request_id: str
    text: str


class PayloadTooLarge(Exception):
    """The event is larger than Lambda takes."""


@dataclass
class _Worker:
    execution: ExecutionEnvironment
    code: int
    lines: list[str] = field(default_factory=list)


@dataclass
class _Pool:
    function: Function
    slots: asyncio.Semaphore
    idle: list[_Worker] = field(default_factory=list)
    all: list[_Worker] = field(default_factory=list)
    recent: deque[LogLine] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))


class LambdaService:
    """The functions of a stack.

    Parameters
    ----------
    functions
        The functions by logical id.
    folders
        For each function, the folders on its path: its code, then its layers.
    environment
        Variables that every function gets: what Lambda's service and the platform set.
    logs
        The folder for a log file per function.
    workers
        How many invocations of one function run at once; more wait.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        folders: Mapping[str, tuple[Path, ...]],
        environment: Mapping[str, str],
        logs: Path,
        workers: int = WORKERS,
    ) -> None:
        self._pools = {
            name: _Pool(function, asyncio.Semaphore(workers))
            for name, function in functions.items()
        }
        self._folders = folders
        self._environment = environment
        self._logs = logs
        self._listeners: list[Callable[[LogLine], None]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def listen(self, listener: Callable[[LogLine], None]) -> None:
        """Have a callable told of every line that a function writes."""
        self._listeners.append(listener)

    def log(self, name: str) -> tuple[LogLine, ...]:
        """Give the latest lines that a function wrote, two thousand at most."""
        return tuple(self._pools[name].recent)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The ids of all worker processes."""
        pools = self._pools.values()
        return tuple(worker.execution.process_id for pool in pools for worker in pool.all)

    async def invoke(self, name: str, event: Any) -> Result:
        """Invoke a function and wait for its outcome.

        Parameters
        ----------
        name
            The function's logical id.
        event
            The event, of what JSON can write.

        Returns
        -------
        Result
            Also where the function failed, overran its timeout or ended its process.

        Raises
        ------
        PayloadTooLarge
            If the event is over 6 MB (Lambda quotas: invocation payload).
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
        """End every worker."""
        for pool in self._pools.values():
            await asyncio.gather(*(self._end(pool, worker) for worker in tuple(pool.all)))

    async def _invoke(self, pool: _Pool, event: Any, request_id: str) -> Result:
        begun = time.monotonic()
        worker = await self._take(pool)
        worker.lines.clear()
        payload, error, keep = None, None, False
        try:
            reply = await worker.execution.invoke(request_id, event)
            error = reply.get("error") or reply.get("init_error")
            keep = "init_error" not in reply
            if error is None:
                payload, error = _payload(reply["payload"], request_id)
        except TimeoutError:
            error = _timed_out(pool.function, request_id)
            self._write(pool, worker, request_id, error["errorMessage"])
        except RuntimeExited as ended:
            error = _error("Runtime.ExitError", request_id, str(ended))
            self._write(pool, worker, request_id, error["errorMessage"])
        finally:
            if keep:
                pool.idle.append(worker)
            else:
                await self._end(pool, worker)
        ms = (time.monotonic() - begun) * 1000
        return Result(request_id, payload, error, tuple(worker.lines), ms)

    async def _take(self, pool: _Pool) -> _Worker:
        """Give the worker used last, if it runs the present code, else a new one."""
        folders = self._folders[pool.function.logical_id]
        code = source_fingerprint(folders[0])
        while pool.idle:
            worker = pool.idle.pop()
            if worker.code == code and worker.execution.alive:
                return worker
            await self._end(pool, worker)
        lines: list[str] = []

        def written(request_id: str, text: str) -> None:
            self._write(pool, worker, request_id, text)

        execution = await ExecutionEnvironment.start(
            pool.function, folders, self._environment_of(pool.function), written
        )
        worker = _Worker(execution, code, lines)
        pool.all.append(worker)
        return worker

    async def _end(self, pool: _Pool, worker: _Worker) -> None:
        await worker.execution.end()
        if worker in pool.all:
            pool.all.remove(worker)
        if worker in pool.idle:
            pool.idle.remove(worker)

    def _write(self, pool: _Pool, worker: _Worker, request_id: str, text: str) -> None:
        worker.lines.append(text)
        line = LogLine(pool.function.logical_id, request_id, text)
        pool.recent.append(line)
        with (self._logs / f"{line.function}.log").open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
        for listener in self._listeners:
            listener(line)

    def _environment_of(self, function: Function) -> dict[str, str]:
        """Give the variables that Lambda's runtime sets, and the function's own."""
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
    """Sum up the source files below a folder, so that any change of them gives another number."""
    found = []
    pending = [str(folder)]
    while pending:
        # What an editor removes meanwhile is not there.
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
    """Read a handler's answer, unless it is larger than Lambda lets an answer be."""
    size = len(text.encode("utf-8", "replace"))
    if size <= PAYLOAD_LIMIT:
        return json.loads(text), None
    said = f"Response payload size ({size} bytes) exceeded maximum allowed payload size"
    return None, _error("Function.ResponseSizeTooLarge", request_id, said)


def _timed_out(function: Function, request_id: str) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    text = f"{now}Z {request_id} Task timed out after {function.timeout:.2f} seconds"
    return {"errorType": "Sandbox.Timedout", "errorMessage": text}


def _error(kind: str, request_id: str, text: str) -> dict[str, Any]:
    return {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"}
