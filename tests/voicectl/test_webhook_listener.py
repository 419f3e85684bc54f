"""The listener of tunnels and captures: slow clients delay no webhook."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from local.samples.signing import Sample, Signer
from voicectl import webhook_listener
from voicectl.errors import VoicectlError
from voicectl.webhook_listener import ListenerResponse, ReceivedRequest, listening
from voicekit.signature import SigningSecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = secrets.token_hex(32)
SIGNER = Signer(SECRET, "abcd1234", "an application")
BODY = json.dumps({"from": "447700900123"}).encode()


@contextlib.contextmanager
def listener(
    respond: Callable[[ReceivedRequest], ListenerResponse] = lambda _: ListenerResponse(200, b"[]"),
) -> Iterator[int]:
    known = SigningSecrets((SECRET,), "abcd1234", "an application")
    with listening(0, known, respond, time.time, lambda reason: None) as port:
        yield port


def send_webhook(port: int) -> int:
    """Send a signed webhook and return the status of the response."""
    token = SIGNER.token(Sample("POST", "/webhooks/answer", "", BODY))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {token}"}
    with contextlib.closing(connection):
        connection.request("POST", "/webhooks/answer", BODY, headers)
        return connection.getresponse().status


def connect_slow_clients(port: int, count: int, clients: contextlib.ExitStack) -> None:
    """Connect clients that send a part of a request, and wait until the listener has read it."""
    for _ in range(count):
        client = clients.enter_context(socket.create_connection(("127.0.0.1", port)))
        client.sendall(b"POST /webhooks/answer HTTP/1.1\r\nHost: x\r\n")
    time.sleep(0.2)


def test_a_port_in_use_names_the_option_for_another() -> None:
    known = SigningSecrets((SECRET,), "abcd1234", "an application")
    with (
        listener() as port,
        pytest.raises(VoicectlError, match=rf"on port {port}: .*\. Choose another with --port\."),
        listening(port, known, lambda _: ListenerResponse(200), time.time, lambda reason: None),
    ):
        pass


@pytest.mark.parametrize("count", [31, 32, 100])
def test_slow_connections_delay_no_webhook(count: int) -> None:
    with listener() as port, contextlib.ExitStack() as clients:
        connect_slow_clients(port, count, clients)
        for _ in range(3):
            began = time.monotonic()
            assert send_webhook(port) == 200
            assert time.monotonic() - began < 2


def test_slow_connections_interrupt_no_webhook_that_is_being_answered() -> None:
    received, released = threading.Event(), threading.Event()

    def respond(_: ReceivedRequest) -> ListenerResponse:
        received.set()
        assert released.wait(10)
        return ListenerResponse(200, b"[]")

    statuses: list[int] = []
    with listener(respond) as port, contextlib.ExitStack() as clients:
        sender = threading.Thread(target=lambda: statuses.append(send_webhook(port)))
        sender.start()
        assert received.wait(10)
        connect_slow_clients(port, 100, clients)
        released.set()
        sender.join(10)
    assert statuses == [200]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"", id="in the request line"),
        pytest.param(b"POST /webhooks/answer HTTP/1.1\r\nX-Slow: ", id="in a header"),
        pytest.param(
            b"POST /webhooks/answer HTTP/1.1\r\nAuthorization: x\r\nContent-Length: 1000\r\n\r\n",
            id="in the body",
        ),
    ],
)
def test_a_request_that_takes_too_long_ends_although_bytes_arrive(
    part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_listener, "_REQUEST_TIMEOUT", 0.5)
    with listener() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            client.sendall(part)
            client.settimeout(0.1)
            while time.monotonic() - began < 5:
                client.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    assert client.recv(1) == b""
                    break
        assert 0.4 < time.monotonic() - began < 3


def test_an_incomplete_body_is_rejected() -> None:
    with listener() as port, socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(
            b"POST /webhooks/answer HTTP/1.1\r\nAuthorization: x\r\nContent-Length: 9\r\n\r\nx"
        )
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100).split()[1] == b"400"
