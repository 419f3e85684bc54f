"""Who may ask: programs of this machine and the phone's own page; and what every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from local.webconsole.responses import HttpError, refused

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


async def carry_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put on an answer what every answer carries."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def guard(host: str) -> Middleware:
    """Make the middleware that lets in only who names ``host`` and comes from no other page.

    A page on the internet can send requests to 127.0.0.1, across origins or through a name of its
    own that leads here; the browser says so in Host, Origin and Sec-Fetch-Site.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        if (
            headers.getall("Host", []) != [host]
            or any(origin != f"http://{host}" for origin in headers.getall("Origin", []))
            or not {"same-origin", "none"}.issuperset(headers.getall("Sec-Fetch-Site", []))
        ):
            return refused(403, "Forbidden", f"this page is at http://{host}/ and nowhere else")
        return await handler(request)

    return guarded


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal into JSON."""
    try:
        return await handler(request)
    except HttpError as refusal:
        return refused(refusal.status, refusal.title, refusal.detail)
    except web.HTTPException as error:
        response = refused(error.status, error.reason)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
