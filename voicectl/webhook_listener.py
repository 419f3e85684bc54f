"""An HTTP server on the loopback interface that accepts only webhooks signed by Vonage."""

from __future__ import annotations

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

from voicectl.errors import VoicectlError
from voicekit.signature import SignatureError, SignedParts, verified_claims
from voicekit.webhook import MAX_BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voicekit.signature import SigningSecrets

_MAX_AGE = 300  # seconds, as SIGNATURE_MAX_AGE in template.yaml
_MAX_CONNECTIONS = 32
_READ_TIMEOUT = 10  # seconds without a byte
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
        unsigned by mistake; after 503 it sends it again.)
    now
        The clock, in seconds since 1970.
    on_rejected
        Called with the reason, which contains nothing of the request.

    Raises
    ------
    VoicectlError
        If the port is in use.
    """
    handler = _handler(secrets, respond, now, on_rejected)
    try:
        server = _ListenerServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise VoicectlError(f"cannot listen on port {port}: {error.strerror}") from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _ListenerServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        super().__init__(address, handler)

    def process_request(self, request: object, client_address: object) -> None:
        """Serve a connection in a thread, or close it if there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve a connection, then release its slot."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that broke off."""


def _handler(
    secrets: SigningSecrets,
    respond: Callable[[ReceivedRequest], ListenerResponse],
    now: Callable[[], float],
    on_rejected: Callable[[str], None],
) -> type[BaseHTTPRequestHandler]:
    class WebhookRequestHandler(BaseHTTPRequestHandler):
        timeout = _READ_TIMEOUT
        server_version, sys_version = "webhooks", ""

        def do_POST(self) -> None:
            response = self._response()
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

        do_GET = do_POST

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
            signed = SignedParts(self.command, query, body, frozenset())
            try:
                claims, covers = verified_claims(
                    authorization, signed, secrets, now=now(), max_age=_MAX_AGE
                )
            except SignatureError as error:
                on_rejected(str(error))
                return ListenerResponse(401)
            return respond(
                ReceivedRequest(self.command, path, query, body, str(claims["jti"]), covers)
            )

        def log_message(self, *_: object) -> None:
            pass

    return WebhookRequestHandler
