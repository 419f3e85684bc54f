"""A proxy in front of a fake AWS, which fails as it is told and counts what it was asked."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from tests.support.http_servers import serving

if TYPE_CHECKING:
    from email.message import Message
    from types import TracebackType

Fault = Literal["throttle", "error", "refuse", "hang", "cut"]
_HANGING_SECONDS = 15.0
_OWN = ("connection", "content-length", "transfer-encoding", "date", "server")
_ANSWERS: dict[str, tuple[int, bytes]] = {
    "throttle": (400, b'{"__type":"com.amazonaws#ThrottlingException","message":"Slow down"}'),
    "error": (500, b'{"__type":"InternalServerError"}'),
    "refuse": (400, b'{"__type":"AccessDeniedException"}'),
}


_ANSWERS_OF_S3: dict[str, tuple[int, str]] = {
    "throttle": (503, "SlowDown"),
    "error": (500, "InternalError"),
    "refuse": (403, "AccessDenied"),
}
Watch = Callable[[str, int, Literal["before", "after"]], "Fault | None"]


class FaultyAws:
    """Passes requests on to a fake AWS, except those of operations that have a fault.

    Parameters
    ----------
    endpoint
        Where the fake AWS is, such as ``http://127.0.0.1:5000``.

    Attributes
    ----------
    url
        Where this is.
    faults
        What to do with an operation (``PutItem``) instead of passing it on: ``throttle``,
        ``error`` (500), ``refuse`` (access denied), ``hang`` (no answer) or ``cut`` (the
        connection is closed).
    asked
        How often each operation was asked for, the second attempts of a client included.
    watch
        Called with each operation, the number of its request, and ``before`` or ``after`` it is
        passed on. It may give a fault; any one afterwards means that the answer gets lost.
    """

    def __init__(self, endpoint: str) -> None:
        self.faults: dict[str, Fault] = {}
        self.asked: Counter[str] = Counter()
        self.watch: Watch = _nothing
        self._behind = urlsplit(endpoint).netloc
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
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

    def reset(self) -> None:
        """Be honest again, and count from nought."""
        self.faults.clear()
        self.asked.clear()
        self.watch = _nothing

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class ProxyHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 30

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                operation = _operation(self.command, self.path, self.headers)
                proxy.asked[operation] += 1
                count = proxy.asked[operation]
                fault = proxy.faults.get(operation) or proxy.watch(operation, count, "before")
                if fault in ("hang", "cut"):
                    if fault == "hang":
                        proxy._released.wait(_HANGING_SECONDS)
                    self.close_connection = True
                    return
                status, headers, answer = (
                    _refusal(fault, self.headers) if fault else self._passed_on(body)
                )
                if proxy.watch(operation, count, "after"):
                    self.close_connection = True
                    return
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                if self.command != "HEAD" and status != 204:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_DELETE = do_HEAD = do_POST

            def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                behind = http.client.HTTPConnection(proxy._behind, timeout=10)
                try:
                    # A fake that looks at the Host header is called by its own.
                    dropped = ("connection", "expect", "host")
                    headers = {n: v for n, v in self.headers.items() if n.lower() not in dropped}
                    behind.request(self.command, self.path, body, headers)
                    answer = behind.getresponse()
                    kept = [one for one in answer.getheaders() if one[0].lower() not in _OWN]
                    if self.command == "HEAD":
                        kept.append(("Content-Length", answer.headers.get("Content-Length", "0")))
                    return answer.status, kept, answer.read()
                finally:
                    behind.close()

            def log_message(self, *_: object) -> None:
                pass

        return ProxyHandler


def _nothing(operation: str, count: int, when: str) -> None:
    """No fault."""


def _refusal(fault: Fault, headers: Message) -> tuple[int, list[tuple[str, str]], bytes]:
    if "X-Amz-Target" in headers:
        status, answer = _ANSWERS[fault]
        return status, [("Content-Type", "application/x-amz-json-1.0")], answer
    status, code = _ANSWERS_OF_S3[fault]
    return (
        status,
        [("Content-Type", "application/xml")],
        f"<Error><Code>{code}</Code></Error>".encode(),
    )


def _operation(method: str, path: str, headers: Message) -> str:
    """Name the operation of a request: by its target, or as S3's are told apart."""
    target = headers.get("X-Amz-Target", "")
    if target:
        return str(target).rpartition(".")[2]
    query = urlsplit(path).query
    names = {
        "PUT": "UploadPart" if "partNumber" in query else "PutObject",
        "POST": "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload",
        "DELETE": "AbortMultipartUpload",
        "HEAD": "HeadObject",
        "GET": "ListMultipartUploads" if "uploads" in query else "GetObject",
    }
    return names[method]
