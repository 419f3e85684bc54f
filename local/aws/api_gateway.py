"""The HTTP API: requests in, payload 2.0 out, as API Gateway does it.

The routes come from the template; what a request becomes and what an answer becomes is in
``local.aws.payload``, who may call an AWS_IAM route in ``local.aws.sigv4``.
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
CLIENT_LIMIT = 30.0  # seconds for a client to send its request, and to take the answer
_PARSER_LIMIT = 1024 * 1024  # so that the answer to a long header is ours

logger = logging.getLogger(__name__)


class _Outcome(NamedTuple):
    """What became of a request; ``event`` and ``result`` are None as far as it did not come."""

    response: web.Response
    route: Route | None = None
    event: dict[str, Any] | None = None
    result: Result | None = None


class ApiGateway:
    """The server of the API; its ``exchanges`` are what it was asked and answered of late.

    Parameters
    ----------
    routes
        What the template routes, and where to.
    invoke
        Invokes a function by its logical id.
    credentials
        Whose signatures AWS_IAM routes take.
    region
        The region that such a signature names.
    clock
        Seconds that only grow, for throttling.
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
        self._buckets = {
            route: RouteThrottle(route.rate, route.burst or 1, clock)
            for route in routes
            if route.rate
        }
        self.exchanges = RequestLog()
        self._invocations: set[asyncio.Future[Result]] = set()
        self._hosts: frozenset[str] = frozenset()
        self._server: _GatewayServer | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket that is bound to a loopback address."""
        port = listening.getsockname()[1]
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        self._server = _GatewayServer(
            self._handle,
            max_line_size=_PARSER_LIMIT,
            max_field_size=_PARSER_LIMIT,
            max_headers=10_000,
            keepalive_timeout=CLIENT_LIMIT,
            auto_decompress=False,  # bodies go on as they came
            access_log=None,
        )
        self._runner = web.ServerRunner(self._server)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def stop(self) -> None:
        """Close every connection and give up what still runs."""
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
        outcome = await self._answer(request, request_id)
        response = outcome.response
        response.headers["Apigw-Requestid"] = request_id
        self._keep(request_id, outcome, (time.monotonic() - begun) * 1000)
        async with asyncio.timeout(CLIENT_LIMIT):
            await response.prepare(request)
            await response.write_eof()
        return response

    async def _answer(self, request: web.BaseRequest, request_id: str) -> _Outcome:
        if not self._is_for_us(request):
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
        if route in self._buckets and not self._buckets[route].take():
            return _Outcome(_message(429, "Too Many Requests"), route)
        event = payload.event(
            request, body, route, path_parameters, identity, request_id, time.time()
        )
        return await self._integrate(route, event)

    async def _integrate(self, route: Route, event: dict[str, Any]) -> _Outcome:
        # The function goes on when the gateway has given up waiting for it.
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
            return _Outcome(payload.response(result.payload), route, event, result)
        except payload.InvalidResponse as error:
            logger.warning("%s answered %s", route.function, error)
            return _Outcome(_message(500, "Internal Server Error"), route, event, result)

    def _keep(self, request_id: str, outcome: _Outcome, ms: float) -> None:
        response, route, event, result = outcome
        if route is None:
            return
        self.exchanges.add(
            LoggedRequest(
                id=request_id,
                route=route.key,
                function=route.function,
                request_id=result.request_id if result else None,
                log=result.log if result else (),
                event=event,
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=response.body if isinstance(response.body, bytes) else b"",
                ms=round(ms, 1),
            )
        )

    def _is_for_us(self, request: web.BaseRequest) -> bool:
        """Refuse pages in a browser: those of other origins, and those whose name points here."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return False
        origins = request.headers.getall("Origin", [])
        return all(origin == f"http://{hosts[0].lower()}" for origin in origins)


class _GatewayServer(web.Server):
    """Closes a connection that does not finish the headers of its first request in time."""

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
    """Find the route of a request, the most specific first.

    1. a path without parameters, 2. one with parameters, 3. one with a greedy parameter,
    4. $default; among these the request's own method before ANY.

    Returns
    -------
    tuple or None
        The route and its path parameters, decoded; None where no route takes the request.
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
    wanted, given = path.split("/"), raw_path.split("/")
    found: dict[str, str] = {}
    for position, part in enumerate(wanted):
        if part.startswith("{") and part.endswith("+}"):
            rest = "/".join(given[position:])
            return {**found, part[1:-2]: unquote(rest)} if rest else None
        if position >= len(given):
            return None
        if part.startswith("{") and given[position]:
            found[part[1:-1]] = unquote(given[position])
        elif part != unquote(given[position]):
            return None
    return found if len(wanted) == len(given) else None


def _header_size(request: web.BaseRequest) -> int:
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1") + 1
    return line + sum(len(value) for _, value in request.raw_headers)


async def _read(request: web.BaseRequest) -> bytes | None:
    """Read the body; None where it is over the limit."""
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
