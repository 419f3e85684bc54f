"""One HTTP connection to an AWS endpoint, with a deadline for every exchange.

Deadlines bound every connect, handshake, send and receive, even if the server sends byte by byte.
They don't bound DNS resolution, which has its own timeouts.
"""

from __future__ import annotations

import io
import select
import socket
import ssl
from http.client import HTTPConnection, IncompleteRead
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_SECONDS = 1.0
"""Limit for all addresses of a host and the TLS handshake together."""

READ_SECONDS = 2.0
"""Limit from the first byte sent to the last byte received, in one attempt."""

IDLE_SECONDS = 60.0
"""How long an idle connection is reusable. Routers drop idle connections without telling either
side (a NAT gateway after 350 s), and detecting that costs READ_SECONDS of a caller's time."""

MAX_RESPONSE_BYTES = 1024 * 1024
"""Limit for status line, headers and body. A secret has at most 64 KiB, the other responses a few
hundred bytes."""


class AwsEndpoint(NamedTuple):
    """The address of an AWS service."""

    tls: bool
    host: str
    port: int

    def host_header(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class AwsResponse(NamedTuple):
    """An HTTP response, read to its end."""

    status: int
    request_id: str | None
    body: bytes


class ResponseTooLarge(OSError):
    """A response has more than MAX_RESPONSE_BYTES."""


class Connection:
    """An open connection that ends every send and receive at a deadline.

    A socket's own timeout restarts with each byte received, and http.client reads until it has a
    line or a body. Therefore http.client gets this object instead of a socket: it sets the timeout
    before each send and receive, and counts the bytes received.
    """

    def __init__(self, sock: socket.socket, monotonic: Callable[[], float]) -> None:
        self._socket = sock
        self._monotonic = monotonic
        self._deadline = 0.0
        self._received = 0
        self._http = HTTPConnection("unused")  # requests set Host themselves; the socket is open
        self._http.sock = self  # http.client uses only its sendall, makefile and close
        self.idle_since = 0.0

    def exchange(self, headers: Mapping[str, str], body: bytes, deadline: float) -> AwsResponse:
        """Send a `POST /` request and read its response."""
        self._deadline = min(deadline, self._monotonic() + READ_SECONDS)
        self._received = 0
        self._http.request("POST", "/", body, dict(headers))
        with self._http.getresponse() as response:
            content = response.read(MAX_RESPONSE_BYTES)  # allocates no more, whatever is announced
            if response.length:
                raise IncompleteRead(content, response.length)
            return AwsResponse(response.status, response.headers.get("x-amzn-requestid"), content)

    @property
    def is_open(self) -> bool:
        """Whether the connection can carry another request."""
        return self._http.sock is not None

    @property
    def has_received(self) -> bool:
        """Whether any byte of a response to the last request arrived."""
        return self._received > 0

    def is_reusable(self, now: float) -> bool:
        """Return whether an idle connection is recent, still open, and has no unexpected data.

        `now` is wall-clock time, which continues while Lambda freezes the environment.
        """
        if not 0 <= now - self.idle_since <= IDLE_SECONDS:
            return False
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def sendall(self, data: ReadableBuffer) -> None:
        """Send all bytes, for http.client."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(seconds_left(self._deadline, self._monotonic))
            rest = rest[self._socket.send(rest) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a reader for one response, for http.client."""
        return io.BufferedReader(_Receiver(self, self._socket.makefile("rb", buffering=0)))

    def receive_into(self, stream: socket.SocketIO, buffer: WriteableBuffer) -> int:
        """Read into a buffer and return the number of bytes."""
        self._socket.settimeout(seconds_left(self._deadline, self._monotonic))
        count = stream.readinto(buffer) or 0
        self._received += count
        if self._received > MAX_RESPONSE_BYTES:
            raise ResponseTooLarge
        return count

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class _Receiver(io.RawIOBase):
    """The receiving half of a connection, for one response."""

    def __init__(self, connection: Connection, stream: socket.SocketIO) -> None:
        self._connection = connection
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        return self._connection.receive_into(self._stream, buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


def connect(
    endpoint: AwsEndpoint,
    tls: ssl.SSLContext | None,
    deadline: float,
    monotonic: Callable[[], float],
) -> Connection:
    """Open a connection to the first address of an endpoint that accepts one.

    Parameters
    ----------
    endpoint : AwsEndpoint
        The address to connect to.
    tls : SSLContext or None
        How to verify the server; None for plain HTTP.
    deadline : float
        When to give up, in seconds of `monotonic`.
    monotonic : Callable
        A monotonic clock in seconds.

    Raises
    ------
    OSError
        If no address accepts a connection in time.
    """
    host = endpoint.host.encode("ascii")  # a str would load the IDNA codec
    last_error: OSError = TimeoutError()
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, endpoint.port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(seconds_left(deadline, monotonic))
            sock.connect(address)
            # Headers and body are two sends; the second must not wait for the ACK of the first.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                sock.settimeout(seconds_left(deadline, monotonic))
                sock = tls.wrap_socket(sock, server_hostname=host)
            return Connection(sock, monotonic)
        except OSError as error:
            sock.close()
            last_error = error
    raise last_error


def seconds_left(deadline: float, monotonic: Callable[[], float]) -> float:
    """Return the seconds until a deadline, more than 0.

    Raises
    ------
    TimeoutError
        If the deadline has passed.
    """
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
