"""Run `voicectl` as a user does: as a subprocess, in its own folder."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from local.local_platform import LocalPlatform, PlatformOptions

if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[2]
_LIMIT = 60.0  # seconds that a command may take
RENTED = "447700900000"
OTHER = "https://other.example/answer"


class CompletedCommand(NamedTuple):
    """The exit status and output of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output of --json."""
        return json.loads(self.out)


def platform_in(folder: Path) -> LocalPlatform:
    """Return a platform that runs this project's template, with its own folder."""
    options = PlatformOptions(
        folder=folder / ".local",
        parameters={"AllowedPrefixes": "44", "CallsPerDay": "2000", "DefaultFlow": "greet"},
        speed=10,
    )
    return LocalPlatform(ROOT, options)


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


class CliTerminal:
    """A folder in which a user runs commands, and the platform for them."""

    def __init__(self, platform: LocalPlatform, folder: Path, http: aiohttp.ClientSession) -> None:
        self.platform = platform
        self.folder = folder
        self.http = http

    async def start(
        self,
        *words: str,
        environment: dict[str, str] | None = None,
        stdin: int = asyncio.subprocess.DEVNULL,
    ) -> asyncio.subprocess.Process:
        """Start a command, with --local."""
        known = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
        inherited = {name: os.environ[name] for name in known if name in os.environ}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicectl", "--local", *words),
            cwd=self.folder,
            env=inherited | (environment or {}),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(
        self, *words: str, environment: dict[str, str] | None = None
    ) -> CompletedCommand:
        """Run a command to its end."""
        process = await self.start(*words, environment=environment)
        try:
            out, err = await asyncio.wait_for(process.communicate(), _LIMIT)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return CompletedCommand(process.returncode or 0, out.decode(), err.decode())

    async def json(self, *words: str) -> Any:
        """Run a command with --json that must succeed, and return its object."""
        ran = await self("--json", *words)
        assert ran.status == 0, ran
        return ran.json

    def change_stack_file(self, **changes: Any) -> None:
        """Replace values of stack.json for this terminal; None removes one."""
        folder = self.folder / ".local"
        if folder.is_symlink():
            folder.unlink()
            folder.mkdir()
        known = json.loads((self.platform.folder / "stack.json").read_text()) | changes
        present = {name: value for name, value in known.items() if value is not None}
        (folder / "stack.json").write_text(json.dumps(present))

    @staticmethod
    def drop_after(requests: int) -> dict[str, Any]:
        """Return faults that make Vonage carry out this request and send no response.

        The fault occurs once, with a probability of one half; the seed selects the request.
        """
        for seed in range(10_000):
            source = random.Random(f"{seed}/api_drop_after")
            drawn = [source.random() < 0.5 for _ in range(requests)]
            if drawn == [False] * (requests - 1) + [True]:
                return {"seed": seed, "api_drop_after": {"probability": 0.5, "times": 1}}
        raise AssertionError("there is no such seed")

    def items(self) -> list[dict[str, Any]]:
        """Return the events in the table."""
        table = self.platform.stack.outputs["TableName"]
        pages = self.platform.moto.client("dynamodb").get_paginator("scan")
        found = [item for page in pages.paginate(TableName=table) for item in page["Items"]]
        return [one for one in found if "body" in one]

    async def call_until_stored(self) -> str:
        """Call the number, wait until the end of the call is stored, and return the leg."""
        call = {"from": "447700900123", "to": RENTED}
        leg: str = (await self.vonage("POST", "/sim/calls", call))["uuid"]

        def ended() -> bool:
            return any(
                one["leg"]["S"] == leg.replace("-", "") and one["status"]["S"] == "completed"
                for one in self.items()
                if one["kind"]["S"] == "status"
            )

        for _ in range(200):
            if await asyncio.to_thread(ended):
                return leg
            await asyncio.sleep(0.1)
        raise AssertionError("the call was not stored")

    @contextlib.contextmanager
    def stored_webhook(self, secret: str) -> Iterator[None]:
        """Store a webhook signed with this secret, as the latest of all.

        The functions would take a minute to read a new secret.
        """
        # Spelled out, since stored events have it: the fingerprint must not change.
        fingerprint = hashlib.sha256(b"signature secret " + secret.encode()).hexdigest()[:8]
        moment = datetime.now(UTC) + timedelta(days=1)
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        texts = {"pk": "CON-of-a-test", "sk": f"{stamp}#status"}
        key = {name: {"S": text} for name, text in texts.items()}
        texts = {"day": stamp[:10], "received_at": stamp, "signed_by": fingerprint}
        client = self.platform.moto.client("dynamodb")
        table = self.platform.stack.outputs["TableName"]
        item = key | {name: {"S": text} for name, text in texts.items()}
        client.put_item(TableName=table, Item=item)
        try:
            yield
        finally:
            client.delete_item(TableName=table, Key=key)

    async def vonage(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the control API of the simulated Vonage."""
        url = f"{self.platform.vonage.http_url}{path}"
        async with self.http.request(method, url, json=body) as response:
            text = await response.text()
            return json.loads(text) if text else None


class CliAccount:
    """The Vonage account of a platform, through Vonage's account APIs."""

    def __init__(self, terminal: CliTerminal) -> None:
        known = terminal.platform.credentials
        self.terminal = terminal
        self.application_id = known.application_id
        basic = aiohttp.encode_basic_auth(known.api_key, known.api_secret)
        self.headers = {"Authorization": basic}

    async def ask(self, method: str, path: str, body: Any = None, **form: str) -> Any:
        url = f"{self.terminal.platform.vonage.http_url}{path}"
        async with self.terminal.http.request(
            method, url, json=body, data=form or None, headers=self.headers
        ) as response:
            assert response.status < 300, await response.text()
            return json.loads(await response.text() or "null")

    async def application(self, application_id: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = await self.ask(
            "GET", f"/v2/applications/{application_id or self.application_id}"
        )
        return found

    async def put(self, fields: dict[str, Any]) -> None:
        sent = {name: fields[name] for name in ("name", "capabilities", "privacy")}
        sent["keys"] = fields["keys"]
        await self.ask("PUT", f"/v2/applications/{fields['id']}", sent)

    async def link(self, application_id: str | None) -> None:
        fields = {"country": "GB", "msisdn": RENTED}
        fields |= {"app_id": application_id} if application_id else {}
        await self.ask("POST", "/number/update", **fields)

    async def linked(self) -> str | None:
        listed = await self.ask("GET", "/account/numbers")
        found: dict[str, str | None] = {
            one["msisdn"]: one.get("app_id") for one in listed["numbers"]
        }
        return found[RENTED]


class Secrets:
    """The stack's two secrets."""

    def __init__(self, terminal: CliTerminal) -> None:
        self.client = terminal.platform.moto.client("secretsmanager")
        outputs = terminal.platform.stack.outputs
        self.signing, self.application = (
            outputs["SigningSecretArn"],
            outputs["ApplicationSecretArn"],
        )

    def read(self, arn: str) -> dict[str, str]:
        text = self.client.get_secret_value(SecretId=arn)["SecretString"]
        found: dict[str, str] = json.loads(text)
        return found

    def write(self, arn: str, fields: dict[str, str]) -> None:
        self.client.put_secret_value(SecretId=arn, SecretString=json.dumps(fields))


async def point_elsewhere(account: CliAccount) -> dict[str, Any]:
    """Point the application elsewhere, add settings that are not ours, and return it."""
    webhooks = {
        "answer_url": {"address": OTHER, "http_method": "GET"},
        "event_url": {"address": "https://other.example/event", "socket_timeout": 3000},
    }
    present = await account.application()
    present["capabilities"] = {
        "voice": {"webhooks": webhooks, "signed_callbacks": False, "conversations_ttl": 77},
        "messages": {"webhooks": {"inbound_url": {"address": "https://other.example/in"}}},
    }
    present["privacy"] = {"improve_ai": True}
    await account.put(present)
    return await account.application()


def addresses(application: dict[str, Any]) -> dict[str, str]:
    webhooks = application["capabilities"]["voice"]["webhooks"]
    return {name: webhook["address"] for name, webhook in webhooks.items()}
