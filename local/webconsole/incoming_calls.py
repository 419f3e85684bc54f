"""Whether those who are called ring in the pages: while at least one page says that they shall."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp

_RINGS = "manual"  # it rings until somebody says otherwise
_TIMEOUT = aiohttp.ClientTimeout(total=5)

logger = logging.getLogger(__name__)


class IncomingCalls:
    """Has the simulator's default callee ring on, and puts back afterwards what was before.

    Parameters
    ----------
    vonage_url
        The simulator's address.
    session
        The client that speaks to it.
    """

    def __init__(self, vonage_url: str, session: aiohttp.ClientSession) -> None:
        self._address = f"{vonage_url}/sim/callees"
        self._session = session
        self._pages: set[object] = set()
        self._before: dict[str, Any] | None = None
        self._turn = asyncio.Lock()

    async def set(self, page: object, on: bool) -> None:
        """Note what a page wants; one that goes wants it no more."""
        if on:
            self._pages.add(page)
        else:
            self._pages.discard(page)
        async with self._turn:
            try:
                await self._settle()
            except (aiohttp.ClientError, TimeoutError) as error:
                logger.warning("who is called could not be set: %s", error)

    async def _settle(self) -> None:
        wanted = bool(self._pages)
        if wanted == (self._before is not None):
            return
        async with self._session.get(self._address, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            default = (await answer.json())["default"]
        # Whatever cuts this off in between, what is to be put back stays known until it is.
        if wanted:
            self._before = default
            await self._put({**default, "behaviour": _RINGS})
            return
        # Somebody may have set something else meanwhile, which stays.
        if self._before is not None and default["behaviour"] == _RINGS:
            await self._put(self._before)
        self._before = None

    async def _put(self, callee: dict[str, Any]) -> None:
        address = f"{self._address}/default"
        async with self._session.put(address, json=callee, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
