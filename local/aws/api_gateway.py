"""The HTTP API: route requests to functions with payload 2.0 events, as API Gateway does.

The routes come from the template. ``local.aws.payload`` builds events and responses, and
``local.aws.sigv4`` checks the signatures on AWS_IAM routes.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from aiohttp import web

from local.aws import payload, sigv4
from local.aws.lambda_service import PayloadTooLarge
from local.aws.request_log import LoggedRequest, RequestLog
from local.aws.secret_input import without_secret
from local.aws.throttle import RouteThrottle

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Sequence

    from local.aws.credentials import LocalCredentials
    from local.aws.lambda_service import Result
    from local.aws.stack import Route

HEADER_LIMIT = 10_240  # bytes of request line and header values (HTTP API quotas)
BODY_LIMIT = 10 * 1024 * 1024  # bytes (HTTP API quotas: payload size)
INTEGRATION_LIMIT = 30.0  # seconds (HTTP API quotas: maximum integration timeout)
CLIENT_LIMIT = 30.0  # seconds for a client to send its request, and to read the response
_PARSER_LIMIT = 1024 * 1024  # above HEADER_LIMIT, so that this module rejects long headers

logger = logging.getLogger(__name__)


class _Outcome(NamedTuple):
    """The outcome of a request.

    ``route``, ``event`` and ``result`` are None if the request did not get that far.
    """

    response: web.Response
    route: Route | None = None
    event: dict[str, Any] | None = None
    result: Result | None = None


class ApiGateway:
    """The server of the API. Its ``request_log`` holds the latest requests and responses.

    Parameters
    ----------
    routes
        The template's routes.
    invoke
        Invokes a function by its logical id.
    credentials
        The credentials whose signatures AWS_IAM routes accept.
    region
        The region of these signatures.
    clock
        A monotonic clock in seconds, for throttling.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        invoke: Callable[[str, Any], Awaitable[Result]],
        credentials: LocalCredentials,
        region: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._routes = routes
        self._invoke = invoke
        self._credentials = credentials
        self._region = region
        self._throttles = {
            route: RouteThrottle(route.rate, route.burst or 1, clock)
            for route in routes
            if route.rate
        }
        self.request_log = RequestLog()
        self._invocations: set[asyncio.Future[Result]] = set()
        self._hosts: frozenset[str] = frozenset()
        self._server: _GatewayServer | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket bound to a loopback address."""
        port = listening.getsockname()[1]
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        self._server = _GatewayServer(
            self._handle,
            max_line_size=_PARSER_LIMIT,
            max_field_size=_PARSER_LIMIT,
            max_headers=10_000,
            keepalive_timeout=CLIENT_LIMIT,
            auto_decompress=False,  # a function receives the body as the client sent it
            access_log=None,
        )
        self._runner = web.ServerRunner(self._server)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def stop(self) -> None:
        """Close every connection and cancel running invocations."""
        for invocation in self._invocations:
            invocation.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._server is not None:
            self._server.silent.discard(request.protocol)
        request_id = uuid.uuid4().hex[:15] + "="
        begun = time.monotonic()
        outcome = await self._respond(request, request_id)
        response = outcome.response
        response.headers["Apigw-Requestid"] = request_id
        self._record(request_id, outcome, (time.monotonic() - begun) * 1000)
        async with asyncio.timeout(CLIENT_LIMIT):
            await response.prepare(request)
            await response.write_eof()
        return response

    async def _respond(self, request: web.BaseRequest, request_id: str) -> _Outcome:
        if not self._has_own_host_and_origin(request):
            return _Outcome(_message(403, "Forbidden"))
        if _header_size(request) > HEADER_LIMIT:
            return _Outcome(_message(431, "Request Header Fields Too Large"))
        found = match(self._routes, request.method, request.raw_path.split("?")[0])
        if found is None:
            return _Outcome(_message(404, "Not Found"))
        route, path_parameters = found
        try:
            async with asyncio.timeout(CLIENT_LIMIT):
                body = await _read(request)
        except TimeoutError:
            return _Outcome(_message(408, "Request Timeout"), route)
        except web.RequestPayloadError:
            return _Outcome(_message(400, "Bad Request"), route)
        if body is None:
            return _Outcome(_message(413, "Request Entity Too Large"), route)
        identity = None
        if route.iam:
            identity = sigv4.identity(request, body, self._credentials, self._region, time.time())
            if identity is None:
                return _Outcome(_message(403, "Forbidden"), route)
        if route in self._throttles and not self._throttles[route].take():
            return _Outcome(_message(429, "Too Many Requests"), route)
        event = payload.build_event(
            request, body, route, path_parameters, identity, request_id, time.time()
        )
        return await self._integrate(route, event)

    async def _integrate(self, route: Route, event: dict[str, Any]) -> _Outcome:
        # The function keeps running after the gateway's timeout.
        invocation = asyncio.ensure_future(self._invoke(route.function, event))
        self._invocations.add(invocation)
        invocation.add_done_callback(self._invocations.discard)
        try:
            result = await asyncio.wait_for(asyncio.shield(invocation), INTEGRATION_LIMIT)
        except PayloadTooLarge:
            return _Outcome(_message(413, "Request Entity Too Large"), route)
        except TimeoutError:
            return _Outcome(_message(503, "Service Unavailable"), route, event)
        if result.error is not None:
            return _Outcome(_message(500, "Internal Server Error"), route, event, result)
        try:
            return _Outcome(payload.build_response(result.payload), route, event, result)
        except payload.InvalidResponse as error:
            logger.warning("invalid response of %s: %s", route.function, error)
            return _Outcome(_message(500, "Internal Server Error"), route, event, result)

    def _record(self, request_id: str, outcome: _Outcome, ms: float) -> None:
        response, route, event, result = outcome
        if route is None:
            return
        self.request_log.add(
            LoggedRequest(
                id=request_id,
                route=route.key,
                function=route.function,
                request_id=result.request_id if result else None,
                log=result.log if result else (),
                event=None if event is None else without_secret(event),
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=response.body if isinstance(response.body, bytes) else b"",
                ms=round(ms, 1),
            )
        )

    def _has_own_host_and_origin(self, request: web.BaseRequest) -> bool:
        """Return whether neither a page of another origin nor DNS rebinding sent the request."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return False
        origins = request.headers.getall("Origin", [])
        return all(origin == f"http://{hosts[0].lower()}" for origin in origins)


