"""A proxy in front of a fake AWS, which fails as it is told and counts what it was asked."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType

Fault = Literal["throttle", "error", "refuse", "hang", "cut"]
_HANGING_SECONDS = 15.0
_ANSWERS: dict[str, tuple[int, bytes]] = {
    "throttle": (400, b'{"__type":"com.amazonaws#ThrottlingException","message":"Slow down"}'),
    "error": (500, b'{"__type":"InternalServerError"}'),
    "refuse": (400, b'{"__type":"AccessDeniedException"}'),
}


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
    """

    def __init__(self, endpoint: str) -> None:
        self.faults: dict[str, Fault] = {}
        self.asked: Counter[str] = Counter()
        self._behind = urlsplit(endpoint).netloc
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self) -> None:
        """Be honest again, and count from nought."""
        self.faults.clear()
        self.asked.clear()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 30

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
                proxy.asked[operation] += 1
                fault = proxy.faults.get(operation)
                if fault in ("hang", "cut"):
                    if fault == "hang":
                        proxy._released.wait(_HANGING_SECONDS)
                    self.close_connection = True
                    return
                status, answer = _ANSWERS[fault] if fault else self._passed_on(body)
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def _passed_on(self, body: bytes) -> tuple[int, bytes]:
                behind = http.client.HTTPConnection(proxy._behind, timeout=10)
                try:
                    headers = {n: v for n, v in self.headers.items() if n.lower() != "connection"}
                    behind.request("POST", self.path, body, headers)
                    answer = behind.getresponse()
                    return answer.status, answer.read()
                finally:
                    behind.close()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
