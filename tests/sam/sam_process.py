"""`python -m local.sam` as a child process, with access to its API, table, queue, and log."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import requests
from samtranslator.yaml_helper import yaml_parse

from local import stack_file
from local.samples.signing import Sample, Signer, read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
SAMPLES = sorted(path.stem for path in (ROOT / "events").glob("*.json"))
_LIMIT = 180  # seconds before an operation counts as hung


@functools.cache
def routes() -> dict[str, str]:
    """Return the template's functions by route, such as ``POST /webhooks/answer``."""
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": logical
        for logical, resource in template["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }


def sample(name: str, method: str | None = None, query: str = "", **changes: object) -> Sample:
    """Return a sample request from the folder events, with changed fields in its body."""
    as_post = read_sample(ROOT / "events" / f"{name}.json", "POST")
    body = json.dumps(json.loads(as_post.body) | changes).encode()
    changed = replace(as_post, body=body, query="&".join(filter(None, (as_post.query, query))))
    if method != "GET":
        return changed
    fields = {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in json.loads(body).items()
    }
    prepared = requests.Request("GET", "http://sam", params=fields).prepare().url or ""
    return replace(changed, method="GET", query=prepared.partition("?")[2], body=b"")


def sam_environment() -> dict[str, str]:
    """Return the environment that the Makefile sets, without an AWS account."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = os.pathsep.join([str(ROOT / ".venv-sam" / "bin"), os.environ["PATH"]])
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    region = {"AWS_DEFAULT_REGION": "eu-west-1", "SAM_CLI_TELEMETRY": "0"}
    return {**inherited, **keys, **region, "PATH": path}


def run(*command: str, stdin: str = "", cwd: Path = ROOT, **environment: str) -> str:
    """Run a command and return its output. If it fails, fail with its output."""
    done = subprocess.run(
        command,
        input=stdin,
        cwd=cwd,
        env=sam_environment() | environment,
        capture_output=True,
        text=True,
        timeout=_LIMIT,
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class SamLocal:
    """A running `python -m local.sam`."""

    stack: dict[str, Any]

    def __init__(self, folder: Path) -> None:
        self._log = folder / "sam.log"
        self._aws_port = free_port()
        api, aws = str(free_port()), str(self._aws_port)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.sam", "--api-port", api, "--aws-port", aws],
                cwd=ROOT,
                env=sam_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self) -> None:
        """Wait until the output says that the API is ready."""
        self._wait_for("\nready", 1)
        self.stack = stack_file.read(ROOT / ".local")

    def end(self) -> int:
        """Send Ctrl-C and return the exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait(_LIMIT)

    def send(self, it: Sample, *, token: str | None = None, body: bytes | None = None) -> Any:
        """Send a webhook, signed unless a token is given, and return the response.

        An empty ``token`` sends no Authorization header; ``body`` replaces the signed body.
        """
        token = self.token(it) if token is None else token
        return requests.request(
            it.method,
            f"{self.stack['api_url']}{it.path}?{it.query}",
            data=it.body if body is None else body,
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {token}"} if token else {}),
            timeout=_LIMIT,
        )

    def token(self, it: Sample) -> str:
        """Return the token for a webhook."""
        names = ("signature_secret", "api_key", "application_id")
        return Signer(*(self.stack[name] for name in names)).token(it)

    def client(self, service: str) -> Any:
        """Return a boto3 client for the emulated AWS."""
        return boto3.client(service, **self._client_options())

    def environment(self) -> dict[str, str]:
        """Return the variables that make the SAM CLI use the emulated AWS."""
        return {
            "AWS_ENDPOINT_URL": self.stack["aws_url"],
            "AWS_ACCESS_KEY_ID": self.stack["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.stack["aws_secret_access_key"],
        }

    def items(self, conversation: str) -> list[dict[str, Any]]:
        """Return the items of a conversation."""
        table = boto3.resource("dynamodb", **self._client_options()).Table(self.stack["table"])
        found: list[dict[str, Any]] = table.query(
            KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": conversation}
        )["Items"]
        return found

    def jobs(self) -> Iterator[dict[str, Any]]:
        """Receive and delete the messages of the recordings queue."""
        client = self.client("sqs")
        queue = {"QueueUrl": self.stack["queue_url"]}
        while found := client.receive_message(**queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                client.delete_message(**queue, ReceiptHandle=message["ReceiptHandle"])
                yield json.loads(message["Body"])

    def log_lines(self, conversation: str, count: int) -> str:
        """Wait until a conversation has ``count`` log lines, and return the whole log.

        The log excludes the SAM CLI's own lines about requests.
        """
        self._wait_for(f'"conversation": "{conversation}"', count)
        lines = self._text().splitlines()
        return "\n".join(line for line in lines if not re.search(r'"(\S*m)?(GET|POST) /', line))

    def containers(self) -> list[str]:
        """Return the ids of its containers, running or not."""
        ids = run("docker", "ps", "--all", "--quiet").split()
        endpoint = f":{self._aws_port}"
        form = "{{.Config.Env}}"
        return [one for one in ids if endpoint in run("docker", "inspect", "--format", form, one)]

    def _client_options(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.stack["aws_url"],
            "region_name": self.stack["region"],
            "aws_access_key_id": self.stack["aws_access_key_id"],
            "aws_secret_access_key": self.stack["aws_secret_access_key"],
        }

    def _text(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _wait_for(self, text: str, count: int) -> None:
        end = time.monotonic() + _LIMIT
        while self._text().count(text) < count:
            assert self._process.poll() is None, self._text()
            assert time.monotonic() < end, self._text()
            time.sleep(0.1)


def free_port() -> int:
    """Return an unused port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
