"""A mock Vonage that serves recordings and a mock S3 that accepts them, in a separate process.

``python -m tests.bench.mock_services FOLDER`` prints the environment of fetch_recording as a line
of JSON. For each size in bytes on standard input, it prints the Lambda event for a recording of
that size. It exits at the end of its input.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.lambda_containers import ROOT
from tests.support import discarding_aws
from tests.support.vonage_files import VonageFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    with VonageFiles(Path(sys.argv[1])) as files, discarding_aws.discarding_aws(files.tls) as aws:
        sys.stdout.write(json.dumps(discarding_aws.environment(files, aws)) + "\n")
        sys.stdout.flush()
        for line in sys.stdin:
            files.content.clear()
            sys.stdout.write(json.dumps(discarding_aws.record(files, int(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
