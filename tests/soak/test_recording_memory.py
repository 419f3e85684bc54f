"""How much memory the function needs for recordings of 1, 50 and 500 MB, and how fast it is.

S3 is a server that forgets what it is given and remembers its length and checksum, so that no
memory but the function's own is filled.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.support.environment import credentials, stack
from tests.support.files import Files
from tests.support.function import Functions
from tests.support.storage import message
from tests.support.vonage import secret
from tests.support.webhooks import conversation, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = Path(boto3.__file__).parents[1]
MEGABYTE = 1024 * 1024
LIMIT = 40  # MiB above the idle function
_NOTHING = "AAAAAA=="


class Sink(BaseHTTPRequestHandler):
    """An AWS that takes everything and keeps nothing but sizes and checksums."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    objects: dict[str, tuple[str, str]] = {}  # noqa: RUF012 - the server's, on purpose
    timeout = 60

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        if "X-Amz-Target" in self.headers:
            self._read()
            said = {"SecretString": secret()} if "Secret" in self.headers["X-Amz-Target"] else {}
            self._answer(json.dumps(said).encode())
        elif "uploads" in query:
            self._read()
            self._answer(b"<R><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></R>")
        else:
            self._read()
            size = self.headers.get("x-amz-mp-object-size", "0")
            self._keep(path, size, self.headers.get("x-amz-checksum-crc32", _NOTHING))
            self._answer(b"<R><ETag>e</ETag></R>")

    def do_PUT(self) -> None:
        path, _, query = self.path.partition("?")
        size = self._read()
        if "partNumber" not in query:
            self._keep(path, str(size), self.headers.get("x-amz-checksum-crc32", _NOTHING))
        self._answer(b"", ETag='"e"')

    def do_GET(self) -> None:
        self._answer(b"<ListMultipartUploadsResult/>")

    def do_HEAD(self) -> None:
        found = self.objects.get(self.path)
        self.send_response_only(200 if found else 404)
        if found:
            self.send_header("Content-Length", found[0])
            self.send_header("x-amz-checksum-crc32", found[1])
            self.send_header("x-amz-checksum-type", "FULL_OBJECT")
        self.end_headers()

    def _keep(self, path: str, size: str, checksum: str) -> None:
        self.objects[path] = (size, checksum)

    def _read(self) -> int:
        length = left = int(self.headers.get("Content-Length", 0))
        while left:
            left -= len(self.rfile.read(min(left, MEGABYTE)))
        return length

    def _answer(self, body: bytes, **headers: str) -> None:
        self.send_response_only(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def sink() -> Iterator[str]:
    """Serve the sink; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def memory(process_id: int, field: str) -> float:
    """Give a process's memory in MiB: VmRSS at present, VmHWM at most so far."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(field)]
    return int(line.split()[1]) / 1024


def wav(size: int) -> bytes:
    """Give a silent wav file of so many bytes."""
    start = (
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data"
    )
    return start + (size - 44).to_bytes(4, "little") + bytes(size - 44)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Files, dict[str, str]]]:
    with Files(tmp_path_factory.mktemp("files")) as files, sink() as aws:
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
        yield files, stack(**own) | credentials(aws)


def record(files: Files, size: int) -> dict[str, Any]:
    """Give Lambda's event for a recording of so many bytes."""
    made = str(uuid.uuid4())
    url = files.put(made, wav(size))
    fields = recorded(conversation(), recording_uuid=made, recording_url=url, size=size)
    one = {
        "messageId": made,
        "receiptHandle": "handle",
        "body": message(fields),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }
    return {"Records": [one]}


@pytest.mark.parametrize("megabytes", [1, 50, 500])
def test_memory_does_not_grow_with_a_recording(
    environment: tuple[Files, dict[str, str]], megabytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    files, variables = environment
    event = record(files, megabytes * MEGABYTE)
    with Functions(variables, PACKAGES) as functions:
        # given the function, imported and idle
        functions("fetch_recording", {"Records": []}, 300.0)
        idle = memory(functions.process_id, "VmRSS")
        # when it fetches a recording
        begun = time.monotonic()
        outcome = functions("fetch_recording", event, 300.0)
        seconds = time.monotonic() - begun
        peak = memory(functions.process_id, "VmHWM")
    files.content.clear()
    with capsys.disabled():
        print(
            f"\n{megabytes} MB: idle {idle:.1f} MiB, {peak - idle:.1f} MiB above at most;", end=" "
        )
        print(f"{seconds:.1f} s, {megabytes / seconds:.0f} MB/s")
    # then it stored it, and needed no more than this above being idle
    assert outcome.reply == {"batchItemFailures": []}
    assert peak - idle <= LIMIT
