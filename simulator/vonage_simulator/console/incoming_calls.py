"""Ring callees in the browser while at least one page asks for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp

_MANUAL = "manual"  # the callee rings until a client of /sim answers or declines
_TIMEOUT = aiohttp.ClientTimeout(total=5)

logger = logging.getLogger(__name__)


class IncomingCalls:
    """Makes the simulator's default callee ring, and restores its settings afterwards.

    Parameters
    ----------
    vonage_url
        The simulator's address.
    session
        The HTTP client for it.
    """

    def __init__(self, vonage_url: str, session: aiohttp.ClientSession) -> None:
        self._url = f"{vonage_url}/sim/callees"
        self._session = session
        self._pages: set[object] = set()
        self._original: dict[str, Any] | None = None
        self._lock = asyncio.Lock()

    async def set_ringing(self, page: object, on: bool) -> None:
        """Record whether a page wants incoming calls to ring, and update the simulator."""
        if on:
            self._pages.add(page)
        else:
            self._pages.discard(page)
        async with self._lock:
            try:
                await self._update_callee()
            except (aiohttp.ClientError, TimeoutError) as error:
                logger.warning("cannot set the default callee: %s", error)

    async def _update_callee(self) -> None:
        should_ring = bool(self._pages)
        if should_ring == (self._original is not None):
            return
        async with self._session.get(self._url, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            default = (await response.json())["default"]
        # The original is kept until it is restored, so that an error in between does not lose it.
        if should_ring:
            self._original = default
            await self._put({**default, "behaviour": _MANUAL})
            return
        # Another client may have changed the callee in the meantime; that change stays.
        if self._original is not None and default["behaviour"] == _MANUAL:
            await self._put(self._original)
        self._original = None

    async def _put(self, callee: dict[str, Any]) -> None:
        url = f"{self._url}/default"
        async with self._session.put(url, json=callee, timeout=_TIMEOUT) as response:
            response.raise_for_status()
