"""The program of the process that moto's server runs in, started by ``local.aws.moto_server``.

It prints its port, serves whoever knows the access key, and ends when its standard input closes,
which happens however the platform ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class QuietHandler(WSGIRequestHandler):
    """Keeps connections open and writes no log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Write nothing: the requests carry what callers said."""


def guard(application: WSGIApplication, access_key: str, hosts: frozenset[str]) -> WSGIApplication:
    """Let in only what names this server and the access key: no page in a browser does both."""

    def guarded(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        credentials = environment.get("HTTP_AUTHORIZATION", "") + environment.get(
            "QUERY_STRING", ""
        )
        if (
            environment.get("HTTP_HOST") not in hosts
            or "HTTP_ORIGIN" in environment
            or access_key not in credentials
        ):
            start("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        return application(environment, start)

    return guarded


def one_at_a_time(application: WSGIApplication) -> WSGIApplication:
    """Let DynamoDB's requests in one after the other.

    moto carries out a transaction without a lock, and takes a failed one back by putting the whole
    table as it was: what another request wrote meanwhile would be lost.
    """
    turn = threading.Lock()

    def serial(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if not environment.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
            return application(environment, start)
        with turn:
            return application(environment, start)

    return serial


def end_with_parent(end: Callable[[int], None] = os._exit) -> None:
    """End this process as soon as its standard input closes."""

    def wait() -> None:
        sys.stdin.buffer.read()
        end(0)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    access_key = sys.stdin.readline().strip()
    end_with_parent()
    dispatcher = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    hosts: set[str] = set()

    def application(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return guard(dispatcher, access_key, frozenset(hosts))(environment, start)

    server = make_server(
        arguments.host,
        arguments.port,
        application,
        threaded=True,
        request_handler=QuietHandler,
    )
    hosts.update(f"{name}:{server.port}" for name in (arguments.host, arguments.alias))
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
