"""The local platform on a background thread, with a clock that the caller advances."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp

from local.local_platform import LocalPlatform, PlatformOptions
from local.testing.agent_server import AgentServer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from local.aws.lambda_service import LogLine

T = TypeVar("T")

_PATIENCE = 60.0  # real seconds for any step
_STEPS = 20_000  # timers that may fire before `advance` fails


class NoProgress(Exception):
    """A condition did not become true within its simulated time."""


class PlatformThread:
    """The platform on a thread, and its simulated time.

    Parameters
    ----------
    root
        The folder with template.yaml, samconfig.toml, the functions and the layers.
    folder
        The folder for the platform's files.
    parameters
        Values of the template's parameters.
    switchboard
        The switchboard document; its ``lines`` are numbers that tests can call.
    agent
        The URL of the voice agent; by default that of the scripted one.

    Attributes
    ----------
    platform
        The running platform; use it only through `run`.
    journal
        The simulator's journal since `clear`, in order.
    apologies
        The log lines of failed flows since `clear`.
    manual_callees
        The numbers that ring until a test answers.
    flows
        The folder of the call flows.
    agent_server
        The scripted agent; None if `agent` names another one.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        parameters: Mapping[str, str] | None = None,
        switchboard: dict[str, Any] | None = None,
        agent: str | None = None,
    ) -> None:
        self.agent_server = AgentServer() if agent is None else None
        options = PlatformOptions(
            folder=folder,
            parameters=parameters or {},
            speed=0,
            concurrency=2,
            environment={
                "SETTLE_SECONDS": "0",  # `publish` waits for the events
                "AGENT": self.agent_server.url if self.agent_server else str(agent),
            },
            switchboard=json.dumps(switchboard) if switchboard else None,
        )
        self.platform = LocalPlatform(root, options)
        self.journal: list[dict[str, Any]] = []
        self.apologies: list[dict[str, Any]] = []
        self.manual_callees: set[str] = set()
        self.flows = root / "functions" / "flows"
        self._loop = asyncio.new_event_loop()
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run_loop, name="voice", daemon=True)

    def start(self) -> None:
        """Start the platform, which takes a second or two."""
        try:
            self._thread.start()
            self._started.result(_PATIENCE)
        except KeyboardInterrupt:
            # Wait for the start to finish, because a half-started platform cannot be stopped.
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
        """Stop the platform with all its processes."""
        try:
            self.run(self._stop())
        finally:
            self._end_thread()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the platform's thread and return its result."""
        __tracebackhide__ = True
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)
        except ValueError as error:  # an invalid request of a test: pytest shows the test's line
            raise error.with_traceback(None) from None

    def clear(self) -> None:
        """Clear the journal, the apologies and the outbox."""
        self.journal.clear()
        self.apologies.clear()
        self.platform.outbox.mails.clear()
        self.platform.outbox.events.clear()

    async def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the simulator's control API and return the JSON of the response.

        Parameters
        ----------
        method, path
            The request.
        body
            The request's body: bytes, or something to send as JSON.

        Raises
        ------
        ValueError
            If the response is an error; the message states the reason.
        """
        url = f"{self.platform.vonage.http_url}{path}"
        sent = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        async with self._http.request(method, url, **sent) as response:
            text = await response.text()
            content = json.loads(text) if text else None
        if response.status >= 400:
            raise ValueError(_reason(content or {}))
        return content

    async def advance(self, done: Callable[[], bool], within: float) -> None:
        """Advance simulated time until a condition is true.

        Parameters
        ----------
        done
            The condition, checked whenever no task is running.
        within
            The maximum number of simulated seconds.

        Raises
        ------
        NoProgress
            If the condition is not true by then, or no timer is left.
        """
        clock = self.platform.vonage.clock
        end = clock.now() + within
        await self._settle()
        for _ in range(_STEPS):
            if done():
                return
            pause = clock.until_next()
            if pause is None or clock.now() + pause > end:
                raise NoProgress
            await clock.step(pause)
            await self._settle()
        raise NoProgress

    async def sleep(self, seconds: float) -> None:
        """Advance simulated time by seconds."""
        await self.platform.vonage.clock.step(seconds)
        await self._settle()

    async def publish(self) -> None:
        """Publish what is stored, after the queued recordings were fetched and stored.

        Real time passes here, and simulated time does not. So nothing is published before a test
        asks for it: a call's outcome cannot depend on how fast a recording was fetched.
        """
        streams = self.platform.streams
        await self.platform.wait_until_idle()
        streams.resume()
        try:
            await self.platform.wait_until_idle()
        finally:
            streams.pause()

    async def _settle(self) -> None:
        await self.platform.vonage.clock.settle()
        while not self._entries.empty():
            self.journal.append(self._entries.get_nowait())

    def _run_loop(self) -> None:
        """Start the platform, report the outcome, and run the event loop."""
        start = self._loop.create_task(self._start())
        start.add_done_callback(self._report_start)
        self._loop.run_forever()

    def _report_start(self, start: asyncio.Task[None]) -> None:
        error = start.exception()
        if error is None:
            self._started.set_result(None)
        else:
            self._started.set_exception(error)

    async def _start(self) -> None:
        await self.platform.start()
        if self.agent_server is not None:
            await self.agent_server.start(self.platform.vonage.clock)
        self.platform.streams.pause()
        self._http = aiohttp.ClientSession()
        self._entries = self.platform.vonage.journal.follow()
        self.platform.lambdas.listen(self._collect_apology)

    async def _stop(self) -> None:
        await self._http.close()
        if self.agent_server is not None:
            await self.agent_server.stop()
        await self.platform.stop()

    def _collect_apology(self, line: LogLine) -> None:
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
        if self.agent_server is not None:
            self.agent_server.close()


def _reason(problem: dict[str, Any]) -> str:
    invalid = problem.get("invalid_parameters", [])
    reasons = [f"{one.get('name')}: {one.get('reason')}" for one in invalid]
    return "; ".join(reasons) or str(problem.get("detail") or problem.get("title"))
