"""Run documented commands in a shell, against the local platform."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from local.local_platform import LocalPlatform

_LIMIT = 120.0  # seconds per command


class ShellResult(NamedTuple):
    """A command's exit status, and its standard output and error."""

    status: int
    output: str


class Shell:
    """A shell in the checkout that replaces the placeholders of the documentation."""

    def __init__(self, checkout: Path, platform: LocalPlatform) -> None:
        self.checkout = checkout
        self.platform = platform
        self._placeholders: dict[str, str] = {}

    async def configure(self) -> None:
        """Place a call, and set the values of the placeholders."""
        vonage = self.platform.vonage.http_url
        async with aiohttp.ClientSession() as http:
            body = {"from": "447700900999", "to": "447700900000"}
            async with http.post(f"{vonage}/sim/calls", json=body) as response:
                uuid = str((await response.json())["uuid"])
        outputs = self.platform.stack.outputs
        self._placeholders = {
            "http://127.0.0.1:9000": vonage,
            "localhost:8080": vonage.removeprefix("http://"),
            "http://127.0.0.1:8765": self.platform.phone.url,
            '"$API/': f'"{self.platform.api_url}/',
            " BASE_URL/": f" {self.platform.api_url}/",
            "/CALL_UUID": f"/{uuid}",
            " CALL_UUID": f" {uuid}",
            "/RECORDING_UUID": f"/{uuid}",
            "447700900001": "447700900000",
            "SIGNING_SECRET_ARN": outputs["SigningSecretArn"],
            "TABLE": outputs["TableName"],
            "RECORDINGS_DEAD_LETTER_QUEUE_URL": outputs["RecordingsDeadLetterQueueUrl"],
        }

    def replace_placeholders(self, command: str) -> str:
        """Return a command with real values, against the local platform."""
        for placeholder, value in self._placeholders.items():
            command = command.replace(placeholder, value)
        return re.sub(r"\bvoicectl (--local )?", "voicectl --local --yes ", command, count=1)

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the shell."""
        inherited = ("HOME", "LANG", "TMPDIR")
        keys = self.platform.credentials
        return {name: os.environ[name] for name in inherited if name in os.environ} | {
            "PATH": f"{self.checkout / '.venv' / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.checkout),
            "AWS_ACCESS_KEY_ID": keys.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.aws_secret_access_key,
            "AWS_SESSION_TOKEN": keys.aws_session_token,
            "AWS_REGION": self.platform.options.region,
            "AWS_DEFAULT_REGION": self.platform.options.region,
            "AWS_ENDPOINT_URL": self.platform.moto.url,
            "KEY": os.urandom(8).hex(),
            "TO_NUMBER": "447700900000",
        }

    async def run(self, command: str) -> ShellResult:
        """Run a command until it exits."""
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            self.replace_placeholders(command),
            cwd=self.checkout,
            env=self.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _LIMIT)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return ShellResult(process.returncode or 0, output.decode())


async def run_until_ready(command: str, folder: Path, ready: str) -> str:
    """Start a command, send Ctrl-C once it prints the given text, and return its output.

    The command uses free ports instead of the ones it names.
    """
    local_command = re.sub(r"(--\w*-?port) \d+", r"\1 0", command).replace(
        ".venv/bin/python", shlex.quote(sys.executable)
    )
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f"exec {local_command}",
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    output = ""
    try:
        async with asyncio.timeout(_LIMIT):
            while ready not in output:
                line = (await process.stdout.readline()).decode()
                assert line, output
                output += line
            process.send_signal(signal.SIGINT)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output
