"""Shared HTTP helpers: read JSON bodies, check the origin, build and log error responses."""

import errno
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from .errors import ApiError, invalid
from .settings import HOSTS_OF_REGIONS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# For the journal entry of an API request: the faults that changed it, and the uuid of its leg.
FAULTS = web.RequestKey("faults", list[str])
LEG_UUID = web.RequestKey("leg_uuid", str)

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


def refusal_of(request: web.Request, names: frozenset[str], allowed: frozenset[str]) -> str | None:
    """Return why a request is refused; None if it is for this listener, and not from a web page.

    A page on the internet can send requests to 127.0.0.1, across origins or through its own
    hostname (DNS rebinding). The browser shows that in Host, Origin and Sec-Fetch-Site. `names`
    are valid with this listener's port, `allowed` with any port, or with their own.
    """
    if request.transport is None:
        return "the client has disconnected"
    port = request.transport.get_extra_info("sockname")[1]
    own_hosts = {f"{name}:{port}" for name in names}
    if port == _DEFAULT_PORTS[request.scheme]:
        own_hosts |= names  # clients leave this port out
    headers = request.headers
    hosts = [host.lower() for host in headers.getall("Host", [])]
    if len(hosts) != 1:
        return "the request has no Host header, or several"
    name = hosts[0] if hosts[0].endswith("]") else re.sub(r":\d*$", "", hosts[0])
    if hosts[0] not in own_hosts and allowed.isdisjoint({hosts[0], name}):
        return (
            f"the Host header {hosts[0][:100]!r} is not an address of this simulator, "
            f"such as localhost:{port}. Use that, or start it with --allow-host {name[:100]}"
        )
    if any(f"{request.scheme}://{hosts[0]}" != one for one in headers.getall("Origin", [])):
        return "the request is from a web page of another origin. Use a proxy on its server"
    if not {"same-origin", "none"}.issuperset(headers.getall("Sec-Fetch-Site", [])):
        return "the request is from a web page of another site. Use a proxy on its server"
    return None


def without_traceback(record: logging.LogRecord) -> bool:
    """Log a malformed request in one line: a filter for the logger `aiohttp.server`."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "malformed request: %s", (error.message.partition("\n")[0],)
        record.exc_info = None
    return True


def listen_error(error: OSError, *options: str) -> str:
    """Return the text of an error at the start: for a port in use, with what to do.

    Parameters
    ----------
    error
        The error.
    options
        The options that set the ports.
    """
    if error.errno != errno.EADDRINUSE or not options:
        return str(error)
    other = "another port" if len(options) == 1 else "other ports"
    return f"{error}. Choose {other} with {' and '.join(options)}; 0 selects a free one"


def error_response(error: ApiError) -> web.Response:
    """Build the response for an API error."""
    if error.body is None:
        return web.Response(status=error.status)
    return web.json_response(error.body, status=error.status)
