"""A Vonage that gives out recordings and an S3 that takes them, in a process of their own.

``python -m tests.bench.stand_ins FOLDER`` tells in a line of JSON the environment of a function
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

from tests.bench.runtime import ROOT
from tests.support import sink
from tests.support.files import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def stand_ins(
    folder: Path,
) -> Iterator[tuple[dict[str, str], Callable[[int], dict[str, Any]]]]:
    """Start the process; give the environment, and what makes an event for a size in bytes."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.stand_ins", str(folder)],
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
    with Files(Path(sys.argv[1])) as files, sink.sink(files.tls) as aws:
        sys.stdout.write(json.dumps(sink.environment(files, aws)) + "\n")
        sys.stdout.flush()
        for line in sys.stdin:
            files.content.clear()
            sys.stdout.write(json.dumps(sink.record(files, int(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
