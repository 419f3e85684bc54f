"""The server's side of one WebSocket connection (RFC 6455), as far as `capture` needs it.

Messages in fragments come as several messages. Nothing here limits a client: `capture` accepts only
connections to a path that nobody can guess.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ABORTED = 1006
"""The code of a connection that ended without a close frame (RFC 6455, 7.1.5)."""
_WITHOUT_CODE = 1005
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class SocketMessage(NamedTuple):
    """A message, or with the kind CLOSE the end of the connection and its code."""

    kind: int
    data: bytes
    code: int | None = None


class ServerSocket:
    """A connection whose handshake is not yet answered."""

    def __init__(self, connection: socket.socket, key: str) -> None:
        self._connection = connection
        self._key = key
        self._buffer = b""

    def accept(self) -> None:
        """Answer the handshake."""
        digest = hashlib.sha1(f"{self._key}{_GUID}".encode(), usedforsecurity=False).digest()
        accepted = base64.b64encode(digest).decode()
        self._connection.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accepted}\r\n\r\n".encode()
        )

    def send(self, kind: int, data: bytes) -> None:
        """Send a message; OSError if the connection has ended."""
        size = len(data)
        head = (
            bytes([0x80 | kind, size])
            if size < 126
            else struct.pack("!BBH", 0x80 | kind, 126, size)
        )
        self._connection.sendall(head + data)

    def receive(self, seconds: float) -> SocketMessage | None:
        """Return the next message, None if there is none within some seconds; answer pings."""
        end = time.monotonic() + seconds
        while True:
            try:
                kind, data = self._frame(end)
            except TimeoutError:
                return None
            except OSError:
                return SocketMessage(CLOSE, b"", ABORTED)
            if kind == PING:
                self.send(PONG, data)
            elif kind == CLOSE:
                code = struct.unpack("!H", data[:2])[0] if len(data) > 1 else _WITHOUT_CODE
                return SocketMessage(CLOSE, data, code)
            elif kind != PONG:
                return SocketMessage(kind, data)

    def _frame(self, end: float) -> tuple[int, bytes]:
        head = self._read(2, end)
        size, at = head[1] & 0x7F, 2
        if size == 126:
            (size,), at = struct.unpack("!H", self._read(4, end)[2:]), 4
        elif size == 127:
            (size,), at = struct.unpack("!Q", self._read(10, end)[2:]), 10
        frame = self._read(at + 4 + size, end)  # a client masks each frame
        mask, data = frame[at : at + 4], frame[at + 4 :]
        self._buffer = self._buffer[len(frame) :]
        return head[0] & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))

    def _read(self, count: int, end: float) -> bytes:
        """Return the first bytes of the buffer, which keeps them; TimeoutError after `end`."""
        while len(self._buffer) < count:
            self._connection.settimeout(max(0.001, end - time.monotonic()))
            received = self._connection.recv(65_536)
            if not received:
                raise ConnectionResetError
            self._buffer += received
        return self._buffer[:count]
