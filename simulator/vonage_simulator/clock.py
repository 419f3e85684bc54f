"""The simulator's clock: real time at a chosen speed, or stopped time that moves in steps.

Everything in the simulator that waits uses this clock. A step fires one timer at a time. The next
timer fires only when everything that the last one started is idle, so that the same steps give the
same run. Work outside the simulator (a webhook, a rendered file) goes through `run_external`, which
holds stepped time until that work is done.
"""

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# Event loop turns without external work after which the simulator counts as idle. A chain of tasks
# that wake each other takes one turn per link; no chain here is near this long.
TURNS_TO_REST = 40
# Canceled timers stay in the heap until it reaches this size, or twice its last size after a sweep.
TIMERS_BEFORE_SWEEP = 1000


def _nothing() -> None:
    pass


class Timer:
    """A scheduled callback."""

    __slots__ = ("callback", "cancelled", "order", "when")

    def __init__(self, when: float, order: int, callback: Callable[[], None]) -> None:
        self.when = when
        self.order = order
        self.callback = callback
        self.cancelled = False

    def __lt__(self, other: "Timer") -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        """Cancel the callback."""
        self.cancelled = True
        self.callback = _nothing  # release what the callback refers to


class Clock:
    """Time in seconds since 1970, at a speed.

    Parameters
    ----------
    speed
        Seconds of this clock for each real second; 0 means that only `step` moves it.
    start
        The clock's initial time.
    real
        A monotonic source of real seconds.
    """

    def __init__(
        self, speed: float, start: float, real: Callable[[], float] = time.monotonic
    ) -> None:
        self._real = real
        self._speed = speed
        self._base = start
        self._base_real = real()
        self._timers: list[Timer] = []
        self._sweep_at = TIMERS_BEFORE_SWEEP
        self._orders = itertools.count()
        self._wake: asyncio.TimerHandle | None = None
        self._working: set[int] = set()
        self._gates: dict[int, asyncio.Future[None]] = {}
        self._at_rest: asyncio.Future[None] | None = None
        self._stepping = asyncio.Lock()
        self._turn = asyncio.Lock()

    @property
    def speed(self) -> float:
        """Seconds of this clock per real second."""
        return self._speed

    def now(self) -> float:
        """Return the clock's time, in seconds since 1970."""
        if not self._speed:
            return self._base
        return self._base + (self._real() - self._base_real) * self._speed

    def set_speed(self, speed: float) -> None:
        """Continue from the current time at another speed; 0 stops the clock.

        Raises
        ------
        ValueError
            If the speed is negative or above 10,000.
        """
        if not 0 <= speed <= 10_000:
            raise ValueError("speed must be between 0 and 10000")
        self._base = self.now()
        self._base_real = self._real()
        self._speed = speed
        if speed:
            self._open_gates()
        self._arm()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call back at that time, or as soon as possible if it has passed."""
        if len(self._timers) >= self._sweep_at:
            self._sweep()
        timer = Timer(when, next(self._orders), callback)
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._arm()
        return timer

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds on this clock."""
        await self.sleep_until(self.now() + seconds)

    async def sleep_until(self, when: float) -> None:
        """Wait until a time on this clock."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_at(when, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def until_next(self) -> float | None:
        """Return the seconds until the next timer is due, or None without timers."""
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0].when - self.now()) if self._timers else None

    async def step(self, seconds: float) -> None:
        """Move a stopped clock forward, firing each due timer in order.

        Raises
        ------
        ValueError
            If the clock is running, or the step is negative.
        """
        if self._speed:
            raise ValueError("only a clock with speed 0 can be stepped")
        if seconds < 0:
            raise ValueError("a step cannot be negative")
        async with self._stepping:
            await self.settle()
            target = self._base + seconds
            while not self._speed and self._timers and self._timers[0].when <= target:
                timer = heapq.heappop(self._timers)
                if timer.cancelled:
                    continue
                self._base = max(self._base, timer.when)
                timer.callback()
                await self.settle()
            if not self._speed:
                self._base = max(self._base, target)

    async def settle(self) -> None:
        """Wait until nothing is left to do before the next timer."""
        quiet = 0
        while quiet < TURNS_TO_REST:
            if self._working and not self._speed:
                self._at_rest = asyncio.get_running_loop().create_future()
                await self._at_rest
                quiet = 0
            await asyncio.sleep(0)
            quiet += 1

    async def run_external(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work that takes real time; `work` must return its errors.

        While time is stepped, such work runs one piece at a time. Results are released when all of
        it has ended, in the order in which it began. How long a response takes therefore changes
        nothing, neither here nor in the order in which requests arrive there.
        """
        ticket = next(self._orders)
        self._working.add(ticket)
        try:
            result = await self._in_turn(work)
            if not self._speed:
                gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._gates[ticket] = gate
                self._leave(ticket)
                await gate
            return result
        finally:
            self._gates.pop(ticket, None)
            self._leave(ticket)

    async def _in_turn(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            if self._speed:
                return await work
            async with self._turn:
                return await work
        finally:
            work.close()  # if the wait for its turn was canceled

    def _leave(self, ticket: int) -> None:
        self._working.discard(ticket)
        if not self._working:
            # Not immediately: the last task would pass its own gate before the others wake.
            asyncio.get_running_loop().call_soon(self._open_gates)

    def _open_gates(self) -> None:
        if self._working and not self._speed:
            return
        for ticket in sorted(self._gates):
            gate = self._gates[ticket]
            if not gate.done():
                gate.set_result(None)
        if self._at_rest is not None and not self._at_rest.done():
            self._at_rest.set_result(None)

    def _sweep(self) -> None:
        self._timers = [timer for timer in self._timers if not timer.cancelled]
        heapq.heapify(self._timers)
        self._sweep_at = max(TIMERS_BEFORE_SWEEP, 2 * len(self._timers))

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._speed and self._timers:
            delay = max(0.0, (self._timers[0].when - self.now()) / self._speed)
            self._wake = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._wake = None
        now = self.now()
        while self._timers and self._timers[0].when <= now:
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.callback()
        self._arm()


class Inbox(Generic[T]):
    """A queue for one reader, who can wait until a time of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: deque[T] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def put(self, item: T) -> None:
        """Add an item and wake the reader."""
        self._items.append(item)
        self._rouse()

    async def get(self, until: float | None = None) -> T | None:
        """Return the next item, or None if none arrives by that time (None waits indefinitely)."""
        while not self._items:
            if until is not None and self._clock.now() >= until:
                return None
            self._waiting = asyncio.get_running_loop().create_future()
            timer = None if until is None else self._clock.call_at(until, self._rouse)
            try:
                await self._waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        return self._items.popleft()

    def _rouse(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
