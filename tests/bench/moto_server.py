"""moto's server in a separate process, started like the local platform does."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3

from tests.bench.lambda_containers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = "AKIDEXAMPLE"  # the one in tests.support.environment


class BenchAws(NamedTuple):
    """The URL of the server."""

    url: str

    def client(self, service: str) -> Any:
        """Return a boto3 client for this server."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-2",
            aws_access_key_id=_KEY,
            aws_secret_access_key="not-a-key",
        )


@contextmanager
def fake_aws() -> Iterator[BenchAws]:
    """Run moto's server on loopback."""
    with subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "local.aws.moto_main"),
            *("--host", "127.0.0.1", "--alias", "127.0.0.1", "--port", "0"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        start_new_session=True,  # it ends at the end of its input, not at Ctrl-C
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        process.stdin.write(f"{_KEY}\n")
        process.stdin.flush()
        port = int(process.stdout.readline())
        yield BenchAws(f"http://127.0.0.1:{port}")
        process.stdin.close()
