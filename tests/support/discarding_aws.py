"""A fake AWS that accepts recordings of any size and discards them, and events for recordings.

Measurements therefore show the memory and the work of the function only.
"""

from __future__ import annotations

import json
import socket
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.environment import credentials, stack
from tests.support.fake_vonage import secret
from tests.support.http_servers import serving
from tests.support.recording_stack import message
from tests.support.webhooks import conversation, recorded

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from tests.support.vonage_files import VonageFiles

MEGABYTE = 1024 * 1024
_NOTHING = "AAAAAA=="
_SLICE = 64 * 1024


class DiscardingAws(BaseHTTPRequestHandler):
    """Accept every request and store only sizes and checksums."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    objects: dict[str, tuple[str, str]] = {}  # noqa: RUF012 - shared by all requests on purpose
    timeout = 60
    pace: Callable[[int], None] | None = None

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        if "X-Amz-Target" in self.headers:
            self._read()
            is_secret = "Secret" in self.headers["X-Amz-Target"]
            self._respond(json.dumps({"SecretString": secret()} if is_secret else {}).encode())
        elif "uploads" in query:
            self._read()
            self._respond(b"<R><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></R>")
        else:
            self._read()
            size = self.headers.get("x-amz-mp-object-size", "0")
            self._store(path, size, self.headers.get("x-amz-checksum-crc32", _NOTHING))
            self._respond(b"<R><ETag>e</ETag></R>")

    def do_PUT(self) -> None:
        path, _, query = self.path.partition("?")
        size = self._read()
        if "partNumber" not in query:
            self._store(path, str(size), self.headers.get("x-amz-checksum-crc32", _NOTHING))
        self._respond(b"", ETag='"e"')

    def do_GET(self) -> None:
        self._respond(b"<ListMultipartUploadsResult/>")

    def do_HEAD(self) -> None:
        found = self.objects.get(self.path)
        self.send_response_only(200 if found else 404)
        if found:
            self.send_header("Content-Length", found[0])
            self.send_header("x-amz-checksum-crc32", found[1])
            self.send_header("x-amz-checksum-type", "FULL_OBJECT")
        self.end_headers()

    def _store(self, path: str, size: str, checksum: str) -> None:
        self.objects[path] = (size, checksum)

    def _read(self) -> int:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self._skip(int(self.headers.get("Content-Length", 0)))
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            self._skip(size + 2)
        while self.rfile.readline().strip():
            pass
        return int(self.headers["x-amz-decoded-content-length"])

    def _skip(self, length: int) -> int:
        remaining = length
        while remaining:
            size = len(self.rfile.read(min(remaining, _SLICE)))
            if self.pace:
                self.pace(size)
            remaining -= size
        return length

    def _respond(self, body: bytes, **headers: str) -> None:
        self.send_response_only(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def discarding_aws(
    tls: ssl.SSLContext | None = None, pace: Callable[[int], None] | None = None
) -> Iterator[str]:
    """Start the server, over TLS if a context is given, and yield its URL.

    ``pace`` is called with the number of received bytes; a benchmark waits in it.
    """
    handler = type("PacedAws", (DiscardingAws,), {"pace": pace and staticmethod(pace)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if pace:  # what waits here has not passed the link yet, so only a little may wait
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SLICE)
    server.daemon_threads = True
    with serving(server, tls):
        yield f"http{'s' if tls else ''}://localhost:{server.server_port}"


def memory(process_id: int, field: str) -> float:
    """Return a process's memory in MiB: `VmRSS` is current, `VmHWM` the peak."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(field)]
    return int(line.split()[1]) / 1024


def wav(size: int) -> bytes:
    """Return a silent WAV file of the given size in bytes."""
    header = (
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data"
    )
    return header + (size - 44).to_bytes(4, "little") + bytes(size - 44)


def environment(files: VonageFiles, aws: str) -> dict[str, str]:
    """Return the environment of a function that fetches recordings and stores them in this AWS."""
    own = {
        "BUCKET_NAME": "recordings",
        "RECORDINGS_DEAD_LETTER_QUEUE_URL": f"{aws}/123456789012/dead",
        "APPLICATION_SECRET_ID": "application",
        "KEEP_RECORDINGS_DAYS": "30",
        "MAX_RECORDING_MEGABYTES": "1024",
        "RETRY_SECONDS": "1",
        "VONAGE_LOCAL_HOST": files.host,
        "REQUESTS_CA_BUNDLE": str(files.ca_file),
        "AWS_DEFAULT_REGION": "eu-west-2",
    }
    return stack(**own) | credentials(aws)


def record(files: VonageFiles, size: int) -> dict[str, Any]:
    """Return the Lambda event for a recording of the given size in bytes."""
    recording = str(uuid.uuid4())
    url = files.put(recording, wav(size))
    fields = recorded(conversation(), recording_uuid=recording, recording_url=url, size=size)
    sqs_record = {
        "messageId": recording,
        "receiptHandle": "handle",
        "body": message(fields),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }
    return {"Records": [sqs_record]}
