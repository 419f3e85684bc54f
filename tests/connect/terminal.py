"""`python -m connect` as its user runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import aiohttp

    from local.platform import Platform

ROOT = Path(__file__).parents[2]
_LIMIT = 60.0  # seconds that a command may take


class Ran(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote with --json."""
        return json.loads(self.out)


class Terminal:
    """A folder in which the user runs commands, and the platform that they act on."""

    def __init__(self, platform: Platform, folder: Path, http: aiohttp.ClientSession) -> None:
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
        kept = {name: os.environ[name] for name in known if name in os.environ}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "connect", "--local", *words),
            cwd=self.folder,
            env=kept | {"PYTHONPATH": str(ROOT)} | (environment or {}),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *words: str, environment: dict[str, str] | None = None) -> Ran:
        """Run a command to its end."""
        process = await self.start(*words, environment=environment)
        try:
            out, err = await asyncio.wait_for(process.communicate(), _LIMIT)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def json(self, *words: str) -> Any:
        """Run a command with --json that must succeed, and give its object."""
        ran = await self("--json", *words)
        assert ran.status == 0, ran
        return ran.json

    async def vonage(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the simulated Vonage's own door."""
        url = f"{self.platform.vonage.http_url}{path}"
        async with self.http.request(method, url, json=body) as response:
            text = await response.text()
            return json.loads(text) if text else None
