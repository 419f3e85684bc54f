"""Routes that read what the admin API returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from vonage_simulator.console.responses import HttpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TIMEOUT = aiohttp.ClientTimeout(total=40)  # the API itself times out after 30 seconds


class AdminRoutes:
    """Routes of the admin API that the page reads.

    Parameters
    ----------
    api_url
        The address of the API.
    session
        The HTTP client for it.
    sign
        Signs a request, given its method and path, and returns its headers.
    """

    def __init__(
        self,
        api_url: str,
        session: aiohttp.ClientSession,
        sign: Callable[[str, str], Mapping[str, str]],
    ) -> None:
        self._api_url = api_url
        self._session = session
        self._sign = sign

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/api/switchboard", self._switchboard, allow_head=False)]

    async def _switchboard(self, _request: web.Request) -> web.Response:
        path = "/switchboard"
        try:
            async with self._session.get(
                f"{self._api_url}{path}", headers=self._sign("GET", path), timeout=_TIMEOUT
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HttpError(502, "The API is not responding", str(error)) from None
        if response.status != 200:
            raise HttpError(502, "The switchboard cannot be read", f"status {response.status}")
        return web.Response(body=body, content_type="application/json")
