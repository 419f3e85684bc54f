"""The simulator as a whole: its state, and two listeners, usually on the loopback interface."""

import asyncio
import ipaddress
import json
import re
import secrets
import shutil
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import trustme
from aiohttp import web

from . import account as accounts
from .account import Application, SimulatedAccount
from .account_api import AccountApi
from .application_api import ApplicationApi, capabilities_of
from .clock import Clock
from .control_api import ControlApi
from .errors import ApiError, not_found, reason_in
from .http_helpers import FAULTS, HOST_NAMES, LEG_UUID, Handler, error_response, refusal_of
from .journal import Journal
from .legs import Leg
from .numbers_api import NumbersApi
from .recordings import RecordingStore
from .settings import SimulatorSettings
from .state import SimulatorState
from .users_api import UsersApi
from .voice_api import VoiceApi

HOST_NAME = re.compile("[a-z0-9-]+([.][a-z0-9-]+)*")
# For the journal: why a request was refused, and whether that was for its Host or Origin.
REASON = web.RequestKey("reason", str)
REFUSED = web.RequestKey("refused", bool)
UUID_CHARACTERS = 36
# Time for requests in progress when the simulator stops.
SHUTDOWN_SECONDS = 1.0


class Simulator:
    """A simulated Vonage Voice platform.

    Examples
    --------
    >>> async with Simulator(SimulatorSettings()) as simulator:
    ...     print(simulator.http_url)
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or SimulatorSettings()
        self._monotonic = monotonic
        self.private_key: str | None = None
        self.api_key = self.settings.api_key
        self.api_secret = self.settings.api_secret or secrets.token_hex(8)
        self.signature_secret = self.settings.signature_secret or secrets.token_hex(32)
        self.application_id = ""
        self.http_url = ""
        self.tls_url = ""
        self.ca_file = ""
        self._state: SimulatorState | None = None
        self._runner: web.AppRunner | None = None
        self._folder: Path | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def clock(self) -> Clock:
        """The simulator's clock."""
        return self._running().clock

    @property
    def journal(self) -> Journal:
        """The journal of what happened."""
        return self._running().journal

    def leg(self, uuid: str) -> Leg:
        """Return a leg in its current state.

        Raises
        ------
        KeyError
            If it does not exist, or was deleted.
        """
        return self._running().legs[uuid]

    def application(self) -> Application:
        """Return the initial application; its webhooks can be changed."""
        return self._running().account.applications[self.application_id]

    async def start(self) -> None:
        """Start listening on both ports.

        Raises
        ------
        OSError
            If a port is in use.
        ValueError
            If the public key or the public host in the settings is invalid.
        """
        settings = self.settings
        if settings.public_host and not HOST_NAME.fullmatch(settings.public_host):
            raise ValueError(
                f"the public host {settings.public_host!r} must be a name in lower case,"
                " without scheme and port"
            )
        self._folder = Path(
            tempfile.mkdtemp(prefix="simulated-vonage-", dir=settings.temporary_folder)
        )
        start_time = time.time() if settings.start_time is None else settings.start_time
        clock = Clock(settings.speed, start_time, self._monotonic)
        account = SimulatedAccount(self.api_key, self.api_secret, self.signature_secret)
        recordings_folder = self._folder / "files"
        recordings_folder.mkdir()
        recordings = RecordingStore(recordings_folder, clock, settings.recordings_kept_for)
        state = SimulatorState(settings, account, clock, time.time, recordings)
        self._state = state
        try:
            self._add_application(state)
            await state.sender.start()
            await self._listen(state)
        except BaseException:
            await self.stop()
            raise
        state.base_url = self._public_url()

    async def stop(self) -> None:
        """End every call, stop listening, and delete the files; can be called twice."""
        if self._state is not None:
            self._state.journal.write("end")
            await self._state.stop()
        if self._runner is not None:
            await self._close(self._runner)
            self._runner = None
        if self._state is not None:
            await self._state.stop()
            await self._state.sender.stop()
            self._state = None
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            self._folder = None

    def _public_url(self) -> str:
        url = self.tls_url if self.settings.public_scheme == "https" else self.http_url
        if self.settings.public_host is None:
            return url
        return f"{self.settings.public_scheme}://{self.settings.public_host}:{urlsplit(url).port}"

    def _running(self) -> SimulatorState:
        if self._state is None:
            raise RuntimeError("the simulator is not running")
        return self._state

    def _add_application(self, state: SimulatorState) -> None:
        settings = self.settings
        public_key = settings.public_key
        if public_key is None:
            self.private_key, public_key = accounts.make_keys()
        pem, key = accounts.public_key_of(public_key)
        application = Application(
            id=settings.application_id or state.make_uuid(),
            name=settings.application_name,
            public_key_pem=pem,
            public_key=key,
            answer=settings.answer,
            event=settings.event,
            fallback=settings.fallback,
            signed=settings.signed_callbacks,
            region=settings.region,
        )
        application.capabilities = capabilities_of(application)
        self.application_id = application.id
        account = state.account
        account.applications[application.id] = application
        account.numbers.update(dict.fromkeys(settings.numbers, application.id))

    async def _listen(self, state: SimulatorState) -> None:
        app = web.Application(
            middlewares=[
                _journal_requests(state),
                _check_origin(self.settings),
                _add_headers(state),
                _error_responses,
                _inject_faults(state),
            ],
            client_max_size=self.settings.body_bytes,
        )
        for api in (VoiceApi, ApplicationApi, NumbersApi, AccountApi, UsersApi, ControlApi):
            app.add_routes(api(state).routes())
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, handle_signals=False
        )
        await self._runner.setup()
        host = self.settings.host
        http = web.TCPSite(self._runner, host, self.settings.http_port)
        await http.start()
        tls = web.TCPSite(
            self._runner, host, self.settings.tls_port, ssl_context=self._certificate()
        )
        await tls.start()
        own_name = f"[{host}]" if ":" in host else host
        is_local = has_loopback(host)
        self.http_url = f"http://{'127.0.0.1' if is_local else own_name}:{_port(http)}"
        self.tls_url = f"https://{'localhost' if is_local else own_name}:{_port(tls)}"

    async def _close(self, runner: web.AppRunner) -> None:
        """Stop listening and abort connections: TLS ones would wait for their clients."""
        for site in list(runner.sites):
            await site.stop()
        await asyncio.sleep(0)
        for connection in runner.server.connections if runner.server is not None else []:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)
        await runner.cleanup()

    def _certificate(self) -> ssl.SSLContext:
        assert self._folder is not None  # noqa: S101 start made it
        saved = self.settings.authority
        authority = trustme.CA() if saved is None else trustme.CA.from_pem(*saved)
        path = Path(self.settings.ca_file or self._folder / "ca.pem")
        certificate = authority.cert_pem.bytes()
        if not path.exists() or path.read_bytes() != certificate:
            path.write_bytes(certificate)
        self.ca_file = str(path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        names = own_names(self.settings) | {
            name.partition(":")[0] for name in allowed_hosts(self.settings)
        }
        authority.issue_cert(*sorted(names)).configure_cert(context)
        return context


def _port(site: web.TCPSite) -> int:
    server = site._server
    assert isinstance(server, asyncio.Server)  # noqa: S101 it was started
    port: int = server.sockets[0].getsockname()[1]
    return port


def has_loopback(host: str) -> bool:
    """Return whether a listener on this address can be reached at 127.0.0.1."""
    try:
        return host == "127.0.0.1" or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == "localhost"


def is_open(host: str) -> bool:
    """Return whether other machines can reach a listener on this address."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def own_names(settings: SimulatorSettings) -> frozenset[str]:
    """Return the hosts that requests can always name, with the listener's port."""
    return HOST_NAMES if has_loopback(settings.host) else HOST_NAMES | {settings.host.lower()}


def allowed_hosts(settings: SimulatorSettings) -> frozenset[str]:
    """Return the hosts that requests can name with any port, or with the port given here."""
    names = (*settings.allowed_hosts, *filter(None, [settings.public_host]))
    return frozenset(name.lower() for name in names)


def _journal_requests(state: SimulatorState) -> "web.middleware":  # type: ignore[valid-type]
    """Write an entry for each API request, and for each refused request to the control API."""

    @web.middleware
    async def journal(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        status = 500
        reason: str | None = "internal error of the simulator"
        request[FAULTS] = []
        try:
            response = await handler(request)
            status = response.status
            reason = request.get(REASON) or _reason_of(response)
            return response
        except web.HTTPException as error:
            status, reason = error.status, error.reason
            raise
        finally:
            if REFUSED in request or not request.path.startswith("/sim"):
                uuid = request.get(LEG_UUID) or request.match_info.get("uuid") or ""
                state.journal.write(
                    "api",
                    uuid=uuid[:UUID_CHARACTERS] or None,
                    method=request.method[:20],
                    path=request.path[:500],
                    status=status,
                    ms=round((time.monotonic() - began) * 1000, 1),
                    reason=reason,
                    faults=request[FAULTS],
                )

    return journal


def _reason_of(response: web.StreamResponse) -> str | None:
    """Return why a response refuses the request; None if it does not."""
    if response.status < 400:
        return None
    reason = None
    if isinstance(response, web.Response) and response.content_type == "application/json":
        reason = reason_in(json.loads(response.text or "null"))
    return reason or f"status {response.status}"


def _check_origin(settings: SimulatorSettings) -> "web.middleware":  # type: ignore[valid-type]
    """Reject requests for other hosts, and those of web pages."""
    names = frozenset(f"[{name}]" if ":" in name else name for name in own_names(settings))
    allowed = allowed_hosts(settings)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        reason = refusal_of(request, names, allowed)
        if reason is None:
            return await handler(request)
        request[REFUSED] = True
        return web.json_response({"title": "Forbidden", "detail": reason}, status=403)

    return check


def _add_headers(state: SimulatorState) -> "web.middleware":  # type: ignore[valid-type]
    """Add the headers of Vonage's responses (node-sdk issue 133)."""

    @web.middleware
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if not response.prepared and not request.path.startswith("/sim"):
            response.headers["Server"] = "nginx"
            response.headers["X-Frame-Options"] = "deny"
            response.headers["X-Nexmo-Trace-Id"] = state.trace_id()
            if response.content_type == "application/json":
                response.headers["Content-Disposition"] = 'attachment; filename="api.txt"'
        return response

    return add


@web.middleware
async def _error_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a response in one of Vonage's styles."""
    try:
        return await handler(request)
    except ApiError as error:
        request[REASON] = error.reason
        return error_response(error)
    except web.HTTPNotFound:
        request[REASON] = "the simulator has no such path"
        return error_response(not_found())
    except web.HTTPRequestEntityTooLarge:
        return web.json_response({"type": 413, "title": "Request Entity Too Large"}, status=413)
    except web.HTTPMethodNotAllowed as error:
        body = {"type": 405, "title": "Method Not Allowed"}
        return web.json_response(body, status=405, headers={"Allow": error.headers["Allow"]})


def _inject_faults(state: SimulatorState) -> "web.middleware":  # type: ignore[valid-type]
    """Inject the API's faults; the control API has none."""
    faults = state.faults

    @web.middleware
    async def inject(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/sim"):
            return await handler(request)
        names = request[FAULTS]
        if faults.is_triggered("api_slow", names):
            await asyncio.sleep(faults.value("api_slow"))
        if faults.is_triggered("api_drop_before", names):
            return _abort(request)
        if faults.is_triggered("api_5xx", names):
            request[REASON] = "fault api_5xx"
            return web.Response(status=min(599, max(500, int(faults.value("api_5xx")))))
        if faults.is_triggered("api_429", names):
            request[REASON] = "fault api_429"
            return web.Response(status=429)
        if faults.is_triggered("api_drop_after", names):
            await handler(request)
            return _abort(request)
        return await handler(request)

    return inject


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    request[REASON] = "fault: the connection was closed"
    return web.Response()
