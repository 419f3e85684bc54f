"""Host, Origin and Sec-Fetch-Site checks, and the security headers of every response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from .responses import HttpError, error_response

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "img-src 'self' data:",
        "font-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that every response has."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def same_origin_only(host: str) -> Middleware:
    """Build the middleware that rejects requests for other hosts or from other origins.

    A page on the internet can send requests to 127.0.0.1, across origins or through its own
    hostname (DNS rebinding). The browser shows that in Host, Origin and Sec-Fetch-Site.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        if (
            headers.getall("Host", []) != [host]
            or any(origin != f"http://{host}" for origin in headers.getall("Origin", []))
            or not {"same-origin", "none"}.issuperset(headers.getall("Sec-Fetch-Site", []))
        ):
            detail = f"the web console accepts requests only for and from http://{host}/"
            return error_response(403, "Forbidden", detail)
        return await handler(request)

    return check


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every HTTP error into a JSON response."""
    try:
        return await handler(request)
    except HttpError as error:
        return error_response(error.status, error.title, error.detail)
    except web.HTTPException as error:
        response = error_response(error.status, error.reason)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
