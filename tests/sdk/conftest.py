"""Fixtures for Vonage's SDKs: a simulator whose limits are far, and Node with the packages."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.simulator.conftest import (
    API_SECRET,
    make_harness,
    private_key,
    private_pem,
    public_pem,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.simulator.harness import SimulatorHarness

__all__ = ["make_harness", "private_key", "private_pem", "public_pem"]

ROOT = Path(__file__).parents[2]
# Where `make test-sdk` installs tests/sdk/package.json.
PACKAGES = ROOT / ".sdk" / "node_modules"
PUBLIC_HOST = "api.nexmo.com"
SECONDS = 60


@pytest.fixture
async def harness(
    make_harness: Callable[..., Awaitable[SimulatorHarness]],
) -> SimulatorHarness:
    """A harness that answers as api.nexmo.com too.

    Its links are absolute: Node's `getAllCalls` reads no others.
    """
    return await make_harness(
        public_host=PUBLIC_HOST,
        href_prefix=f"https://{PUBLIC_HOST}/v1/calls",
        calls_per_second=1000.0,
        requests_per_second=1000.0,
    )


@dataclass
class NodePackages:
    """Node with Vonage's packages, as clients of a simulator."""

    harness: SimulatorHarness
    private_pem: str
    home: Path

    @property
    def port(self) -> int:
        """The simulator's HTTPS port."""
        port = urlsplit(self.harness.simulator.tls_url).port
        assert port is not None
        return port

    async def call(self, *calls: list[Any], host: str = "localhost") -> list[Any]:
        """Run calls of the SDK with only the host changed, and return their results."""
        url = f"https://{host}:{self.port}"
        request = {
            "credentials": {
                "apiKey": self.harness.simulator.api_key,
                "apiSecret": API_SECRET,
                "applicationId": self.harness.simulator.application_id,
                "privateKey": self.private_pem,
            },
            "options": {"apiHost": url, "restHost": url},
            "calls": calls,
            "publicHost": PUBLIC_HOST,
        }
        output = await self._node(
            [str(ROOT / "tests/sdk/run_sdk.cjs")], json.dumps(request).encode(), {}
        )
        results: list[Any] = json.loads(output)
        return results

    async def cli(self, *words: str) -> str:
        """Run a command of the CLI, and return what it prints."""
        settings = {
            "NODE_OPTIONS": f"--require={json.dumps(str(ROOT / 'tests/sdk/redirect.cjs'))}",
            "SIMULATOR_PORT": str(self.port),
            "VONAGE_API_KEY": self.harness.simulator.api_key,
            "VONAGE_API_SECRET": API_SECRET,
        }
        return (
            await self._node([str(PACKAGES / "@vonage/cli/bin/run.cjs"), *words], b"", settings)
        ).decode()

    async def _node(self, words: list[str], text: bytes, settings: dict[str, str]) -> bytes:
        process = await asyncio.create_subprocess_exec(
            "node",
            *words,
            cwd=self.home,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "NODE_PATH": str(PACKAGES),
                "NODE_EXTRA_CA_CERTS": self.harness.simulator.ca_file,
                **settings,
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(text), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, output.decode() + errors.decode()
        return output


@pytest.fixture
def node(harness: SimulatorHarness, private_pem: str, tmp_path: Path) -> NodePackages:
    assert shutil.which("node"), "no node on the PATH; install Node.js 20 or later"
    assert PACKAGES.is_dir(), "Vonage's packages for Node are not installed: run make test-sdk"
    return NodePackages(harness, private_pem, tmp_path)
