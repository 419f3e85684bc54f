"""The console of a whole platform, and a console with a fake simulator."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest_asyncio
from aiohttp import web

from local.aws.outbox import Outbox
from local.aws.request_log import RequestLog
from local.explore.report import FlowReport
from local.explore.tree import Node, Tree, step_of
from local.local_platform import LocalPlatform, PlatformOptions
from local.samples.signing import Signer
from local.webconsole import ConsoleContext, WebConsole
from tests.local.webconsole.harness import SPEED, ConsoleClient, ConsoleHarness, FakeSimulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

ROOT = Path(__file__).parents[3]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalPlatform]:
    """The platform with the real application."""
    options = PlatformOptions(folder=tmp_path_factory.mktemp("platform"), speed=SPEED)
    async with LocalPlatform(ROOT, options) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(real: LocalPlatform) -> AsyncIterator[ConsoleClient]:
    """A client of the real application's console."""
    async with aiohttp.ClientSession() as http:
        yield ConsoleClient(http, real.phone.url)


async def _explore(flow: dict[str, Any]) -> FlowReport:
    """Return a report that contains a secret."""
    step = step_of({"action": "talk", "text": "0123456789abcdefghij"})
    return FlowReport(Tree(flow["name"], [Node(1, [step])]), [])


@pytest_asyncio.fixture(loop_scope="session")
async def harness(tmp_path: Path) -> AsyncIterator[ConsoleHarness]:
    """A console without a platform."""
    async with contextlib.AsyncExitStack() as parts:
        vonage = FakeSimulator()
        runner = web.AppRunner(vonage.app(), shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        parts.push_async_callback(runner.cleanup)
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        vonage_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        request_log, listeners = RequestLog(), list[Any]()
        about: dict[str, Any] = {
            **{"numbers": [], "table": None, "bucket": None},
            **{"api_url": "http://127.0.0.1:1", "vonage_url": vonage_url},
        }
        for name in ("page", "code"):
            (tmp_path / name).mkdir()
        console = WebConsole(
            ConsoleContext(
                about=about,
                secrets=("0123456789abcdefghij",),
                signer=Signer("s" * 32, "key", "application"),
                request_log=request_log,
                listen=listeners.append,
                code=tmp_path / "code",
                explore=_explore,
                outbox=Outbox(),
                dynamodb=None,
                s3=None,
                sign=lambda method, path: {},
            ),
        )
        console.page_folders = (tmp_path / "page",)
        await console.start(socket.create_server(("127.0.0.1", 0)))
        parts.push_async_callback(console.stop)
        http = await parts.enter_async_context(aiohttp.ClientSession())
        client = ConsoleClient(http, console.url)
        yield ConsoleHarness(
            vonage, request_log, client, tmp_path, console, listeners, runner.cleanup
        )
