"""Reads the answer to a request over HTTP/1.1: as much of RFC 9112 as AWS's services use.

Not http.client, which loads the package email: a quarter of all that a function loads before it
answers a call, while somebody listens to silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

_MOST_IN_A_LINE = 8192  # bytes
_MOST_HEADERS = 100
_WITHOUT_BODY = (204, 304)
_LONGEST_SIZE = 20  # digits
_DECIMAL = "0123456789"
_HEXADECIMAL = "0123456789abcdefABCDEF"


class Unreadable(ValueError):
    """What came is no answer, or not the whole of one."""


class HttpAnswer(NamedTuple):
    """An answer; its headers by name in lower case.

    ``is_last`` says that the connection carries no other one after it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_last: bool


def read_answer(stream: BinaryIO, most: int) -> HttpAnswer:
    """Read one answer to a request that was no HEAD.

    Parameters
    ----------
    stream
        What the other side sends.
    most
        Bytes that a body may have.

    Raises
    ------
    ConnectionResetError
        If nothing came at all.
    Unreadable
        If it is no answer, ends before its end, or has a larger body.
    OSError
        What reading raises comes through.
    """
    version, status, headers = _head(stream)
    while 100 <= status < 200:  # only says that the answer is still to come
        version, status, headers = _head(stream)
    is_last = version == b"HTTP/1.0" or "close" in headers.get("connection", "").lower()
    if status in _WITHOUT_BODY:
        return HttpAnswer(status, headers, b"", is_last)
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise Unreadable("an unknown transfer encoding")
        return HttpAnswer(status, headers, _chunks(stream, most), is_last)
    if "content-length" in headers:
        length = int(_digits(headers["content-length"], _DECIMAL))
        return HttpAnswer(status, headers, _exactly(stream, length, most), is_last)
    body = stream.read(most + 1)  # all there is
    if len(body) > most:
        raise Unreadable("a larger body than expected")
    return HttpAnswer(status, headers, body, is_last=True)


def _head(stream: BinaryIO) -> tuple[bytes, int, dict[str, str]]:
    """Read a status line and the headers after it."""
    first = _line(stream)
    version, _, rest = first.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Unreadable("not HTTP/1.1")
    status = rest[:3]
    if not status.isdigit() or len(status) < 3 or rest[3:4].strip():
        raise Unreadable("no status")
    headers: dict[str, str] = {}
    for _ in range(_MOST_HEADERS):
        line = _line(stream)
        if not line:
            return version, int(status), headers
        raw, colon, value = line.decode("latin-1").partition(":")
        name = raw.lower()
        if not colon or not name or name != name.strip():
            raise Unreadable("not a header")
        if name in headers and name in ("content-length", "transfer-encoding"):
            raise Unreadable("two lengths")
        headers[name] = value.strip()
    raise Unreadable("too many headers")


def _line(stream: BinaryIO) -> bytes:
    """Read a line, without its end."""
    line = stream.readline(_MOST_IN_A_LINE)
    if not line:
        raise ConnectionResetError("closed before an answer")
    if not line.endswith(b"\n"):
        raise Unreadable("a line without an end")
    return line.rstrip(b"\r\n")


def _chunks(stream: BinaryIO, most: int) -> bytes:
    body = bytearray()
    while size := _chunk_size(_line(stream)):
        body += _exactly(stream, size, most - len(body))
        if _line(stream):
            raise Unreadable("a chunk that does not end")
    while _line(stream):
        pass  # trailers, which say nothing that is needed
    return bytes(body)


def _exactly(stream: BinaryIO, length: int, most: int) -> bytes:
    if length > most:
        raise Unreadable("a larger body than expected")
    body = stream.read(length)
    if len(body) != length:
        raise Unreadable("a body that ends before its end")
    return body


def _chunk_size(line: bytes) -> int:
    text = line.partition(b";")[0].decode("latin-1").strip()
    return int(_digits(text, _HEXADECIMAL), 16)


def _digits(text: str, allowed: str) -> str:
    """Give a text that is digits and nothing else; int would take signs, prefixes and more."""
    if not 0 < len(text) <= _LONGEST_SIZE or text.strip(allowed):
        raise Unreadable("a size that is no number")
    return text
