"""An HTTP server on the loopback interface that accepts only webhooks signed by Vonage."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

from voicectl.errors import VoicectlError
from voicectl.websocket_server import ServerSocket
from voicekit.signature import SignatureError, SignedParts, verified_claims
from voicekit.webhook import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Protocol

    from voicekit.signature import SigningSecrets

    class SocketApp(Protocol):
        """Accepts WebSocket connections, whose handshakes may be unsigned, by their path."""

        def accepts(self, path: str) -> bool: ...

        def connect(self, path: str, headers: Mapping[str, str], socket: ServerSocket) -> None: ...


_MAX_AGE = 300  # seconds, as SIGNATURE_MAX_AGE in template.yaml
_MAX_CONNECTIONS = 32
_REQUEST_TIMEOUT = 10  # seconds for all of a request to arrive, and for its response to be sent
_PATH = re.compile(r"/webhooks/[a-z]+")


class ReceivedRequest(NamedTuple):
    """A verified webhook, as received.

    ``jti`` is the token's id; ``covers`` is what its payload hash covers (`verified_claims`).
    """

    method: str
    path: str
    query: str
    body: bytes
    jti: str
    covers: str | None


class ListenerResponse(NamedTuple):
    """The response to a webhook."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


@contextlib.contextmanager
def listening(
    port: int,
    secrets: SigningSecrets,
    respond: Callable[[ReceivedRequest], ListenerResponse],
    now: Callable[[], float],
    on_rejected: Callable[[str], None],
    sockets: SocketApp | None = None,
) -> Iterator[int]:
    """Run the server while the context lasts, and yield its port.

    Parameters
    ----------
    port
        The port on 127.0.0.1; 0 selects a free one.
    secrets
        The account whose signature a request must have.
    respond
        Called for each verified request, in its own thread. Other requests get 404 for other
        paths, 503 without an Authorization header, and otherwise 401. (Vonage may send a webhook
        unsigned by mistake; after 503 it sends it again.) Clients have 10 seconds to send a
        request.
    now
        The clock, in seconds since 1970.
    on_rejected
        Called with the reason, which contains nothing of the request.
    sockets
        Called for WebSocket connections to paths that it accepts, each in its own thread.

    Raises
    ------
    VoicectlError
        If the port is in use.
    """
    handler = _handler(secrets, respond, now, on_rejected, sockets)
    try:
        server = _ListenerServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise VoicectlError(
            f"cannot listen on port {port}: {error.strerror}. Choose another with --port."
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _ListenerServer(ThreadingHTTPServer):
    """A server for a limited number of connections.

    A new connection takes the place of the oldest one whose request is not verified. Slow clients
    can therefore delay no webhook.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # with the default of 5, a burst delays connections for seconds

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._lock = threading.Lock()
        self._unverified: dict[socket.socket, None] = {}  # oldest first
        self._verified: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, or close it if there are too many."""
        if self._has_place(request):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def _has_place(self, request: socket.socket) -> bool:
        with self._lock:
            if len(self._unverified) + len(self._verified) >= _MAX_CONNECTIONS:
                if not self._unverified:
                    return False
                oldest = next(iter(self._unverified))
                del self._unverified[oldest]
                with contextlib.suppress(OSError):  # its client has disconnected
                    oldest.shutdown(socket.SHUT_RDWR)
            self._unverified[request] = None
            return True

    def set_verified(self, request: socket.socket) -> None:
        """Reserve a connection's place until its response is sent.

        Raises
        ------
        ConnectionAbortedError
            If it has lost its place.
        """
        with self._lock:
            if request not in self._unverified:
                raise ConnectionAbortedError
            del self._unverified[request]
            self._verified.add(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and give its place up."""
        with self._lock:
            self._unverified.pop(request, None)
            self._verified.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that broke off."""


class _TimedReader(io.RawIOBase):
    """Reads from a connection until a deadline, however slowly the bytes arrive."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connection.settimeout(remaining)
        return self._connection.recv_into(buffer)


def _handler(
    secrets: SigningSecrets,
    respond: Callable[[ReceivedRequest], ListenerResponse],
    now: Callable[[], float],
    on_rejected: Callable[[str], None],
    sockets: SocketApp | None,
) -> type[BaseHTTPRequestHandler]:
    class WebhookRequestHandler(BaseHTTPRequestHandler):
        server: _ListenerServer
        server_version, sys_version = "webhooks", ""

        def setup(self) -> None:
            super().setup()
            self.rfile.close()
            reader = _TimedReader(self.connection, _REQUEST_TIMEOUT)
            self.rfile = io.BufferedReader(reader)

        def do_POST(self) -> None:
            response = self._response()
            self.connection.settimeout(_REQUEST_TIMEOUT)
            self.send_response(response.status)
            if response.status == 503:
                self.send_header("Retry-After", "1")
            if response.body:
                self.send_header("Content-Type", response.content_type)
            if response.status != 204:
                self.send_header("Content-Length", str(len(response.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(response.body)

        def do_GET(self) -> None:
            path, key = self.path.partition("?")[0], self.headers.get("Sec-WebSocket-Key")
            if sockets is None or key is None or not sockets.accepts(path):
                self.do_POST()
                return
            self.server.set_verified(self.connection)
            self.close_connection = True
            self.connection.settimeout(_REQUEST_TIMEOUT)
            headers = {name.title(): value for name, value in self.headers.items()}
            sockets.connect(path, headers, ServerSocket(self.connection, key))

        def _response(self) -> ListenerResponse:
            path, _, query = self.path.partition("?")
            if not _PATH.fullmatch(path):
                return ListenerResponse(404)
            authorization = self.headers.get("Authorization")
            if authorization is None:
                on_rejected("no Authorization header")
                return ListenerResponse(503)
            length = self.headers.get("Content-Length", "0")
            if "Transfer-Encoding" in self.headers or not length.isdecimal():
                return ListenerResponse(411)
            if int(length) > MAX_BODY:
                return ListenerResponse(413)
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                return ListenerResponse(400)
            signed = SignedParts(self.command, query, body, frozenset())
            try:
                claims, covers = verified_claims(
                    authorization, signed, secrets, now=now(), max_age=_MAX_AGE
                )
            except SignatureError as error:
                on_rejected(str(error))
                return ListenerResponse(401)
            self.server.set_verified(self.connection)
            return respond(
                ReceivedRequest(self.command, path, query, body, str(claims["jti"]), covers)
            )

        def log_message(self, *_: object) -> None:
            pass

    return WebhookRequestHandler
