"""Somebody who types the commands of the pages, word by word, into a shell."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, NamedTuple

import aiohttp

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from local.local_platform import LocalPlatform

_LIMIT = 120.0  # seconds that a command may take


class ShellResult(NamedTuple):
    """How a command ended and what it wrote, errors as well."""

    status: int
    said: str


class Shell:
    """A shell in the checkout, with what a page has its reader put in for itself."""

    def __init__(self, checkout: Path, platform: LocalPlatform) -> None:
        self.checkout = checkout
        self.platform = platform
        self._stand_ins: dict[str, str] = {}

    async def settle_in(self) -> None:
        """Make what pages take for given: calls that were made, addresses, a key file."""
        vonage = self.platform.vonage.http_url
        async with aiohttp.ClientSession() as http:
            body = {"from": "447700900999", "to": "447700900000"}
            async with http.post(f"{vonage}/sim/calls", json=body) as response:
                uuid = str((await response.json())["uuid"])
        outputs = self.platform.stack.outputs
        self._stand_ins = {
            "http://127.0.0.1:9000": vonage,
            "localhost:8080": vonage.removeprefix("http://"),
            "http://127.0.0.1:43127": self.platform.phone.url,
            '"$API/': f'"{self.platform.api_url}/',
            " BASE_URL/": f" {self.platform.api_url}/",
            "/UUID": f"/{uuid}",
            " UUID": f" {uuid}",
            "447700900001": "447700900000",
            "SIGNING_SECRET_ARN": outputs["SigningSecretArn"],
            "TABLE": outputs["TableName"],
            "RECORDINGS_DEAD_LETTER_QUEUE_URL": outputs["RecordingsDeadLetterQueueUrl"],
        }

    def filled_in(self, command: str) -> str:
        """Give a command with what its page has the reader put in."""
        for word, real in self._stand_ins.items():
            command = command.replace(word, real)
        # The stack is the local one, and nobody is there to be asked.
        return command.replace("-m voicectl ", "-m voicectl --local --yes ", 1).replace(
            "--local --yes --local", "--local --yes"
        )

    def environment(self) -> dict[str, str]:
        """Give the variables that the reader has set."""
        known = ("PATH", "HOME", "LANG", "TMPDIR")
        keys = self.platform.credentials
        return {name: os.environ[name] for name in known if name in os.environ} | {
            "PYTHONPATH": str(self.checkout),
            "AWS_ACCESS_KEY_ID": keys.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.aws_secret_access_key,
            "AWS_SESSION_TOKEN": keys.aws_session_token,
            "AWS_REGION": self.platform.options.region,
            "AWS_DEFAULT_REGION": self.platform.options.region,
            "AWS_ENDPOINT_URL": self.platform.cloud.url,
            "KEY": os.urandom(8).hex(),
            "TO_NUMBER": "447700900000",
        }

    async def types(self, command: str) -> ShellResult:
        """Type a command, and wait for its end."""
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            self.filled_in(command),
            cwd=self.checkout,
            env=self.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), _LIMIT)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return ShellResult(process.returncode or 0, said.decode())


async def starts(command: str, folder: Path, ready: str) -> str:
    """Type a command that goes on until Ctrl-C; wait for a word of it, and end it so.

    Its ports are free ones, whatever the command names. Gives what it said.
    """
    typed = re.sub(r"(--\w*-?port) \d+", r"\1 0", command).replace(
        ".venv/bin/python", sys.executable
    )
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f"exec {typed}",
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(_LIMIT):
            while ready not in said:
                line = (await process.stdout.readline()).decode()
                assert line, said
                said += line
            process.send_signal(signal.SIGINT)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said
