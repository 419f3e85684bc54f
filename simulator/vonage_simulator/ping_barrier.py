"""Make a stopped or fast clock wait for the application at the other end of a WebSocket."""

import asyncio
import contextlib
import socket as sockets
from collections.abc import Callable

import aiohttp

from .clock import Clock

# Real seconds that the clock waits for a pong.
PONG_SECONDS = 2.0


class PingBarrier:
    """Waits until the application has read all messages so far, and sent its responses.

    A server such as aiohttp's sends the pong when it reads the ping, so after its responses to the
    messages before. Its responses then arrive at the same time of the clock in each run. A server
    that sends pongs as soon as a ping arrives may be some frames late.

    After a missing pong, the barrier no longer waits. `report_missing` is called then.
    """

    def __init__(self, clock: Clock, report_missing: Callable[[], None]) -> None:
        self._clock = clock
        self._report_missing = report_missing
        self._is_on = True
        self._count = 0
        self._payload = b""
        self._pong: asyncio.Future[None] | None = None

    async def wait(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Hold the clock until the pong, at most for 2 real seconds; not at speed 1 or below."""
        if self._is_on and not 0 < self._clock.speed <= 1:
            await self._clock.run_external(self._ping(socket))

    def receive_pong(self, payload: bytes) -> None:
        """Release the clock if this is the response to the latest ping."""
        if self._pong is not None and not self._pong.done() and payload == self._payload:
            self._pong.set_result(None)

    async def _ping(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._count += 1
        self._payload = str(self._count).encode()
        self._pong = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PONG_SECONDS):
                await socket.ping(self._payload)
                _acknowledge_at_once(socket)
                await self._pong
        except TimeoutError:
            self._is_on = False
            self._report_missing()
        except (aiohttp.ClientError, ConnectionError):
            pass  # reading from the socket ends too, and reports it


def _acknowledge_at_once(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Make TCP acknowledge the next messages without its delay of 40 ms (Linux).

    A server without TCP_NODELAY, such as Tornado's, holds the pong until its audio is acknowledged.
    """
    tcp = socket.get_extra_info("socket")
    if tcp is not None and hasattr(sockets, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):  # the connection is closed
            tcp.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_QUICKACK, 1)
