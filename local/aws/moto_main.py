"""The program of moto's process, started by ``local.aws.moto_server``.

It prints its port, serves requests with the access key, and ends when its standard input closes.
That happens however the platform ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from typing import TYPE_CHECKING

from moto.dynamodbstreams.models import dynamodbstreams_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_SHARD_ITERATORS = 100


class QuietHandler(WSGIRequestHandler):
    """A request handler that keeps connections open and writes no log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Write nothing, because requests contain what callers say."""


def require_access_key(
    application: WSGIApplication, access_key: str, hosts: frozenset[str]
) -> WSGIApplication:
    """Reject requests without the access key or this server's host: no web page can send both."""

    def checked(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
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

    return checked


def serialize_dynamodb(application: WSGIApplication) -> WSGIApplication:
    """Serve DynamoDB requests one at a time.

    moto runs a transaction without a lock, and rolls a failed one back by restoring the whole
    table. A concurrent write of another request would be lost, and a concurrent read of the
    table's stream would return records of what was rolled back.
    """
    lock = threading.Lock()

    def serial(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if not environment.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return application(environment, start)
        with lock:
            drop_shard_iterators()
            return application(environment, start)

    return serial


def drop_shard_iterators() -> None:
    """Remove all but the latest shard iterators: moto adds two with each look at a stream."""
    for regions in dynamodbstreams_backends.values():
        for backend in regions.values():
            while len(backend.shard_iterators) > _SHARD_ITERATORS:
                del backend.shard_iterators[next(iter(backend.shard_iterators))]


def end_with_parent(end: Callable[[int], None] = os._exit) -> None:
    """End this process when its standard input closes."""

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
    dispatcher = serialize_dynamodb(DomainDispatcherApplication(create_backend_app))
    hosts: set[str] = set()

    def application(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return require_access_key(dispatcher, access_key, frozenset(hosts))(environment, start)

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
