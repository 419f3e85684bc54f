"""The local platform in a thread of its own, whose simulated time moves on only when told to."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp

from local.aws.samconfig import overrides
from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from local.aws.lambda_service import LogLine

T = TypeVar("T")

_PATIENCE = 60.0  # real seconds that anything may take
_STEPS = 20_000  # timers that may fire before something is given up


class NoProgress(Exception):
    """What was waited for did not happen within the simulated time that it had."""


class PlatformThread:
    """The platform, and the simulated time on it.

    Parameters
    ----------
    root
        The folder with template.yaml, the functions and the layers; and with samconfig.toml, whose
        values for the template's parameters hold.
    folder
        Where the platform keeps what it needs while it runs.

    Attributes
    ----------
    platform
        The running platform; use it from `run` alone.
    journal
        What happened on the simulated Vonage since `forget`, in order.
    apologies
        The log lines of flows that failed since `forget`.
    by_hand
        The numbers that ring until a test answers.
    flows
        The folder of the call flows.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        options = PlatformOptions(folder=folder, parameters=overrides(root), speed=0, workers=2)
        self.platform = LocalPlatform(root, options)
        self.journal: list[dict[str, Any]] = []
        self.apologies: list[dict[str, Any]] = []
        self.by_hand: set[str] = set()
        self.flows = root / "functions" / "flows"
        self._loop = asyncio.new_event_loop()
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, name="voice", daemon=True)

    def start(self) -> None:
        """Start it; takes a second or two."""
        try:
            self._thread.start()
            self._started.result(_PATIENCE)
        except KeyboardInterrupt:
            # Only what has started whole can be ended whole, wherever the interrupt came.
            try:
                self._started.result(_PATIENCE)
                self.run(self._stop())
            finally:
                self._end_thread()
            raise
        except BaseException:
            self._end_thread()
            raise

    def stop(self) -> None:
        """End it, with every process that it started."""
        try:
            self.run(self._stop())
        finally:
            self._end_thread()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the platform, and wait for it."""
        __tracebackhide__ = True
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)
        except ValueError as error:  # what a test asks for is refused: that is told at its own line
            raise error.with_traceback(None) from None

    def forget(self) -> None:
        """Begin anew with what happened."""
        self.journal.clear()
        self.apologies.clear()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the simulated Vonage's own door, and give the JSON of its answer.

        Raises
        ------
        ValueError
            If it refuses; the text says why.
        """
        url = f"{self.platform.vonage.http_url}{path}"
        async with self._http.request(method, url, json=body) as response:
            text = await response.text()
            answer = json.loads(text) if text else None
        if response.status >= 400:
            raise ValueError(_reason(answer or {}))
        return answer

    async def advance(self, done: Callable[[], bool], within: float) -> None:
        """Let simulated time go by until something is so.

        Parameters
        ----------
        done
            Looked at whenever everything has come to rest.
        within
            Simulated seconds.

        Raises
        ------
        Stuck
            If it is not so by then, or nothing is left that could make it so.
        """
        clock = self.platform.vonage.clock
        end = clock.now() + within
        await self._rest()
        for _ in range(_STEPS):
            if done():
                return
            pause = clock.until_next()
            if pause is None or clock.now() + pause > end:
                raise NoProgress
            await clock.step(pause)
            await self._rest()
        raise NoProgress

    async def let_pass(self, seconds: float) -> None:
        """Let so much simulated time go by."""
        await self.platform.vonage.clock.step(seconds)
        await self._rest()

    async def _rest(self) -> None:
        await self.platform.vonage.clock.settle()
        while not self._happened.empty():
            self.journal.append(self._happened.get_nowait())

    def _live(self) -> None:
        """Be the thread: start the platform, tell how that went, and do what is asked of it."""
        starting = self._loop.create_task(self._start())
        starting.add_done_callback(self._tell)
        self._loop.run_forever()

    def _tell(self, starting: asyncio.Task[None]) -> None:
        error = starting.exception()
        if error is None:
            self._started.set_result(None)
        else:
            self._started.set_exception(error)

    async def _start(self) -> None:
        await self.platform.start()
        self._http = aiohttp.ClientSession()
        self._happened = self.platform.vonage.journal.follow()
        self.platform.lambdas.listen(self._listen)

    async def _stop(self) -> None:
        await self._http.close()
        await self.platform.stop()

    def _listen(self, line: LogLine) -> None:
        try:
            entry = json.loads(line.text)
        except ValueError:
            return
        if isinstance(entry, dict) and entry.get("outcome") == "apology":
            self.apologies.append(entry)

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()


def _reason(answer: dict[str, Any]) -> str:
    reasons = [str(one.get("reason")) for one in answer.get("invalid_parameters", [])]
    return "; ".join(reasons) or str(answer.get("detail") or answer.get("title"))
