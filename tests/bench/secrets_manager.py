"""A mock Secrets Manager: TLS under the service's real name, with a set distance and service time.

It reads secrets only. Certificates are of the same kind as Amazon's: an RSA key below a root and an
intermediate authority.
"""

from __future__ import annotations

import json
import ssl
import tempfile
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import trustme

from tests.support.http_servers import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOST = "secretsmanager.eu-west-2.amazonaws.com"


class Network(NamedTuple):
    """The round trip to AWS and AWS's own time for a request, in seconds."""

    round_trip: float = 0.0
    service: float = 0.0


class MockSecretsManager(NamedTuple):
    """A running mock: its port, and the certificate of its root authority (PEM)."""

    port: int
    authority: str


@contextmanager
def secrets_manager(
    listens: str, secrets: Mapping[str, str], network: Network
) -> Iterator[MockSecretsManager]:
    """Serve secrets by their ARN on an address of this machine."""
    root = trustme.CA(key_type=trustme.KeyType.RSA)
    issuer = root.create_child_ca(key_type=trustme.KeyType.RSA)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(HOST, "localhost", key_type=trustme.KeyType.RSA).configure_cert(tls)
    server = ThreadingHTTPServer((listens, 0), _handler(secrets, network, tls))
    with serving(server):
        yield MockSecretsManager(server.server_port, root.cert_pem.bytes().decode())


@contextmanager
def trusted_by(bundle: str, authority: str) -> Iterator[Path]:
    """Write a runtime's certificates and an authority to a file that ends with the context."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(bundle + authority)
        file.flush()
        Path(file.name).chmod(0o644)
        yield Path(file.name)


def _handler(
    secrets: Mapping[str, str], network: Network, tls: ssl.SSLContext
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            # one round trip for TCP's handshake, one for that of TLS 1.3
            time.sleep(2 * network.round_trip)
            self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(network.round_trip + network.service)
            arn = asked["SecretId"]
            content = {"ARN": arn, "Name": arn, "SecretString": secrets[arn], "VersionId": "1" * 32}
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("x-amzn-RequestId", "00000000-0000-4000-8000-000000000000")
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
