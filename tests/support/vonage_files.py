"""A Vonage that gives out files over TLS on loopback, and misbehaves as it is told."""

from __future__ import annotations

import ssl
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, Self

import trustme

from tests.support.http_servers import serving

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

Fault = int | Literal["hang", "halt", "cut", "short", "long", "drip"]
_LONGEST_HANG = 30.0


class _FileServer(ThreadingHTTPServer):
    """A server that does not print what goes wrong on a connection: that is often the test."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class VonageFiles:
    """A server of files.

    Parameters
    ----------
    folder
        Where its authority's certificate is put.

    Attributes
    ----------
    host, ca_file
        Its host and port, and the certificate that it is to be trusted by.
    tls
        What its connections are secured with, for other servers of the same authority.
    content
        The files by name.
    faults
        What to do with the next requests instead, in turn: answer with a status; ``hang`` without
        an answer; ``halt`` or ``cut`` the connection in the middle of the file; send fewer bytes
        than said (``short``), or more (``long``); send a byte every 50 ms (``drip``).
    asked
        The names that were asked for, and ``tokens`` with which tokens.
    """

    def __init__(self, folder: Path) -> None:
        self.content: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self.tokens: list[str] = []
        self._released = threading.Event()
        authority = trustme.CA()
        self.ca_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self.tls)
        self._server = _FileServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = self.tls.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.host = f"localhost:{self._server.server_port}"
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(serving(self._server))
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
        """Give out a file; give its address."""
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
                    self._answer(fault, b"no", 2)
                elif name not in files.content:
                    self._answer(404, b"", 0)
                else:
                    self._give(files.content[name], fault)

            def _give(self, content: bytes, fault: Fault | None) -> None:
                half = content[: len(content) // 2]
                if fault in ("cut", "halt"):
                    self._answer(200, half, len(content))
                    if fault == "halt":
                        self.wfile.flush()
                        files._released.wait(_LONGEST_HANG)
                elif fault == "drip":
                    self._answer(200, content[:1], len(content))
                    for byte in content[1:]:
                        if files._released.wait(0.05) or not self._send(bytes([byte])):
                            return
                elif fault == "short":
                    self._answer(200, content[:-1], len(content))
                elif fault == "long":
                    self._answer(200, content + b"more", len(content))
                else:
                    self._answer(200, content, len(content))

            def _answer(self, status: int, body: bytes, length: int) -> None:
                self.send_response_only(status)
                self.send_header("Content-Type", "audio/mpeg")
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self._send(body)

            def _send(self, body: bytes) -> bool:
                try:
                    self.wfile.write(body)
                except OSError:
                    return False  # whoever asked has heard enough
                return True

            def log_message(self, *_: object) -> None:
                pass

        return FileHandler
