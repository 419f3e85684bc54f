"""Shared HTTP helpers: read JSON bodies, check Host and Origin, build error responses."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from .errors import ApiError, invalid
from .settings import HOSTS_OF_REGIONS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# Names under localhost represent Vonage's hosts, including those of each region.
HOST_NAMES = LOOPBACK_NAMES | {
    f"{name}.localhost" for name in ("api", "rest", *HOSTS_OF_REGIONS.values())
}


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises
    ------
    ApiError
        400 if the body is not a JSON object.
    """
    raw = await request.read()
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise invalid("body", "must be JSON") from error
    if not isinstance(fields, dict):
        raise invalid("body", "must be a JSON object")
    return fields


def is_local(request: web.Request) -> bool:
    """Return whether a request has a loopback Host, and an Origin that is absent or loopback.

    Pages from the internet can reach 127.0.0.1 through a host name of their own or across origins.
    """
    if _host_name(f"//{request.host}") not in HOST_NAMES:
        return False
    origin = request.headers.get("Origin")
    return origin is None or _host_name(origin) in HOST_NAMES


def _host_name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def error_response(error: ApiError) -> web.Response:
    """Build the response for an API error."""
    if error.body is None:
        return web.Response(status=error.status)
    return web.json_response(error.body, status=error.status)
