"""A file server like Vonage's, over TLS on loopback, that injects faults."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, Self

import trustme

from tests.support.http_servers import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

Fault = (
    int
    | Literal["hang", "halt", "cut", "short", "long", "drip", "two lengths", "no length", "half"]
)
_LONGEST_HANG = 30.0
_SLICE = 64 * 1024


class _FileServer(ThreadingHTTPServer):
    """A server that doesn't print connection errors, which tests cause on purpose."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class VonageFiles:
    """Vonage's server of recordings and transcripts.

    Parameters
    ----------
    folder
        The folder for the certificate of its certificate authority.

    Attributes
    ----------
    host, ca_file
        Its host and port, and the file with the CA certificate that clients must trust.
    tls
        Its TLS context, for other servers with the same certificate.
    content
        The files, by name.
    faults
        The faults of the next requests, in order: a status code; ``hang`` without a response;
        ``halt`` or ``cut`` the connection in the middle of the file; send fewer bytes than
        announced (``short``), or more (``long``); send a byte every 50 ms (``drip``); send chunks
        in spite of an announced length, which is wrong (``two lengths``); announce no length, and
        send the file (``no length``) or its first half (``half``).
    asked
        The requested names; ``tokens`` has the Authorization headers.
    pace
        Called with the number of bytes before they are sent; a benchmark waits in it.
    """

    def __init__(self, folder: Path) -> None:
        self.content: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.tokens: list[str] = []
        self.pace: Callable[[int], None] | None = None
        self._released = threading.Event()
        authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.tls)
        self._server = _FileServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.host = f"localhost:{self._server.server_port}"
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(serving(self._server, self.tls))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._released.set()
        self._open.close()

    def put(self, name: str, content: bytes) -> str:
        """Add a file and return its URL."""
        self.content[name] = content
        return f"https://{self.host}/v1/files/{name}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        files = self

        class FileHandler(BaseHTTPRequestHandler):
            timeout = _LONGEST_HANG

            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                files.asked.append(name)
                files.tokens.append(self.headers.get("Authorization", ""))
                fault = files.faults.pop(0) if files.faults else None
                if fault == "hang":
                    files._released.wait(_LONGEST_HANG)
                elif isinstance(fault, int):
                    self._respond(fault, b"no", 2)
                elif name not in files.content:
                    self._respond(404, b"", 0)
                else:
                    self._send_file(files.content[name], fault)

            def _send_file(self, content: bytes, fault: Fault | None) -> None:
                half = content[: len(content) // 2]
                if fault in ("cut", "halt"):
                    self._respond(200, half, len(content))
                    if fault == "halt":
                        self.wfile.flush()
                        files._released.wait(_LONGEST_HANG)
                elif fault == "drip":
                    self._respond(200, content[:1], len(content))
                    for byte in content[1:]:
                        if files._released.wait(0.05) or not self._send(bytes([byte])):
                            return
                elif fault == "two lengths":
                    self._respond(200, b"", 1, **{"Transfer-Encoding": "chunked"})
                    self._send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content))
                elif fault in ("no length", "half"):
                    self._respond(200, half if fault == "half" else content, None)
                elif fault == "short":
                    self._respond(200, content[:-1], len(content))
                elif fault == "long":
                    self._respond(200, content + b"more", len(content))
                else:
                    self._respond(200, content, len(content))

            def _respond(
                self, status: int, body: bytes, length: int | None, **headers: str
            ) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "audio/mpeg")
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self._send(body)

            def _send(self, body: bytes) -> bool:
                try:
                    if files.pace is None:
                        self.wfile.write(body)
                    else:
                        self._send_paced(memoryview(body), files.pace)
                except OSError:
                    return False  # the client closed the connection
                return True

            def _send_paced(self, body: memoryview, pace: Callable[[int], None]) -> None:
                # What waits here has not passed the link yet, so only a little may wait.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SLICE)
                for start in range(0, len(body), _SLICE):
                    piece = body[start : start + _SLICE]
                    pace(len(piece))
                    self.wfile.write(piece)

            def log_message(self, *_: object) -> None:
                pass

        return FileHandler
