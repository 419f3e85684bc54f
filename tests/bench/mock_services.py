"""A Vonage that gives out recordings and an S3 that takes them, in a process of their own.

``python -m tests.bench.mock_services FOLDER`` tells in a line of JSON the environment of a function
that goes from one to the other. Then it gives, for each line with a size in bytes, Lambda's event
for a recording of that size. It ends with its standard input.
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
def stand_ins(
    folder: Path,
) -> Iterator[tuple[dict[str, str], Callable[[int], dict[str, Any]]]]:
    """Start the process; give the environment, and what makes an event for a size in bytes."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.mock_services", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        requests, answers = process.stdin, process.stdout
        if requests is None or answers is None:
            raise RuntimeError("the process has no pipes")

        def event(size: int) -> dict[str, Any]:
            requests.write(f"{size}\n")
            requests.flush()
            found: dict[str, Any] = json.loads(answers.readline())
            return found

        yield json.loads(answers.readline()), event
        requests.close()


def main() -> None:
    """Serve until standard input ends."""
    with VonageFiles(Path(sys.argv[1])) as files, discarding_aws.discarding_aws(files.tls) as aws:
        sys.stdout.write(json.dumps(discarding_aws.environment(files, aws)) + "\n")
        sys.stdout.flush()
        for line in sys.stdin:
            files.content.clear()
            sys.stdout.write(json.dumps(discarding_aws.record(files, int(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
