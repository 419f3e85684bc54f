"""Shared HTTP helpers: read JSON bodies, check the origin, build and log error responses."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from .errors import ApiError, invalid
from .settings import HOSTS_OF_REGIONS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Names under localhost represent Vonage's hosts, including those of each region.
HOST_NAMES = frozenset({"localhost", "127.0.0.1"}) | {
    f"{name}.localhost" for name in ("api", "rest", *HOSTS_OF_REGIONS.values())
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


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


def has_own_host_and_origin(request: web.Request, public_host: str | None = None) -> bool:
    """Return whether a request is for this listener, and not from a page of another origin.

    Requests for `public_host` may name any port or none: a proxy or a client's settings can map it.

    A page on the internet can send requests to 127.0.0.1, across origins or through its own
    hostname (DNS rebinding). The browser shows that in Host, Origin and Sec-Fetch-Site.
    """
    if request.transport is None:  # the client has disconnected
        return False
    port = request.transport.get_extra_info("sockname")[1]
    own_hosts = {f"{name}:{port}" for name in HOST_NAMES}
    if port == _DEFAULT_PORTS[request.scheme]:
        own_hosts |= HOST_NAMES  # clients leave this port out
    headers = request.headers
    hosts = [host.lower() for host in headers.getall("Host", [])]
    return (
        len(hosts) == 1
        and (hosts[0] in own_hosts or hosts[0].partition(":")[0] == public_host)
        and all(f"{request.scheme}://{hosts[0]}" == one for one in headers.getall("Origin", []))
        and {"same-origin", "none"}.issuperset(headers.getall("Sec-Fetch-Site", []))
    )


def without_traceback(record: logging.LogRecord) -> bool:
    """Log a malformed request in one line: a filter for the logger `aiohttp.server`."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "malformed request: %s", (error.message.partition("\n")[0],)
        record.exc_info = None
    return True


def error_response(error: ApiError) -> web.Response:
    """Build the response for an API error."""
    if error.body is None:
        return web.Response(status=error.status)
    return web.json_response(error.body, status=error.status)
