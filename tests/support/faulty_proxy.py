"""A proxy in front of a fake AWS that injects faults and counts requests."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qs, urlsplit

from tests.support.http_servers import serving

if TYPE_CHECKING:
    import ssl
    from email.message import Message
    from types import TracebackType

Fault = Literal["throttle", "error", "refuse", "hang", "cut"]
_HANGING_SECONDS = 15.0
_FORWARDING_SECONDS = 30.0  # longer than a long poll
_DROPPED_HEADERS = ("connection", "content-length", "transfer-encoding", "date", "server")
_FAULT_RESPONSES: dict[str, tuple[int, bytes]] = {
    "throttle": (400, b'{"__type":"com.amazonaws#ThrottlingException","message":"Slow down"}'),
    "error": (500, b'{"__type":"InternalServerError"}'),
    "refuse": (400, b'{"__type":"AccessDeniedException"}'),
}
_S3_FAULT_RESPONSES: dict[str, tuple[int, str]] = {
    "throttle": (503, "SlowDown"),
    "error": (500, "InternalError"),
    "refuse": (403, "AccessDenied"),
}
Watch = Callable[[str, int, Literal["before", "after"]], "Fault | None"]


class FaultyAws:
    """Forward requests to a fake AWS, except for operations with a fault.

    Parameters
    ----------
    endpoint
        The URL of the fake AWS, such as ``http://127.0.0.1:5000``.
    tls
        The TLS context of the proxy, if its URL begins with ``https``.

    Attributes
    ----------
    url
        The URL of this proxy.
    faults
        The fault of an operation (``PutItem``): ``throttle``, ``error`` (500), ``refuse``
        (access denied), ``hang`` (no response) or ``cut`` (the connection is closed).
    asked
        The number of requests of each operation, including a client's retries.
    watch
        Called with each operation, its request count, and ``before`` or ``after`` it is
        forwarded. It can return a fault; after forwarding, any fault drops the response.
    saw
        Called with each operation and the body of its request.
    arrived
        Called with the number of bytes after each chunk of a body that is sent in chunks.
    """

    def __init__(self, endpoint: str, tls: ssl.SSLContext | None = None) -> None:
        self.faults: dict[str, Fault] = {}
        self.asked: Counter[str] = Counter()
        self.watch: Watch = _no_fault
        self.saw: Callable[[str, bytes], None] = lambda operation, body: None
        self.arrived: Callable[[int], None] = lambda size: None
        self._upstream = urlsplit(endpoint).netloc
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://{'localhost' if tls else '127.0.0.1'}:{port}"
        self._tls = tls
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(serving(self._server, self._tls))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._released.set()
        self._open.close()

    def reset(self) -> None:
        """Remove all faults and reset the counts."""
        self.faults.clear()
        self.asked.clear()
        self.watch = _no_fault
        self.arrived = lambda size: None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class ProxyHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 30

            def do_POST(self) -> None:
                body = self._body()
                if body is None:
                    self.close_connection = True
                    return
                operation = _operation(self.command, self.path, self.headers, body)
                proxy.saw(operation, body)
                proxy.asked[operation] += 1
                count = proxy.asked[operation]
                fault = proxy.faults.get(operation) or proxy.watch(operation, count, "before")
                if fault in ("hang", "cut"):
                    if fault == "hang":
                        proxy._released.wait(_HANGING_SECONDS)
                    self.close_connection = True
                    return
                status, headers, response_body = (
                    _fault_response(fault, self.headers) if fault else self._forward(body)
                )
                if proxy.watch(operation, count, "after"):
                    self.close_connection = True
                    return
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                if self.command != "HEAD" and status != 204:
                    self.send_header("Content-Length", str(len(response_body)))
                self.end_headers()
                self.wfile.write(response_body)

            do_GET = do_PUT = do_DELETE = do_HEAD = do_POST

            def _body(self) -> bytes | None:
                """Return the body, or None if the client closed the connection within it."""
                if "Transfer-Encoding" not in self.headers:
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = bytearray()
                while line := self.rfile.readline():
                    size = int(line, 16)
                    body += self.rfile.read(size)
                    self.rfile.readline()
                    if not size:
                        return bytes(body)
                    proxy.arrived(len(body))
                return None

            def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                upstream = http.client.HTTPConnection(proxy._upstream, timeout=_FORWARDING_SECONDS)
                try:
                    # The fake expects its own Host header.
                    dropped = ("connection", "expect", "host", "transfer-encoding")
                    headers = {n: v for n, v in self.headers.items() if n.lower() not in dropped}
                    upstream.request(self.command, self.path, body, headers)
                    response = upstream.getresponse()
                    response_headers = [
                        one
                        for one in response.getheaders()
                        if one[0].lower() not in _DROPPED_HEADERS
                    ]
                    if self.command == "HEAD":
                        response_headers.append(
                            ("Content-Length", response.headers.get("Content-Length", "0"))
                        )
                    return response.status, response_headers, response.read()
                finally:
                    upstream.close()

            def log_message(self, *_: object) -> None:
                pass

        return ProxyHandler


def _no_fault(operation: str, count: int, when: str) -> None:
    return None


def _fault_response(fault: Fault, headers: Message) -> tuple[int, list[tuple[str, str]], bytes]:
    if "X-Amz-Target" in headers:
        status, body = _FAULT_RESPONSES[fault]
        return status, [("Content-Type", "application/x-amz-json-1.0")], body
    status, code = _S3_FAULT_RESPONSES[fault]
    return (
        status,
        [("Content-Type", "application/xml")],
        f"<Error><Code>{code}</Code></Error>".encode(),
    )


def _operation(method: str, path: str, headers: Message, body: bytes) -> str:
    """Return the operation of a request: its target, its action, or for S3 by method and query."""
    target = headers.get("X-Amz-Target", "")
    if target:
        return str(target).rpartition(".")[2]
    if "x-www-form-urlencoded" in headers.get("Content-Type", ""):
        return parse_qs(body.decode())["Action"][0]  # as SNS has it
    query = urlsplit(path).query
    names = {
        "PUT": "UploadPart" if "partNumber" in query else "PutObject",
        "POST": "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload",
        "DELETE": "AbortMultipartUpload",
        "HEAD": "HeadObject",
        "GET": "ListMultipartUploads" if "uploads" in query else "GetObject",
    }
    return names[method]
