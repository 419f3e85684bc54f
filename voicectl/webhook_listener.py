"""A small HTTP server on the loopback interface that lets in signed webhooks and nothing else."""

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

_MAX_AGE = 300  # seconds; template.yaml has the same default
_AT_ONCE = 32
_READ_LIMIT = 10  # seconds without a byte
_PATH = re.compile(r"/webhooks/[a-z]+")


class ReceivedRequest(NamedTuple):
    """A webhook that Vonage signed, as it came.

    ``jti`` is the token's; ``covers`` is what its payload hash covers (`verified_claims`).
    """

    method: str
    path: str
    query: str
    body: bytes
    jti: str
    covers: str | None


class ListenerResponse(NamedTuple):
    """What goes back."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


@contextlib.contextmanager
def listening(
    port: int,
    secrets: SigningSecrets,
    answer: Callable[[ReceivedRequest], ListenerResponse],
    now: Callable[[], float],
    refused: Callable[[str], None],
) -> Iterator[int]:
    """Serve while the context lasts; give the port.

    Parameters
    ----------
    port
        On 127.0.0.1; 0 takes a free one.
    secrets
        Whose signature a request must carry.
    answer
        Asked for every request that does, in a thread of its own. Others get 404 where the path is
        no webhook's, 503 without an Authorization header (Vonage may have sent it unsigned by
        mistake, and then sends it again), and else 401.
    now
        The clock, seconds since 1970.
    refused
        Told why, without anything of the request.

    Raises
    ------
    ConnectError
        If the port is taken.
    """
    handler = _handler(secrets, answer, now, refused)
    try:
        server = _ListenerServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise VoicectlError(f"port {port} cannot be listened on: {error.strerror}") from None
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
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(address, handler)

    def process_request(self, request: object, client_address: object) -> None:
        """Serve a connection in a thread, or close it where there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        """Serve a connection, and make its place free."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a connection that broke off concerns nobody."""


def _handler(
    secrets: SigningSecrets,
    answer: Callable[[ReceivedRequest], ListenerResponse],
    now: Callable[[], float],
    refused: Callable[[str], None],
) -> type[BaseHTTPRequestHandler]:
    class WebhookRequestHandler(BaseHTTPRequestHandler):
        timeout = _READ_LIMIT
        server_version, sys_version = "webhooks", ""

        def do_POST(self) -> None:
            given = self._given()
            self.send_response(given.status)
            if given.status == 503:
                self.send_header("Retry-After", "1")
            if given.body:
                self.send_header("Content-Type", given.content_type)
            if given.status != 204:
                self.send_header("Content-Length", str(len(given.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_POST

        def _given(self) -> ListenerResponse:
            path, _, query = self.path.partition("?")
            if not _PATH.fullmatch(path):
                return ListenerResponse(404)
            authorization = self.headers.get("Authorization")
            if authorization is None:
                refused("it is not signed")
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
                refused(str(error))
                return ListenerResponse(401)
            return answer(
                ReceivedRequest(self.command, path, query, body, str(claims["jti"]), covers)
            )

        def log_message(self, *_: object) -> None:
            pass

    return WebhookRequestHandler