class _GatewayServer(web.Server):
    """A server that closes a connection whose first request's headers do not arrive in time."""

    def __init__(self, handler: Callable[..., Any], **settings: Any) -> None:
        super().__init__(handler, **settings)
        self.silent: set[Any] = set()

    def __call__(self) -> web.RequestHandler:
        protocol = super().__call__()
        self.silent.add(protocol)
        asyncio.get_running_loop().call_later(CLIENT_LIMIT, self._close_silent, protocol)
        return protocol

    def _close_silent(self, protocol: web.RequestHandler) -> None:
        if protocol in self.silent:
            self.silent.remove(protocol)
            if protocol.transport is not None:
                protocol.transport.abort()


def match(
    routes: Sequence[Route], method: str, raw_path: str
) -> tuple[Route, dict[str, str]] | None:
    """Return the most specific route for a request.

    1. a path without parameters, 2. one with parameters, 3. one with a greedy parameter,
    4. $default; within each, the request's own method before ANY.

    Returns
    -------
    tuple or None
        The route and its decoded path parameters; None if no route matches.
    """
    best: tuple[tuple[int, int], Route, dict[str, str]] | None = None
    for route in routes:
        if route.method not in (method, "ANY"):
            continue
        found = _parameters(route.path, raw_path)
        if found is None:
            continue
        rank = 3 if route.path == "$default" else 2 if "+}" in route.path else int(bool(found))
        order = (rank, int(route.method == "ANY"))
        if best is None or order < best[0]:
            best = (order, route, found)
    return best and best[1:]


def _parameters(path: str, raw_path: str) -> dict[str, str] | None:
    if path == "$default":
        return {}
    pattern, segments = path.split("/"), raw_path.split("/")
    found: dict[str, str] = {}
    for position, part in enumerate(pattern):
        if part.startswith("{") and part.endswith("+}"):
            rest = "/".join(segments[position:])
            return {**found, part[1:-2]: unquote(rest)} if rest else None
        if position >= len(segments):
            return None
        if part.startswith("{") and segments[position]:
            found[part[1:-1]] = unquote(segments[position])
        elif part != unquote(segments[position]):
            return None
    return found if len(pattern) == len(segments) else None


def _header_size(request: web.BaseRequest) -> int:
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1") + 1
    return line + sum(len(value) for _, value in request.raw_headers)


async def _read(request: web.BaseRequest) -> bytes | None:
    """Return the body; None if it exceeds the limit."""
    if request.content_length is not None and request.content_length > BODY_LIMIT:
        return None
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
    return b"".join(parts)


def _message(status: int, text: str) -> web.Response:
    return web.Response(
        status=status, body=f'{{"message":"{text}"}}'.encode(), content_type="application/json"
    )
