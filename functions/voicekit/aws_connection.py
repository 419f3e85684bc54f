"""One HTTP connection to an AWS endpoint, with a deadline for every exchange.

Deadlines bound every connect, handshake, send and receive, even if the server sends byte by byte.
They don't bound DNS resolution, which has its own timeouts.

It reads responses itself, because http.client would load the package email while a caller waits.
"""

from __future__ import annotations

import select
import socket
import ssl

from voicekit.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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

_MAX_LINE_BYTES = 16 * 1024

# The fields that say how long a response is.
_LENGTHS = (b"transfer-encoding", b"content-length")


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


class UnreadableResponse(OSError):
    """What was received is not an HTTP/1.x response."""


class Connection:
    """An open connection that ends every send and receive at a deadline.

    A socket's own timeout restarts with each byte received, so it is set before each send and
    receive.

    Attributes
    ----------
    is_open
        Whether the connection can carry another request.
    idle_since
        When the last response was complete, in seconds since 1970; set by the owner.
    """

    def __init__(self, sock: socket.socket, monotonic: Callable[[], float]) -> None:
        self._socket = sock
        self._monotonic = monotonic
        self._deadline = 0.0
        self._received = 0
        self._unread = bytearray()
        self.is_open = True
        self.idle_since = 0.0

    def exchange(self, headers: Mapping[str, str], body: bytes, deadline: float) -> AwsResponse:
        """Send a `POST /` request and read its response (RFC 9112, sections 4 to 7)."""
        self._deadline = min(deadline, self._monotonic() + READ_SECONDS)
        self._received = 0
        sent = {**headers, "Accept-Encoding": "identity", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self._send(f"POST / HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body)
        status = 100
        while 100 <= status < 200:  # the final response follows
            version, status = self._status_line()
            fields = self._fields()
        content = self._body(fields)
        closes = version != b"HTTP/1.1" or fields.get(b"connection", b"").lower() == b"close"
        # Data after the response was not requested: nothing more is read from there.
        self.is_open = self.is_open and not closes and not self._unread
        request_id = fields.get(b"x-amzn-requestid", b"").decode("latin-1")
        return AwsResponse(status, request_id or None, content)

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

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _status_line(self) -> tuple[bytes, int]:
        version, _, rest = self._line().partition(b" ")
        status = rest.partition(b" ")[0]
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(status) != 3 or not status.isdigit():
            raise UnreadableResponse
        return version, int(status)

    def _fields(self) -> dict[bytes, bytes]:
        fields: dict[bytes, bytes] = {}
        while line := self._line():
            name, colon, value = line.partition(b":")
            name = name.lower()
            if not colon or (name in _LENGTHS and name in fields):
                raise UnreadableResponse
            fields[name] = value.strip()
        return fields

    def _body(self, fields: Mapping[bytes, bytes]) -> bytes:
        coding, length = (fields.get(name) for name in _LENGTHS)
        if coding is not None:
            if coding.lower() != b"chunked":
                raise UnreadableResponse
            return b"".join(self._chunks())
        if length is not None:
            return self._take(_size(length, 10))
        while self._receive():  # until the server closes the connection
            pass
        self.is_open = False
        return self._take(len(self._unread))

    def _chunks(self) -> Iterator[bytes]:
        while size := _size(self._line().partition(b";")[0].strip(), 16):
            yield self._take(size)
            if self._line():
                raise UnreadableResponse
        while self._line():  # trailer fields
            pass

    def _line(self) -> bytes:
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > _MAX_LINE_BYTES:
                raise UnreadableResponse
            self._receive_more()
        return self._take(end + 1).rstrip(b"\r\n")

    def _take(self, count: int) -> bytes:
        if count > MAX_RESPONSE_BYTES:
            raise ResponseTooLarge
        while len(self._unread) < count:
            self._receive_more()
        taken = bytes(self._unread[:count])
        del self._unread[:count]
        return taken

    def _receive_more(self) -> None:
        if not self._receive():
            raise ConnectionResetError

    def _receive(self) -> bool:
        """Receive some bytes; return whether there were any before the end of the connection."""
        self._socket.settimeout(seconds_left(self._deadline, self._monotonic))
        data = self._socket.recv(65536)
        self._received += len(data)
        if self._received > MAX_RESPONSE_BYTES:
            raise ResponseTooLarge
        self._unread += data
        return bool(data)

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(seconds_left(self._deadline, self._monotonic))
            rest = rest[self._socket.send(rest) :]


def _size(text: bytes, base: int) -> int:
    if not text.isalnum():  # int() also accepts signs, spaces and underscores
        raise UnreadableResponse
    return int(text, base)


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
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a request may be two sends
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
