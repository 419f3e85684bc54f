"""Answers over HTTP/1.1, read as http.client reads them, and everything that is none."""

from __future__ import annotations

import contextlib
import http.client
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.http_answer import HttpAnswer, Unreadable, read_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 1000
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 2\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(data: bytes) -> HttpAnswer:
    return read_answer(io.BytesIO(data), MOST)


class _Socket:
    """What http.client needs of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def as_python_reads(data: bytes) -> tuple[int, bytes, bool]:
    response = http.client.HTTPResponse(_Socket(data))  # type: ignore[arg-type]
    response.begin()
    return response.status, response.read(), response.will_close


def chunked(pieces: Sequence[bytes], trailer: bytes) -> bytes:
    parts = [f"{len(piece):x};a=b\r\n".encode() + piece + b"\r\n" for piece in pieces if piece]
    return b"".join([*parts, b"0\r\n", trailer, b"\r\n"])


@given(
    status=st.integers(200, 599),
    reason=st.sampled_from([b"", b" ", b" OK", b" Not Found"]),
    version=st.sampled_from([b"HTTP/1.1", b"HTTP/1.0"]),
    more=st.sampled_from([b"", b"Connection: close\r\n", b"X-A:b\r\nx-a: c\r\n"]),
    pieces=st.lists(st.binary(max_size=80), max_size=4),
    form=st.sampled_from(["length", "chunks", "chunks and trailer", "end"]),
    interim=st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]),
)
def test_an_answer_is_read_as_the_standard_library_reads_it(
    status: int,
    reason: bytes,
    version: bytes,
    more: bytes,
    pieces: list[bytes],
    form: str,
    interim: bytes,
) -> None:
    body = b"".join(pieces)
    framing, sent = b"", body
    if form == "length":
        framing = b"Content-Length: %d\r\n" % len(body)
    elif form != "end":
        version = b"HTTP/1.1"
        framing = b"transfer-encoding: Chunked\r\n"
        sent = chunked(pieces, b"X-Sum: 1\r\n" if "trailer" in form else b"")
    head = b"%s %d%s\r\n" % (version, status, reason)
    data = interim + head + more + framing + b"\r\n" + sent
    answer = read(data)
    assert (answer.status, answer.body) == as_python_reads(data)[:2]
    if status not in (204, 304):
        assert answer.is_last == as_python_reads(data)[2]


def test_the_names_of_headers_are_in_lower_case_and_their_values_without_blanks() -> None:
    answer = read(OK + LENGTH + b"x-amzn-RequestId: \tREQ-1 \r\n\r\n{}")
    assert answer.headers["x-amzn-requestid"] == "REQ-1"


def test_what_follows_an_answer_is_left_for_the_next() -> None:
    stream = io.BytesIO((OK + LENGTH + b"\r\n{}") * 2)
    assert read_answer(stream, MOST) == read_answer(stream, MOST)
    assert stream.read() == b""


@pytest.mark.parametrize(
    "data",
    {
        "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
        "a later version": b"HTTP/2 200 OK\r\n\r\n",
        "no status": b"HTTP/1.1\r\n\r\n",
        "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
        "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
        "a status in other digits": "HTTP/1.1 \u0662\u0660\u0660 OK\r\n\r\n".encode(),
        "a head that ends before its end": OK + b"Content-Le",
        "a header without a colon": OK + b"Content-Length 2\r\n\r\n{}",
        "a header without a name": OK + b": 2\r\n\r\n{}",
        "a blank before the colon": OK + b"Content-Length : 2\r\n\r\n{}",
        "a folded header": OK + LENGTH + b" 3\r\n\r\n{}",
        "two lengths": OK + LENGTH + b"content-length: 1\r\n\r\n{}",
        "a negative length": OK + b"Content-Length: -2\r\n\r\n{}",
        "a length with an underscore": OK + b"Content-Length: 0_2\r\n\r\n{}",
        "a length that is no number": OK + b"Content-Length: 2x\r\n\r\n{}",
        "a larger body than allowed": OK + b"Content-Length: 1001\r\n\r\n" + bytes(1001),
        "a larger body without a length": OK + b"\r\n" + bytes(1001),
        "a body that ends before its end": OK + b"Content-Length: 3\r\n\r\n{}",
        "another encoding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "a chunk of negative size": CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n",
        "a chunk in Python's notation": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
        "a chunk larger than said": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
        "chunks larger than allowed": CHUNKED + (b"200\r\n" + bytes(512) + b"\r\n") * 2,
        "an endless line": OK + b"a" * 70_000,
        "endless headers": OK + b"a: b\r\n" * 200,
    }.values(),
)
def test_what_is_no_answer_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read(data)


def test_nothing_at_all_is_a_connection_that_was_closed() -> None:
    with pytest.raises(ConnectionResetError):
        read(b"")


@given(st.binary(max_size=200).map(lambda rest: OK + rest) | st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_are_refused_by_one_of_two_errors(data: bytes) -> None:
    with contextlib.suppress(Unreadable, ConnectionResetError):
        read(data)
