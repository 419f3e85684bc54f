"""The examples of docs/flows.md: a look-up with a deadline, and a flow that cancels."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.http_servers import serving
from tests.unit.flows.calls import a_call
from voicekit.call import Input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
CUSTOMER = {"id": "4711", "pin": "9182"}


def example(name: str, module: str) -> Any:
    spec = importlib.util.spec_from_file_location(module, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def customers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that looks up; `_connects_to` sets its server."""
    module = example("_customers", "flows._customers")
    monkeypatch.setitem(sys.modules, "flows._customers", module)
    return module


def connect_to(customers: Any, port: int) -> None:
    customers.HTTPSConnection = lambda host, timeout: HTTPConnection(
        "127.0.0.1", port, timeout=timeout
    )


@contextmanager
def crm(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[int]:
    class CrmHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), CrmHandler)
    server.daemon_threads = True
    with serving(server):
        yield server.server_port


def send(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    request.send_response(status)
    request.end_headers()
    request.wfile.write(body)


def test_a_customer_is_found(customers: Any) -> None:
    with crm(lambda request: send(request, 200, json.dumps(CUSTOMER).encode())) as port:
        connect_to(customers, port)
        assert customers.look_up("4711") == CUSTOMER


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"{}"), (500, b"{}"), (200, b"<html>"), (200, b"")]
)
def test_any_other_response_is_none(customers: Any, status: int, body: bytes) -> None:
    with crm(lambda request: send(request, status, body)) as port:
        connect_to(customers, port)
        assert customers.look_up("4711") is None


def test_a_refused_or_reset_connection_is_none(customers: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    connect_to(customers, port)
    assert customers.look_up("4711") is None


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "one byte at a time"])
def test_a_slow_server_costs_the_caller_no_more_than_the_deadline(
    customers: Any, drips: bool
) -> None:
    # given a server that never finishes, and that no time limit of a single read catches
    over = threading.Event()

    def respond(request: BaseHTTPRequestHandler) -> None:
        while not over.wait(0.1):
            if drips:
                request.wfile.write(b"H")

    with crm(respond) as port:
        connect_to(customers, port)
        begun = time.monotonic()
        assert customers.look_up("4711") is None
        assert time.monotonic() - begun < 5
        over.set()


def test_a_caller_cancels_with_number_and_pin(customers: Any) -> None:
    with crm(lambda request: send(request, 200, json.dumps(CUSTOMER).encode())) as port:
        connect_to(customers, port)
        flow = example("cancel", "flows.cancel")
        asked = flow.dtmf(a_call("cancel", hook="dtmf"), pressed("4711"))
        query = dict(parse_qsl(urlsplit(asked[1]["eventUrl"][0]).query))
        assert query["secret"] == "1"
        call = a_call("cancel", state=query, hook="dtmf")
        assert "not your PIN" in flow.dtmf(call, pressed("0000"))[0]["text"]
        assert call.context.emitted == []
        assert "canceled" in flow.dtmf(call, pressed("9182"))[0]["text"]
    (event,) = call.context.emitted
    assert (event["name"], event["data"]) == ("appointment.cancelled", {"customer": "4711"})


def pressed(digits: str) -> Input:
    return Input(digits, False, (), None, None)
