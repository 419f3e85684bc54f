"""A mock Vonage that serves recordings and a mock S3 that accepts them, in a separate process.

Each direction has the speed of a network link: `LINK`.

``python -m tests.bench.mock_services FOLDER`` prints the environment of fetch_recording as a line
of JSON. For each size in bytes on standard input, it prints the Lambda event for a recording of
that size. It exits at the end of its input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.lambda_containers import ROOT
from tests.support import discarding_aws
from tests.support.discarding_aws import MEGABYTE
from tests.support.vonage_files import VonageFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LINK = 75
"""MB a second in each direction: 600 Mbit/s, as Lambda functions reach over the Internet."""
_BURST = 0.01  # seconds; a wait that took longer than asked is made up for within it


class OneWay:
    """One direction of a link, shared by all connections: a token bucket."""

    def __init__(self, bytes_a_second: float) -> None:
        self._seconds_a_byte = 1 / bytes_a_second
        self._free_at = 0.0
        self._lock = threading.Lock()

    def __call__(self, size: int) -> None:
        """Wait until the link has carried the bytes before these."""
        now = time.monotonic()
        with self._lock:
            start = max(self._free_at, now - _BURST)
            self._free_at = start + size * self._seconds_a_byte
        if start > now:
            time.sleep(start - now)


@contextmanager
def mock_services(
    folder: Path,
) -> Iterator[tuple[dict[str, str], Callable[[int], dict[str, Any]]]]:
    """Start the process; yield the environment, and a function that returns an event for a size."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.mock_services", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        requests, responses = process.stdin, process.stdout
        if requests is None or responses is None:
            raise RuntimeError("the process has no pipes")

        def event(size: int) -> dict[str, Any]:
            requests.write(f"{size}\n")
            requests.flush()
            lambda_event: dict[str, Any] = json.loads(responses.readline())
            return lambda_event

        yield json.loads(responses.readline()), event
        requests.close()


def main() -> None:
    """Serve until the end of standard input."""
    down, up = OneWay(LINK * MEGABYTE), OneWay(LINK * MEGABYTE)
    with (
        VonageFiles(Path(sys.argv[1])) as files,
        discarding_aws.discarding_aws(files.tls, up) as aws,
    ):
        files.pace = down
        sys.stdout.write(json.dumps(discarding_aws.environment(files, aws)) + "\n")
        sys.stdout.flush()
        for line in sys.stdin:
            files.content.clear()
            sys.stdout.write(json.dumps(discarding_aws.record(files, int(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
